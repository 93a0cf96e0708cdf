"""Programs that say who they are: swaks as an application, and a Postfix that relays by AUTH.

All of them send the same mail; the user alone decides which stream it is of.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.processes import free_port, until
from tests.real.guard import Guard
from tests.real.mta import Postfix, message, send

pytestmark = pytest.mark.real

PASSWORD = "correct-horse-42"
POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
brands:
  acme:
    from_domains: [acme.fr]
    unsubscribe: {url: "https://u.acme.fr"}
streams:
  campaigns:
    match: {user: crm}
    class: marketing
    brand: acme
    mode: enforce
    edits: body
    rules: {missing-unsubscribe-link: fix-or-reject}
  receipts:
    match: {user: shop}
    class: transactional
    brand: acme
    mode: enforce
"""
LINK = b"https://u.acme.fr/u/"


@dataclass
class World:
    """A guard that knows two users, and what it relays to."""

    guard: Guard
    behind: Postfix
    port: int
    mails: Path

    def swaks(self, number: str, *said: str) -> subprocess.CompletedProcess[str]:
        """An application sends a mail."""
        mail = self.mails / f"{number}.eml"
        mail.write_bytes(message(number).replace(b"\r\n", b"\n"))
        return subprocess.run(
            [
                *("swaks", "--server", f"127.0.0.1:{self.port}", "--data", f"@{mail}"),
                *("--from", "news@acme.fr", "--to", "reader@client.fr", *said),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def arrival(self, number: str, *told_by: Postfix) -> bytes:
        """The mail, once it is there."""
        (mail,) = until(
            lambda: self.behind.mails(number), f"mail {number}", self.guard, self.behind, *told_by
        )
        return mail


@pytest.fixture(scope="module")
def world(guard: Callable[..., Guard], behind: Postfix, place: Path) -> World:
    pem = place / "guard.pem"
    issued = trustme.CA().issue_cert("guard.test")
    issued.private_key_and_cert_chain_pem.write_to_path(pem)
    port = free_port()
    (last,) = behind.ports
    apps = {
        "name": "apps",
        "listen": f"127.0.0.1:{port}",
        "tls": {"certificate": str(pem), "key": str(pem), "required": True},
        "auth": {"users": str(place / "users")},
    }
    one = guard(last, listeners=[apps])
    (one.policies / "acme.yaml").write_text(POLICY)
    for name in ("crm", "shop"):
        done = subprocess.run(
            [*(sys.executable, "-m", "smtpguard", "users", "add", name, "-c", str(one.config))],
            input=f"{PASSWORD}\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    one.start()
    mails = place / "mails"
    mails.mkdir()
    return World(one, behind, port, mails)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(
    ("user", "stream", "linked"), [("crm", "campaigns", True), ("shop", "receipts", False)]
)
def test_the_user_of_an_application_chooses_the_stream(
    world: World, mechanism: str, user: str, stream: str, linked: bool
) -> None:
    number = f"{user}.{mechanism}"
    auth = ("--auth", mechanism, "--auth-user", user, "--auth-password", PASSWORD)
    done = world.swaks(number, "--tls", *auth)
    assert done.returncode == 0, done.stdout + done.stderr
    mail = world.arrival(number)
    assert b" with ESMTPSA id " in mail
    assert (LINK in mail) is linked
    assert world.guard.lines(f"user={user}, size=")
    assert world.guard.lines(f"stream=acme/{stream}")


def test_a_postfix_that_relays_by_auth_is_a_user(
    world: World, postfix: Callable[..., Postfix]
) -> None:
    submission = free_port()
    front = postfix(
        "front-auth",
        ports={submission: ()},
        relayhost=f"[127.0.0.1]:{world.port}",
        smtp_tls_security_level="encrypt",
        smtp_sasl_auth_enable="yes",
        smtp_sasl_password_maps=f"static:crm:{PASSWORD}",
        smtp_sasl_security_options="noanonymous",
    )
    front.start()
    send(submission, message("relayed"))
    mail = world.arrival("relayed", front)
    assert LINK in mail
    assert front.lines("status=sent")


def test_who_is_nobody_sends_nothing(world: World) -> None:
    wrong = ("--auth", "PLAIN", "--auth-user", "crm", "--auth-password", "hunter2-hunter2")
    done = world.swaks("wrong", "--tls", *wrong)
    assert "535 5.7.8" in done.stdout
    assert world.guard.lines("AUTH failed: client=127.0.0.1, user=crm")
    assert "530 5.7.0 authentication required" in world.swaks("none", "--tls").stdout
    assert "530 5.7.0 say STARTTLS first" in world.swaks("clear").stdout
    for secret in ("hunter2", PASSWORD):
        assert not world.guard.lines(secret)

"""What comes back through a real Postfix: bounces, unsubscribe requests, replies, complaints."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

import pytest

from tests.processes import free_port, until
from tests.real.guard import Guard
from tests.real.mta import Postfix, message, send

pytestmark = pytest.mark.real

POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
rights_contact: dpo@acme.fr
feedback:
  bounces: [bounces@acme.fr]
  complaints: [abuse@acme.fr]
  replies: [news@acme.fr]
  operator: operator@ops.fr
brands:
  acme:
    from_domains: [acme.fr]
    unsubscribe: {url: "https://u.acme.fr", mailto: unsubscribe@acme.fr}
streams:
  newsletter:
    match: {sender: bounces@acme.fr}
    class: marketing
    mode: enforce
    edits: body
    rules: {missing-unsubscribe-link: fix-or-reject, missing-list-unsubscribe: fix-or-reject}
  plain:
    match: {sender: bounces+plain@acme.fr}
    class: marketing
    mode: enforce
"""
MAILTO = re.compile(rb"<mailto:([^?>]+)\?subject=([^>]+)>")


def inline(rows: Iterable[str]) -> str:
    """A table of Postfix in its own configuration."""
    return "inline:{" + ", ".join(f"{{{row}}}" for row in rows) + "}"


@dataclass
class World:
    """A guard, and the Postfix behind it that also serves the readers."""

    guard: Guard
    behind: Postfix

    def newsletter(self, number: str, reader: str, sender: str = "bounces@acme.fr") -> None:
        """Send one through the guard."""
        send(self.guard.smtp, message(number, To=reader), reader, sender=sender)

    def arrival(self, number: str) -> bytes:
        """It, in the reader's mailbox."""
        return until(lambda: self.behind.mails(number), f"mail {number}", self.guard, self.behind)[
            0
        ]

    def writes(self, mail: bytes, to: str, sender: str) -> None:
        """A reader, or their provider, sends mail."""
        (port,) = self.behind.ports
        send(port, mail, to, sender=sender)

    def refused(self, number: str, reader: str) -> bool:
        """Whether the next newsletter is refused at RCPT."""
        try:
            self.newsletter(number, reader)
        except smtplib.SMTPRecipientsRefused as refused:
            ((code, words),) = refused.recipients.values()
            return code == 550 and b"suppressed-recipient" in words
        return False

    def heard(self, what: str) -> str:
        """The guard's line about the last mail of that kind that came back."""
        told_by = (self.guard, self.behind)
        return until(lambda: self.guard.lines(f"what={what}"), f"a {what}", *told_by)[-1]


@pytest.fixture(scope="module")
def world(postfix: Callable[..., Postfix], guard: Callable[..., Guard]) -> World:
    """Mail for acme.fr goes from Postfix to the feedback listener; nobody@client.fr is unknown."""
    feedback, last = free_port(), free_port()
    known = ("reader", "asker", "stopper", "angry")
    boxes = [*(f"{name}@client.fr" for name in known), "operator@ops.fr"]
    behind = postfix(
        "behind",
        ports={last: ()},
        mailboxes=["client.fr", "ops.fr"],
        virtual_mailbox_maps=inline(f"{box} = all/" for box in boxes),
        smtpd_reject_unlisted_recipient="no",
        transport_maps=inline([f"acme.fr = smtp:[127.0.0.1]:{feedback}"]),
    )
    listeners = [{"name": "feedback", "listen": f"127.0.0.1:{feedback}", "kind": "feedback"}]
    relay = free_port()
    listeners.append({"name": "smtp", "listen": f"127.0.0.1:{relay}"})
    one = guard(last, listeners=listeners)
    one.smtp = relay
    (one.policies / "acme.yaml").write_text(POLICY)
    behind.start()
    one.start()
    return World(one, behind)


@pytest.mark.parametrize(
    ("reader", "sender"),
    [("nobody@client.fr", "bounces@acme.fr"), ("noone@client.fr", "bounces+plain@acme.fr")],
    ids=["by-token", "by-message-id"],
)
def test_postfix_bounces_twice_and_the_next_newsletter_is_refused(
    world: World, reader: str, sender: str
) -> None:
    name = reader.partition("@")[0]
    for number in (1, 2):
        before = len(world.guard.lines(f"hard {number}/2 5.1.1"))
        world.newsletter(f"b{number}.{name}", reader, sender)
        until(
            lambda: world.guard.lines(f"hard {number}/2 5.1.1")[before:],  # noqa: B023 - used here
            f"bounce {number}",
            world.guard,
            world.behind,
        )
        second = int(time.time())  # messages are told apart by when they left
        until(lambda: time.time() >= second + 1, "the next second")  # noqa: B023 - used here
    assert "suppressed hard-bounce" in world.heard("bounce")
    assert world.refused(f"b3.{name}", reader)


def test_the_mail_that_the_readers_program_sends_to_unsubscribe(world: World) -> None:
    world.newsletter("m.1", "asker@client.fr")
    found = MAILTO.search(b"".join(world.arrival("m.1").split(b"\n ")))
    assert found
    mail = message("m.2", "\n", From="asker@client.fr", Subject=unquote(found[2].decode()))
    world.writes(mail, found[1].decode(), "asker@client.fr")
    assert "suppressed objection stream:newsletter" in world.heard("leave")
    assert world.refused("m.3", "asker@client.fr")


def test_a_reply_that_says_stop(world: World) -> None:
    world.newsletter("s.1", "stopper@client.fr")
    world.arrival("s.1")
    fields = {"In-Reply-To": "<s.1@acme.fr>", "Message-ID": "<1@client.fr>"}
    mail = message("s.2", "Stop\n", From="stopper@client.fr", Subject="Re: Nos", **fields)
    world.writes(mail, "news@acme.fr", "stopper@client.fr")
    until(lambda: world.guard.lines("suppressed objection brand:acme"), "the reply", world.guard)
    assert world.refused("s.3", "stopper@client.fr")


def test_a_complaint_from_the_readers_provider(world: World) -> None:
    world.newsletter("c.1", "angry@client.fr")
    newsletter = world.arrival("c.1").partition(b"\n")[2]  # without Return-Path
    report = (
        b"From: fbl@client.fr\nTo: abuse@acme.fr\nSubject: FW: Nos\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=arf\n\n"
        b"--arf\n\nAn abuse report.\n\n--arf\nContent-Type: message/feedback-report\n\n"
        b"Feedback-Type: abuse\nUser-Agent: FBL/1\nVersion: 1\nOriginal-Rcpt-To: redacted\n\n"
        b"--arf\nContent-Type: message/rfc822\nContent-Disposition: inline\n\n"
        + newsletter
        + b"\n--arf--\n"
    )
    world.writes(report.replace(b"\n", b"\r\n"), "abuse@acme.fr", "fbl@client.fr")
    assert "suppressed complaint brand:acme" in world.heard("complaint")
    assert world.refused("c.2", "angry@client.fr")


def test_what_is_not_understood_reaches_the_operator(world: World) -> None:
    mail = message("o.1", "Quand ouvrez-vous ?\n", From="reader@client.fr", Subject="Question")
    world.writes(mail, "news@acme.fr", "reader@client.fr")
    arrived = world.arrival("o.1")
    assert b"Quand ouvrez-vous" in arrived
    assert b"by guard.test (smtpguard " in arrived
    assert b"X-Original-To: operator@ops.fr" in arrived


def test_who_is_not_ours_is_turned_away(world: World) -> None:
    world.writes(message("x.1", From="reader@client.fr"), "ceo@acme.fr", "reader@client.fr")
    told_by = (world.guard, world.behind)
    (line, *_) = until(lambda: world.behind.lines("to=<ceo@acme.fr>"), "the refusal", *told_by)
    assert "dsn=5.1.1" in line
    assert "status=bounced" in line


def test_a_reload_brings_new_addresses(world: World) -> None:
    policy = world.guard.policies / "acme.yaml"
    policy.write_text(policy.read_text().replace("[news@acme.fr]", "[news@acme.fr, hi@acme.fr]"))
    before = len(world.guard.lines("reloaded"))
    os.kill(world.guard.pid, signal.SIGHUP)
    until(lambda: len(world.guard.lines("reloaded")) > before, "the reload", world.guard)
    mail = message("r.1", "Bonjour, une question.\n", From="reader@client.fr", Subject="Question")
    world.writes(mail, "hi@acme.fr", "reader@client.fr")
    assert b"une question" in world.arrival("r.1")

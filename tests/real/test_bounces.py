"""What a real Postfix makes of our refusals, as programs that read bounces see it.

``docs/bounces.md`` says what listmonk and Mautic do with it; no code of theirs is here.
"""

from __future__ import annotations

import email
from collections.abc import Callable
from email.message import Message

import pytest

from smtpguard.verdict.mistakable import mistakable
from tests.processes import free_port, until
from tests.real.guard import Guard
from tests.real.mta import Postfix, message, send

pytestmark = pytest.mark.real

POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
rights_contact: dpo@acme.fr
feedback: {operator: operator@ops.fr}
streams:
  email-now:
    owner: email@acme.fr
    match: {sender: now@acme.fr}
    class: marketing
    mode: enforce
    rules: {unrendered-placeholder: reject, missing-sender-identity: reject, deceptive-from: reject}
  later:
    match: {sender: later@acme.fr}
    class: marketing
    mode: enforce
    refuse_with: defer
    rules: {unrendered-placeholder: reject}
"""
BAD = {"Subject": "Bonjour {{ user.full_name }}"}


@pytest.fixture(scope="module")
def front(postfix: Callable[..., Postfix], guard: Callable[..., Guard]) -> Postfix:
    """A Postfix that gives up after seconds, a guard behind it, and nobody behind that."""
    one = guard(free_port())
    (one.policies / "acme.yaml").write_text(POLICY)
    door = free_port()
    filtered = (
        f"content_filter=guard:[127.0.0.1]:{one.lmtp}",
        "receive_override_options=no_address_mappings",
    )
    server = postfix(
        "bouncing",
        ports={door: filtered},
        services="guard unix - - n - 10 lmtp\n",
        mailboxes=["acme.fr"],
        maximal_queue_lifetime="3s",
        bounce_queue_lifetime="3s",
        bounce_size_limit="1",
    )
    one.start()
    server.start()
    return server


def bounce(front: Postfix, number: str, sender: str, **fields: str) -> Message:
    """The report on one mail."""
    (door,) = front.ports
    send(door, message(number, **fields), sender=sender)
    found = until(lambda: [m for m in front.mails(number) if b"multipart/report" in m], "it", front)
    return email.message_from_bytes(found[0])


def told(report: Message) -> tuple[str, str, str]:
    """Status, action and diagnosis, of the machine's part."""
    (one,) = (part for part in report.walk() if part.get_content_type().endswith("delivery-status"))
    blocks = one.get_payload()
    assert isinstance(blocks, list)
    block = blocks[1]
    assert isinstance(block, Message)
    return block["Status"], block["Action"], " ".join(block["Diagnostic-Code"].split())


def test_a_refusal_of_content_names_no_dead_mailbox(front: Postfix) -> None:
    status, action, diagnosis = told(bounce(front, "b.now", "now@acme.fr", **BAD))
    assert (status, action) == ("5.6.0", "failed")
    assert "unrendered-placeholder" in diagnosis
    assert not mistakable([diagnosis.removeprefix("smtp; ")])


def test_what_is_put_off_comes_back_as_a_passing_fault(front: Postfix) -> None:
    status, action, diagnosis = told(bounce(front, "b.later", "later@acme.fr", **BAD))
    assert (status, action) == ("4.6.0", "failed")
    assert diagnosis.startswith("smtp; 451-4.6.0 unrendered-placeholder")
    assert not mistakable([diagnosis.removeprefix("smtp; ")])


def test_the_newsletter_itself_can_be_kept_out_of_its_bounce(front: Postfix) -> None:
    """Its words are read as well: "your account ... full"."""
    report = bounce(front, "b.body", "now@acme.fr", **BAD)
    kinds = [part.get_content_type() for part in report.walk()]
    assert kinds[-1] == "text/rfc822-headers"
    assert b"nos prix du mois" not in report.as_bytes()

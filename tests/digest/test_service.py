"""``smtpguard serve`` with two workers: one bad template, one letter as it begins, one after."""

from __future__ import annotations

import email
import tempfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

from tests.faults.serve import Guard
from tests.faults.wire import Client, Upstream
from tests.processes import until

POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
rights_contact: dpo@acme.fr
feedback: {operator: postmaster@acme.fr}
streams:
  newsletter:
    owner: marketing@acme.fr
    match: {sender: news@acme.fr}
    class: marketing
    mode: enforce
    pause: {after: 3, within: 2s}
    rules: {missing-unsubscribe-link: reject}
"""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    one = Upstream()
    yield one
    one.stop()


@pytest.fixture
def guard(upstream: Upstream) -> Iterator[Guard]:
    with tempfile.TemporaryDirectory(prefix="sg-") as folder:
        policy = Path(folder) / "acme.yaml"
        policy.write_text(POLICY)
        settings = {"workers": 2, "digest": {"window": "1s"}}
        one = Guard(Path(folder) / "guard", upstream.port, policy, **settings)
        one.start()
        yield one
        one.end()


def letters(upstream: Upstream) -> list[Message]:
    return [email.message_from_bytes(mail.content) for mail in list(upstream.taken)]


def bad(guard: Guard) -> bytes:
    with Client(guard.port) as client:
        return client.mail(b"Bonjour", sender=b"news@acme.fr")


def test_two_workers_tell_the_owner_once(guard: Guard, upstream: Upstream) -> None:
    codes = [bad(guard)[:3] for _ in range(30)]
    assert codes[0] == b"550"
    assert codes[-1] == b"451"
    until(lambda: len(upstream.taken) >= 2, "two letters")
    until(lambda: guard.said("digest: what=digest.ended"), "the end in the log")
    begun, ended = letters(upstream)
    assert begun["Subject"] == "[smtpguard] acme/newsletter is held up: missing-unsubscribe-link"
    assert ended["Subject"].startswith("[smtpguard] over: ")
    assert {mail.sender[:2] for mail in upstream.taken} == {b"<>"}
    assert [mail.recipients for mail in upstream.taken] == [[b"<marketing@acme.fr>"]] * 2
    assert begun["Auto-Submitted"] == ended["Auto-Submitted"] == "auto-generated"
    assert guard.said("trouble: what=begins") == guard.said("trouble: what=ends") == 1
    assert bad(guard)[:3] == b"550"
    assert guard.stop() == 0

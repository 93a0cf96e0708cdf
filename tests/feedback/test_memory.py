"""What the proxy remembers of the mail it sent, so that what comes back can be believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smtpguard.mail.envelope import Recipient
from smtpguard.policy.controller import Feedback
from smtpguard.policy.stream import Kind, Stream
from smtpguard.proxy.contact import settle
from smtpguard.store.returns import Returns, Sent
from smtpguard.store.store import Store
from smtpguard.verdict.decision import Answer, Copy, Relay, Ruling
from tests.feedback.conftest import ACME, NEWS, NOW, address

RAW = b"Message-ID: <n1@acme.fr>\r\nFrom: news@acme.fr\r\n\r\nBonjour\r\n"
ANNA, BEN = address("anna@client.fr"), address("ben@client.fr")
SAID = {250: b"250 2.0.0 Ok\r\n", 550: b"550 5.1.1 no\r\n"}


async def sends(store: Store, stream: Stream | None, raw: bytes = RAW, code: int = 250) -> None:
    rulings = [Ruling(Recipient(ANNA), stream, Relay())]
    await settle(store, "T1", rulings, [Answer(SAID[code])], Copy((0,), raw), NOW)


async def remembered(store: Store) -> Sent | None:
    return await Returns(store).sent("acme", ["n1@acme.fr"], ANNA)


async def test_a_newsletter_that_was_accepted_is_remembered(store: Store) -> None:
    await sends(store, NEWS)
    assert await remembered(store) == Sent(NOW, "acme", "news")


@pytest.mark.parametrize(
    ("stream", "raw", "code"),
    [
        (NEWS, RAW, 550),
        (NEWS, RAW.partition(b"\r\n")[2], 250),
        (None, RAW, 250),
        (replace(NEWS, kind=Kind.TRANSACTIONAL), RAW, 250),
        (replace(NEWS, kind=Kind.PERSONAL), RAW, 250),
        (replace(NEWS, controller=replace(ACME, feedback=Feedback())), RAW, 250),
    ],
    ids=["refused", "no Message-ID", "no stream", "transactional", "personal", "nobody listens"],
)
async def test_nothing_else_is(store: Store, stream: Stream | None, raw: bytes, code: int) -> None:
    await sends(store, stream, raw, code)
    assert await remembered(store) is None


async def test_one_copy_for_two_is_nobodys_own(store: Store) -> None:
    rulings = [Ruling(Recipient(who), NEWS, Relay()) for who in (ANNA, BEN)]
    await settle(store, "T1", rulings, [Answer(SAID[250])] * 2, Copy((0, 1), RAW), NOW)
    found = await remembered(store)
    assert found
    assert not found.alone


async def test_a_silent_store_costs_the_memory_alone(store: Store) -> None:
    await store.close()
    await sends(store, NEWS)

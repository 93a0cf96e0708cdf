"""Mail to people who had left is counted, once each; mail to others costs nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Recipient, Session
from smtpguard.person import Reason, Scope, Suppression
from smtpguard.policy.stream import Kind, Match
from smtpguard.store.counts import DAY, Attempts, Counts
from smtpguard.store.embedded import Embedded
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store, Who
from tests.proxy.conftest import NEWSLETTER

if TYPE_CHECKING:
    from tests.proxy.conftest import Bench

READER = Address(b"a", b"client.fr")
NEWS = Scope("acme", "news")
SESSION = Session("smtp", "ESMTP", "127.0.0.1", "mta", trusted=True)
EARLY = Match(sender="bounce@acme.fr")
"""Criteria that RCPT can judge."""


@pytest.fixture
async def store(bench: Bench) -> AsyncIterator[Store]:
    home = Path(tempfile.mkdtemp(prefix="sg-"))
    with Embedded(home / "store"):
        opened = await Store.open(Settings(home), bench.ring)
        real: Any = opened
        bench.store = real
        yield opened
        await opened.close()
    shutil.rmtree(home)


async def left(
    bench: Bench,
    ago: int,
    *,
    who: Who = READER,
    reason: Reason = Reason.OBJECTION,
    scope: Scope = NEWS,
) -> None:
    store: Any = bench.store
    await store.suppress("acme", who, Suppression(reason, scope, int(bench.now) - ago))


async def counted(bench: Bench, store: Store) -> list[Attempts]:
    for task in set(bench.proxy._afterwards):
        await task
    return await Counts(store).attempts(1, int(bench.now))


@pytest.mark.parametrize("match", [Match(from_domain="acme.fr"), EARLY])
@pytest.mark.parametrize("protocol", ["LMTP", "ESMTP"])
@pytest.mark.parametrize(
    ("ago", "expected"),
    [(60, (1, 0)), (2 * DAY - 1, (1, 0)), (2 * DAY, (0, 1)), (90 * DAY, (0, 1))],
)
async def test_an_attempt_is_counted_by_its_age(
    bench: Bench, store: Store, match: Match, protocol: str, ago: int, expected: tuple[int, int]
) -> None:
    bench.change(match=match)
    await left(bench, ago)
    replies = await bench.send(NEWSLETTER, "a@client.fr", protocol=protocol)
    assert replies[-1].startswith(b"550")
    assert await counted(bench, store) == [Attempts("acme", "news", *expected, ago)]


async def test_the_first_opt_out_counts_wherever_it_stands(bench: Bench, store: Store) -> None:
    await left(bench, 60)
    await left(bench, 5 * DAY, who="client.fr", scope=Scope())
    await bench.send(NEWSLETTER, "a@client.fr", protocol="LMTP")
    assert await counted(bench, store) == [Attempts("acme", "news", 0, 1, 5 * DAY)]


async def test_several_of_one_mail_are_each_counted(bench: Bench, store: Store) -> None:
    for name, ago in ((b"a", 60), (b"b", 3 * DAY), (b"d", 4 * DAY)):
        await left(bench, ago, who=Address(name, b"client.fr"))
    names = [f"{name}@client.fr" for name in "abcd"]
    replies = await bench.send(NEWSLETTER, *names, protocol="LMTP")
    assert [reply[:3] for reply in replies[4:]] == [b"550", b"550", b"250", b"550"]
    assert await counted(bench, store) == [Attempts("acme", "news", 1, 2, 4 * DAY)]


async def test_a_stream_that_observes_counts_what_it_lets_pass(bench: Bench, store: Store) -> None:
    bench.change(match=EARLY, enforce_suppression=False)
    await left(bench, 5 * DAY)
    replies = await bench.send(NEWSLETTER, "a@client.fr", protocol="LMTP")
    assert replies[-1].startswith(b"250")
    assert await counted(bench, store) == [Attempts("acme", "news", 0, 1, 5 * DAY)]


async def test_what_is_put_off_is_counted_when_it_comes_again(bench: Bench, store: Store) -> None:
    bench.change(match=EARLY, rules={})
    begun: Any = await bench.proxy.mail(SESSION, Address.parse(b"bounce@acme.fr"), ())
    for name in (b"a", b"b"):
        assert (await begun.rcpt(Recipient(Address(name, b"client.fr")))).startswith(b"250")
    await left(bench, 5 * DAY)
    (reply,) = [reply async for reply in begun.data(NEWSLETTER)]
    assert reply.startswith(b"451")
    assert await counted(bench, store) == []
    await bench.send(NEWSLETTER, "a@client.fr", "b@client.fr")
    assert await counted(bench, store) == [Attempts("acme", "news", 0, 1, 5 * DAY)]


@pytest.mark.parametrize("reason", [Reason.MANUAL, Reason.HARD_BOUNCE])
async def test_who_did_not_leave_is_not_counted(bench: Bench, store: Store, reason: Reason) -> None:
    await left(bench, 5 * DAY, reason=reason)
    assert (await bench.send(NEWSLETTER, "a@client.fr", protocol="LMTP"))[-1].startswith(b"550")
    assert await counted(bench, store) == []


async def test_an_invoice_is_no_attempt(bench: Bench, store: Store) -> None:
    bench.change(kind=Kind.TRANSACTIONAL)
    await left(bench, 5 * DAY, scope=Scope())
    assert (await bench.send(NEWSLETTER, "a@client.fr", protocol="LMTP"))[-1].startswith(b"250")
    assert await counted(bench, store) == []


async def test_mail_to_others_asks_nothing_more(bench: Bench) -> None:
    bench.change(match=EARLY)
    await bench.send(NEWSLETTER, "a@client.fr", protocol="LMTP")
    assert bench.store.asked == 2  # at RCPT, and at the dot
    for task in set(bench.proxy._afterwards):
        await task
    assert bench.store.asked == 2

"""The outbox: taken once, kept until told, sealed, bounded."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.person import Reason, Scope, Suppression
from smtpguard.store import outbox
from smtpguard.store.outbox import CREATED, HOOKS, KEPT, LEASE, Outbox, addition, suppression
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
RING = Keyring((ReferenceKey("k1", b"1" * 32),), (LinkKey(7, b"7" * 64),))
WISH = Suppression(Reason.OBJECTION, Scope("acme", "news"), 1700, "page")
EVENT = suppression(CREATED, "acme", WISH, "jo@reader.example")
NOW = 5_000_000_000


@pytest.fixture
def box(store: Store) -> Outbox:
    return Outbox(store, RING)


async def put(store: Store, at: int = NOW) -> None:
    await store.ask([addition(RING, {**EVENT, "at": at})])


async def test_a_job_is_taken_by_one_at_a_time(store: Store, box: Outbox) -> None:
    await put(store)
    (job,) = await box.take(now=NOW)
    assert job.event == {**EVENT, "at": NOW}
    assert await box.take(now=NOW) == []
    assert await box.take(now=NOW + LEASE) == [job]  # who had it died
    await box.finish(job)
    assert await box.take(now=NOW + 2 * LEASE) == []


async def test_no_address_lies_in_the_open(store: Store, settings: Settings, redis: Redis) -> None:
    await put(store)
    (hashed,) = await redis(settings.url, ("HGETALL", HOOKS.jobs))
    assert hashed
    assert not any(b"reader" in octets for octets in hashed)


async def test_without_a_link_key_nothing_is_put_out(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.tell(EVENT)


async def test_a_job_under_a_lost_key_stays_and_is_passed_over(store: Store) -> None:
    await put(store)
    stranger = Outbox(store, Keyring(RING.references, (LinkKey(7, b"8" * 64),)))
    assert await stranger.take(now=NOW) == []
    assert len(await Outbox(store, RING).take(now=NOW + LEASE)) == 1


async def test_the_oldest_are_dropped_beyond_the_bound(
    store: Store, box: Outbox, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST", 3)
    for second in range(5):
        await put(store, NOW + second)
    assert [job.at for job in await box.listed(dead=False)] == [NOW + 2, NOW + 3, NOW + 4]
    assert await redis(settings.url, ("HLEN", HOOKS.jobs), ("ZCARD", HOOKS.due)) == [3, 3]


async def test_how_many_wait_and_how_many_were_given_up(store: Store, box: Outbox) -> None:
    assert await box.depth() == (0, 0)
    for second in range(3):
        await put(store, NOW + second)
    (job, *_) = await box.take(now=NOW)
    await box.give_up(job, NOW)
    assert await box.depth() == (2, 1)


async def test_a_dead_job_is_forgotten_in_the_end(
    store: Store, box: Outbox, settings: Settings, redis: Redis
) -> None:
    await put(store)
    (job,) = await box.take(now=NOW)
    await box.give_up(job, NOW)
    await box.take(now=NOW + KEPT - 1)
    assert [one.id for one in await box.listed(dead=True)] == [job.id]
    await box.take(now=NOW + KEPT)
    assert await box.listed(dead=True) == []
    assert await redis(settings.url, ("EXISTS", HOOKS.jobs)) == [0]

"""Numbers of all hosts: by day and in total, with the longest time, and without anybody in them."""

from collections.abc import Awaitable, Callable
from typing import Any

from smtpguard.person import Conflict, ConflictKind, Reason, Scope
from smtpguard.store.counts import DAY, IN_FLIGHT, KEPT, Attempts, Counted, Counts, Late
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
NOON = 1_795_435_200
"""2026-11-23 12:00 UTC."""


async def test_nothing_is_counted_in_a_new_store(store: Store) -> None:
    counts = Counts(store)
    assert await counts.total() == await counts.days() == {}
    assert await counts.attempts() == []
    assert await counts.late() == []
    assert await counts.conflicts() == {}


async def test_attempts_are_told_apart_by_their_age(store: Store) -> None:
    counts = Counts(store)
    await counts.attempted("acme", "news", [5, IN_FLIGHT - 1], NOON)
    await counts.attempted("acme", "news", [IN_FLIGHT], NOON)
    await counts.attempted("acme", "a: b", [90 * DAY, 80 * DAY], NOON)
    await counts.attempted("bolt", "sparks", [], NOON)
    assert await counts.attempts(7, NOON) == [
        Attempts("acme", "a: b", 0, 2, 90 * DAY),
        Attempts("acme", "news", 2, 1, IN_FLIGHT),
    ]


async def test_a_week_is_today_and_six_days_before(store: Store) -> None:
    counts = Counts(store)
    for back in range(10):
        await counts.came_late("acme", "import", [100 + back], NOON - back * DAY)
    assert await counts.late(1, NOON) == [Late("acme", "import", 1, 100)]
    assert await counts.late(7, NOON) == [Late("acme", "import", 7, 106)]
    assert await counts.late(7, NOON + DAY) == [Late("acme", "import", 6, 105)]
    assert (await counts.total())["late", "acme", "import"] == Counted(10, 109)


async def test_days_lapse_and_the_total_does_not(
    store: Store, settings: Settings, redis: Redis
) -> None:
    await Counts(store).attempted("acme", "news", [5])
    (keys,) = await redis(settings.url, ("KEYS", "sg-count:*"))
    lives = {key: (await redis(settings.url, ("TTL", key)))[0] for key in keys}
    assert lives.pop(b"sg-count:{count}") == -1
    (left,) = lives.values()
    assert KEPT * DAY < left <= (KEPT + 1) * DAY


async def test_conflicts_are_counted_by_kind(store: Store) -> None:
    counts = Counts(store)
    one = Conflict(ConflictKind.OLD_LINK, Reason.OBJECTION, Scope(), 3, 2, 1)
    await counts.contradicted("acme", [one, one], NOON)
    await counts.contradicted("acme", [], NOON)
    assert await counts.conflicts(7, NOON) == {("acme", "old-link"): 2}

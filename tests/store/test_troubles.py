"""What is held up: counted over all workers, told once, closed once, forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from smtpguard.keys import Keyring, LinkKey
from smtpguard.store.outbox import LETTERS, Outbox
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from smtpguard.store.troubles import (
    DUE,
    KEPT,
    LEASE,
    RECORDS,
    Cause,
    Count,
    Name,
    Note,
    Pace,
    Trouble,
    Troubles,
)

Redis = Callable[..., Awaitable[list[Any]]]
PAUSED = Name(Cause.PAUSED, "acme", "news", "unrendered-placeholder")
EXIT = Name(Cause.EXIT, "acme", "https://u.acme.example/a b")
RING = Keyring((), (LinkKey(7, b"7" * 64),))
PACE = Pace(spacing=3600, settle=60, quiet=300, again=86_400)
NOW = 1_795_000_000
FAULT = ("news", "unrendered-placeholder")


def note(refused: int = 0, deferred: int = 0, name: Name = PAUSED) -> Note:
    """That much more of it."""
    counts = {FAULT: Count(refused, deferred, "550 5.6.0")}
    span = 60 if name.cause is Cause.EXIT else 600
    after = 0 if name.cause is Cause.EXIT else 10
    return Note(name, after, span, refused + deferred, counts)


@pytest.fixture
def troubles(store: Store) -> Troubles:
    return Troubles(store, PACE)


async def due(troubles: Troubles, now: int) -> list[Trouble]:
    return await troubles.take(now)


async def letters(store: Store) -> list[str]:
    return [job.event["type"] for job in await Outbox(store, RING, LETTERS).listed(dead=False)]


def event(kind: str) -> dict[str, Any]:
    return {"type": kind, "controller": "acme", "at": NOW}


async def test_refusals_of_several_workers_make_one_pause(troubles: Troubles) -> None:
    other = Troubles(troubles._store, PACE)
    assert (await troubles.watch([note(6)], NOW)).open == frozenset()
    heard = await other.watch([note(5)], NOW + 1)
    assert heard.open == {PAUSED}
    assert heard.begun == (PAUSED,)
    again = await troubles.watch([], NOW + 2)
    assert again.open == {PAUSED}
    assert again.begun == ()
    assert again.owed == 0


async def test_as_many_as_allowed_are_no_pause(troubles: Troubles) -> None:
    assert (await troubles.watch([note(10)], NOW)).open == frozenset()
    assert (await troubles.watch([note(1)], NOW + 700)).open == frozenset()


async def test_what_opened_it_was_refused(troubles: Troubles) -> None:
    await troubles.watch([note(9)], NOW)
    await troubles.watch([note(1, 2)], NOW + 1)
    await troubles.watch([note(0, 7)], NOW + 2)
    (one,) = await due(troubles, NOW + 61)
    assert one.counts == {FAULT: Count(10, 9, "550 5.6.0")}
    assert one.since == NOW + 1


async def test_it_ends_when_the_window_has_passed(troubles: Troubles) -> None:
    await troubles.watch([note(11)], NOW)
    assert (await troubles.watch([], NOW + 599)).open == {PAUSED}
    heard = await troubles.watch([], NOW + 631)
    assert heard.open == frozenset()
    assert heard.ended == (PAUSED,)
    assert (await troubles.watch([], NOW + 632)).ended == ()


async def test_of_many_who_ask_one_tells(troubles: Troubles, store: Store) -> None:
    await troubles.watch([note(11)], NOW)
    assert await due(troubles, NOW + 59) == []
    taken = await asyncio.gather(*(due(Troubles(store, PACE), NOW + 60) for _ in range(9)))
    ((one,),) = [found for found in taken if found]
    letter = event("digest.begun")
    told = [await troubles.told(one, RING, NOW + 60, letters=[letter]) for _ in range(3)]
    assert told == [True, False, False]
    assert await letters(store) == ["digest.begun"]
    assert (await troubles.watch([note(0, 500)], NOW + 4000)).owed == 0


async def test_whoever_dies_before_it_is_told_gives_it_back(troubles: Troubles) -> None:
    await troubles.watch([note(11)], NOW)
    (one,) = await due(troubles, NOW + 60)
    assert await due(troubles, NOW + 61) == []
    (again,) = await due(troubles, NOW + 60 + LEASE)
    assert await troubles.told(again, RING, NOW + 200)
    assert not await troubles.told(one, RING, NOW + 201)  # it was not dead after all


async def test_one_that_lasts_is_told_every_day(troubles: Troubles, store: Store) -> None:
    said = []
    for minute in range(0, 60 * 49, 5):
        now = NOW + 60 * minute
        await troubles.watch([note(0, 60)] if minute < 60 * 48 else [], now)
        for one in await due(troubles, now):
            kind = "ended" if one.said and one.ended else "lasts" if one.said else "begun"
            assert await troubles.told(one, RING, now, letters=[event(kind)])
            said.append((kind, minute))
    assert said == [("begun", 5), ("lasts", 1445), ("lasts", 2885), ("ended", 2895)]


async def test_the_end_is_told_once_and_only_to_who_heard_of_it(troubles: Troubles) -> None:
    await troubles.watch([note(11)], NOW)
    (one,) = await due(troubles, NOW + 60)
    await troubles.told(one, RING, NOW + 60)
    await troubles.watch([], NOW + 700)
    assert await due(troubles, NOW + 999) == []
    (over,) = await due(troubles, NOW + 1000)
    assert (over.said, over.ended) == (True, NOW + 700)
    assert await troubles.told(over, RING, NOW + 1000)
    assert not await troubles.told(over, RING, NOW + 1000)
    assert await due(troubles, NOW + 90_000) == []
    assert await troubles.listed() == []


async def test_what_begins_again_before_the_end_was_told_did_not_end(troubles: Troubles) -> None:
    await troubles.watch([note(11)], NOW)
    (one,) = await due(troubles, NOW + 60)
    await troubles.told(one, RING, NOW + 60)
    await troubles.watch([], NOW + 700)
    heard = await troubles.watch([note(0, 11)], NOW + 800)
    assert heard.begun == ()
    assert heard.open == {PAUSED}
    assert await due(troubles, NOW + 1100) == []
    (still,) = await troubles.listed()
    assert (still.since, still.ended, still.counts[FAULT].deferred) == (NOW, 0, 11)


async def test_an_end_that_was_taken_and_is_none_any_more_is_not_told(
    troubles: Troubles, store: Store
) -> None:
    await troubles.watch([note(11)], NOW)
    (one,) = await due(troubles, NOW + 60)
    await troubles.told(one, RING, NOW + 60)
    await troubles.watch([], NOW + 700)
    (over,) = await due(troubles, NOW + 1000)
    await troubles.watch([note(0, 11)], NOW + 1001)
    assert not await troubles.told(over, RING, NOW + 1002, letters=[event("digest.ended")])
    assert await letters(store) == []


async def test_what_was_short_is_told_in_one_word(troubles: Troubles, store: Store) -> None:
    await troubles.watch([note(0, 1, EXIT)], NOW)
    assert (await troubles.watch([], NOW + 63)).ended == (EXIT,)
    (one,) = await due(troubles, NOW + 63)
    assert (one.said, one.ended) == (False, NOW + 63)
    assert await troubles.told(one, RING, NOW + 63, letters=[event("digest.begun")])
    assert await due(troubles, NOW + 9000) == []
    assert await letters(store) == ["digest.begun"]


async def test_the_next_beginning_within_the_hour_waits(troubles: Troubles) -> None:
    await troubles.watch([note(0, 1, EXIT)], NOW)
    await troubles.watch([], NOW + 70)
    (one,) = await due(troubles, NOW + 70)
    await troubles.told(one, RING, NOW + 70)
    assert (await troubles.watch([note(0, 1, EXIT)], NOW + 200)).begun == (EXIT,)
    assert await due(troubles, NOW + 3600) == []
    assert [one.name for one in await due(troubles, NOW + 3670)] == [EXIT]


async def test_what_is_over_is_forgotten(
    troubles: Troubles, settings: Settings, redis: Redis
) -> None:
    await troubles.watch([note(3)], NOW)
    await troubles.watch([note(0, 1, EXIT)], NOW)
    await troubles.watch([], NOW + 700)
    for one in await due(troubles, NOW + 700):
        await troubles.told(one, RING, NOW + 700)
    assert await redis(settings.url, ("HLEN", RECORDS)) == [1]  # told within this hour
    await troubles.watch([], NOW + 4301)
    assert await redis(settings.url, ("EXISTS", RECORDS), ("EXISTS", DUE)) == [0, 0]


async def test_what_nobody_could_tell_is_forgotten_in_the_end(
    troubles: Troubles, settings: Settings, redis: Redis
) -> None:
    await troubles.watch([note(11)], NOW)
    await troubles.watch([], NOW + 700)
    await troubles.watch([], NOW + 700 + KEPT - 1)
    assert len(await troubles.listed()) == 1
    await troubles.watch([], NOW + 700 + KEPT)
    assert await redis(settings.url, ("EXISTS", RECORDS), ("EXISTS", DUE)) == [0, 0]


async def test_without_a_link_key_nothing_is_put_out(troubles: Troubles) -> None:
    await troubles.watch([note(11)], NOW)
    (one,) = await due(troubles, NOW + 60)
    with pytest.raises(LookupError):
        await troubles.told(one, Keyring(), NOW + 60, letters=[event("digest.begun")])


def test_a_pace_is_never_faster_than_its_window() -> None:
    assert Pace.of(3600) == Pace()
    assert Pace.of(2) == Pace(2, 2, 2, 86_400)
    assert Pace.of(200_000).again == 200_000

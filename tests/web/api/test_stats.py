"""Counts: of whom the caller may ask for, looked up once for many who ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from smtpguard.store import census
from smtpguard.store.census import Tally
from smtpguard.store.counts import Counted, Counts
from smtpguard.store.errors import StoreSilent
from smtpguard.web.api import stats
from smtpguard.web.api.stats import FRESH, Census
from tests.web.api.test_requests import opened

if TYPE_CHECKING:
    from tests.web.api.conftest import Program


async def counted(program: Program, name: str = "root") -> dict[str, Any]:
    answer = await program.get("/v1/stats", name)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_there_is(program: Program) -> None:
    many = [f"reader{n}@client.example" for n in range(3)]
    await program.asks("/v1/suppressions", controller="acme", addresses=many, stream="news")
    await program.asks("/v1/suppressions", controller="acme", domains=["firma.example"])
    await program.asks("/v1/suppressions", controller="rival", addresses=many[:1])
    await opened(program, days=60)
    await opened(program, "al@reader.example")
    counts = Counts(program.desk.store)
    await counts.attempted("acme", "news", [5, 7, 200_000], program.desk.now)
    await counts.came_late("acme", "webhook:crm", [300_000, 200_000], program.desk.now)
    await counts.add({("conflict", "acme", "old-link"): Counted(3)}, program.desk.now)
    await counts.came_late("acme", "webhook:old", [1], program.desk.now - 7 * 86_400)
    said = await counted(program)
    acme, rival = said["controllers"]
    assert acme == {
        "controller": "acme",
        "people": 4,
        "informed": 0,
        "sourced": 0,
        "suppressions": [
            {"reason": "objection", "brand": "acme", "stream": "news", "domain": False, "count": 3},
            {"reason": "objection", "brand": "", "stream": "", "domain": True, "count": 1},
        ],
        "requests_open": 2,
        "requests_overdue": 1,
        "attempts": [{"stream": "news", "in_flight": 2, "uncleaned": 1}],
        "late": [{"channel": "webhook:crm", "count": 2, "longest": 300_000}],
        "conflicts": {"old-link": 3},
    }
    assert (rival["attempts"], rival["late"], rival["conflicts"]) == ([], [], {})
    assert rival["people"] == 1
    assert [(one["name"], one["size"]) for one in said["lists"]] == [
        ("advertiser", 1),
        ("robinson", 1),
    ]
    assert (said["host"]["events_waiting"], said["host"]["events_given_up"]) == (0, 0)
    assert said["host"]["opt_outs"]["api"] >= 5


async def test_others_are_not_counted(program: Program) -> None:
    await program.asks("/v1/suppressions", controller="rival", addresses=["a@b.example"])
    said = await counted(program, "officer")
    assert [one["controller"] for one in said["controllers"]] == ["acme"]
    assert said["host"] is None


async def test_it_is_counted_once_a_minute(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, looks = census.count, 0

    async def looked(*words: Any, **more: Any) -> dict[str, Tally]:
        nonlocal looks
        looks += 1
        return await count(*words, **more)

    monkeypatch.setattr(census, "count", looked)
    await asyncio.gather(*(counted(program) for _ in range(5)))
    assert looks == 1
    program.now += FRESH
    await counted(program)
    assert looks == 2


@pytest.fixture
async def slow(program: Program, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """Counting takes until it is told to end."""
    end = asyncio.Event()

    async def count(*_: object, **__: object) -> dict[str, Tally]:
        await end.wait()
        return {"acme": Tally(records=7)}

    monkeypatch.setattr(stats, "PATIENCE", 0.05)
    monkeypatch.setattr(census, "count", count)
    yield end
    end.set()


async def test_a_large_store_is_counted_while_others_wait(
    program: Program, slow: asyncio.Event
) -> None:
    answer = await program.get("/v1/stats")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "it is being counted: ask again",
    )
    slow.set()
    assert (await counted(program))["controllers"][0]["people"] == 7
    slow.clear()
    program.now += FRESH
    assert (await counted(program))["controllers"][0]["people"] == 7  # the last that is known


async def test_a_store_that_falls_silent_is_asked_again(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object, **__: object) -> dict[str, Tally]:
        raise StoreSilent("gone")

    with monkeypatch.context() as patched:
        patched.setattr(census, "count", silent)
        assert (await program.get("/v1/stats")).status_code == 503
    assert await counted(program)
    assert (await Census(program.desk).take()).at == program.desk.now

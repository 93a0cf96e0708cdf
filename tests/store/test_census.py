"""Everybody in the store, counted, with time left to others."""

import asyncio
from collections import Counter

import pytest

from smtpguard.mail.address import Address
from smtpguard.person import Reason, Scope, Source, Suppression
from smtpguard.store import census
from smtpguard.store.census import Tally, count
from smtpguard.store.store import Store

ANNA = Address(b"anna", b"client.example")


async def test_everybody_is_counted(store: Store) -> None:
    assert await count(store) == {}
    news = Scope("acme", "news")
    for name in (b"anna", b"bob"):
        wish = Suppression(Reason.OBJECTION, news, 5, "page")
        await store.suppress("acme", Address(name, b"client.example"), wish)
    await store.suppress("acme", "firma.example", Suppression(Reason.MANUAL))
    await store.suppress("other", ANNA, Suppression(Reason.MANUAL))
    await store.register("acme", [(ANNA, Source("1", "Fair"), 5, False)])
    await store.reserve("acme", ANNA, "t", "n")
    await store.commit("acme", ANNA, "t")
    found = await count(store)
    assert found["acme"].records == 3
    assert (found["acme"].informed, found["acme"].sourced) == (1, 1)
    assert found["acme"].suppressions == {
        (False, Reason.OBJECTION, news): 2,
        (True, Reason.MANUAL, Scope()): 1,
    }
    assert await count(store, "other") == {"other": found["other"]}
    assert await count(store, "nobody") == {}
    assert found["other"] != Tally()


async def test_others_have_their_turn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    many = [(Address(b"r%d" % n, b"a.example"), Suppression(Reason.MANUAL)) for n in range(50)]
    await store.suppress_many("acme", many)
    monkeypatch.setattr(census, "BREATH", 10)
    monkeypatch.setattr(asyncio, "sleep", counted)
    assert (await count(store, share=0.5))["acme"].records == 50
    assert len(slept) == 5
    assert all(slept)


def test_the_order_is_the_same_however_the_store_tells_them() -> None:
    counts = {
        (False, Reason.OBJECTION, Scope("acme", "news")): 1,
        (False, Reason.COMPLAINT, Scope()): 1,
        (True, Reason.MANUAL, Scope()): 3,
        (False, Reason.OBJECTION, Scope("acme")): 1,
    }
    ranked = Tally(suppressions=Counter(counts)).ranked
    assert [what[2] for what, _ in ranked[1:]] == [Scope(), Scope("acme"), Scope("acme", "news")]
    assert ranked[0] == ((True, Reason.MANUAL, Scope()), 3)
    assert Tally(suppressions=Counter(dict(reversed(counts.items())))).ranked == ranked

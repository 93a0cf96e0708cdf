"""How an opt-out is written: the first is kept, the last is known, one at a time or many."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from smtpguard.mail.address import Address
from smtpguard.person import Consent, OptOut, Reason, Scope, Suppression
from smtpguard.store import leaving
from smtpguard.store.consent import Consents
from smtpguard.store.leaving import Recorded
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
ANNA = Address(b"anna", b"example.com")
NEWS = Scope("acme", "news")
NEW, KNOWN = Recorded(new=True), Recorded(new=False)


def wish(at: int, *, epoch: int = 0, said: int = 0, channel: str = "page") -> OptOut:
    return OptOut(Suppression(Reason.OBJECTION, NEWS, at, channel), epoch, said)


async def fields(settings: Settings, redis: Redis) -> dict[bytes, bytes]:
    """Of the only record there is."""
    (key,) = (await redis(settings.url, ("KEYS", "sg:acme:*")))[0]
    (reply,) = await redis(settings.url, ("HGETALL", key))
    return dict(zip(reply[::2], reply[1::2], strict=True))


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ([wish(100)], None),
        ([wish(100), wish(100)], None),
        ([wish(100), wish(90)], None),
        ([wish(100), wish(110), wish(105)], b"110"),
        ([wish(100, said=130)], b"130"),
        ([wish(100, said=130), wish(110)], b"130"),
        ([wish(100), wish(90, said=120)], b"120"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_the_first_is_kept_and_the_last_is_known(
    store: Store,
    settings: Settings,
    redis: Redis,
    steps: list[OptOut],
    last: bytes | None,
    together: bool,
) -> None:
    batches = [steps] if together else [[step] for step in steps]
    found = [
        done
        for batch in batches
        for done in await store.opt_out("acme", [(ANNA, step) for step in batch])
    ]
    assert found == [NEW, *[KNOWN] * (len(steps) - 1)]
    kept = await fields(settings, redis)
    assert kept[b"s:objection:acme:news"] == b"100:page"
    assert kept.get(b"l:objection:acme:news") == last


async def test_a_batch_of_none_asks_for_nothing(store: Store) -> None:
    assert await store.opt_out("acme", []) == []
    assert await store.suppress_many("acme", []) == 0


async def test_a_domain_is_written_as_one(store: Store, settings: Settings, redis: Redis) -> None:
    both: list[tuple[Address | str, OptOut]] = [(ANNA, wish(5)), ("example.com", wish(6))]
    assert await store.opt_out("acme", both) == [NEW, NEW]
    keys = (await redis(settings.url, ("KEYS", "sg:acme:*")))[0]
    names = [(await redis(settings.url, ("HKEYS", key)))[0] for key in keys]
    assert sorted(names) == [[b"d:objection:acme:news"], [b"s:objection:acme:news"]]


async def test_of_a_wish_and_a_consent_at_once_the_wish_stands(store: Store) -> None:
    """Whichever comes first: the consent is not later than what is said now."""
    for number in range(100):
        who = Address(b"u%d" % number, b"example.com")
        now = OptOut(Suppression(Reason.OBJECTION, NEWS, 1000, "one-click"), 900)
        await asyncio.gather(
            Consents(store).add("acme", [(who, Consent(NEWS, 990, "form"))]),
            store.opt_out("acme", [(who, now)]),
        )
        (person,) = await store.look_up("acme", [who])
        assert len(person.suppressions) == 1
        assert len((await Consents(store).of("acme", who)).conflicts) == 1


async def test_forgetting_keeps_what_stands(store: Store, settings: Settings, redis: Redis) -> None:
    await store.opt_out("acme", [(ANNA, wish(100)), (ANNA, wish(200))])
    (key,) = (await redis(settings.url, ("KEYS", "sg:acme:*")))[0]
    await redis(settings.url, ("HSET", key, "k", "1", "c", "1 x", "x:manual::", "1:a", "z", "?"))
    assert await store.ask([leaving.forget(key), leaving.forget(key)]) == [4, 0]
    assert set(await fields(settings, redis)) == {
        b"s:objection:acme:news",
        b"l:objection:acme:news",
    }

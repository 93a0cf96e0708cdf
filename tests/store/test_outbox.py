"""The outbox: taken once, kept until told, sealed, bounded."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.person import OptOut, Reason, Scope, Suppression
from smtpguard.store import outbox
from smtpguard.store.errors import StoreSilent
from smtpguard.store.greeting import Founding
from smtpguard.store.leaving import Recorded
from smtpguard.store.outbox import (
    CREATED,
    HELD,
    HOOKS,
    KEPT,
    LEASE,
    Outbox,
    addition,
    created,
    suppression,
)
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
RING = Keyring((ReferenceKey("k1", b"1" * 32),), (LinkKey(7, b"7" * 64),))
WISH = Suppression(Reason.OBJECTION, Scope("acme", "news"), 1700, "page")
ANNA = Address(b"anna", b"client.example")
EVENT = suppression(CREATED, "acme", WISH, "jo@reader.example")
NOW = 5_000_000_000


@pytest.fixture
def box(store: Store) -> Outbox:
    return Outbox(store, RING)


@pytest.fixture
async def told(settings: Settings) -> AsyncIterator[Store]:
    """A store of a company that listens."""
    opened = await Store.open(settings, RING, lambda _: None, founding=Founding.ALWAYS)
    yield opened
    await opened.close()


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


async def test_beyond_the_bound_nothing_is_put_out_and_nothing_is_dropped(
    told: Store, box: Outbox, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for a receiver that is down is due later than what has just happened."""
    monkeypatch.setattr(outbox, "MOST", 3)
    for second in range(3):
        await told.tell({**EVENT, "at": NOW + second})
    with pytest.raises(StoreSilent, match="wait already"):
        await told.tell({**EVENT, "at": 5})
    (done,) = await told.opt_out("acme", [(ANNA, OptOut(WISH))], created("acme"))
    assert done == Recorded(new=True, untold=True)
    (done,) = await told.opt_out("acme", [(ANNA, OptOut(WISH))], created("acme"))
    assert done == Recorded(new=False)
    assert [job.at for job in await box.listed(dead=False)] == [NOW, NOW + 1, NOW + 2]
    assert await redis(settings.url, ("HLEN", HOOKS.jobs)) == [3]


async def test_a_list_is_read_in_portions(
    store: Store, box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for second in range(7):
        await put(store, NOW + second)
    monkeypatch.setattr(outbox, "PORTION", 3)
    assert [job.at for job in await box.listed(dead=False)] == [NOW + n for n in range(7)]


async def test_of_the_dead_the_last_are_kept(
    store: Store, box: Outbox, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST", 3)
    for second in range(5):
        await put(store, NOW + second)
        (job,) = await box.take(now=NOW + second)
        await box.give_up(job, NOW + second)
    assert [job.at for job in await box.listed(dead=True)] == [NOW + 2, NOW + 3, NOW + 4]
    assert await redis(settings.url, ("HLEN", HOOKS.jobs)) == [3]


async def test_an_opt_out_without_a_link_key_stands_untold(store: Store) -> None:
    (done,) = await store.opt_out("acme", [(ANNA, OptOut(WISH))], created("acme"))
    assert done == Recorded(new=True, untold=True)


async def test_what_is_news_is_due_at_once_and_what_is_none_is_forgotten(
    told: Store, box: Outbox
) -> None:
    for _ in range(2):
        await told.opt_out("acme", [(ANNA, OptOut(WISH))], created("acme"))
    (job,) = await box.take(now=WISH.at)
    assert (job.event["type"], job.event["recipient"]) == (CREATED, "anna@client.example")
    assert await box.listed(dead=False) == [job]


async def test_who_was_not_answered_is_told_of_all_the_same(
    told: Store, box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store wrote it, its answer was lost or late, and the reader's second try is no news."""
    asked = told._ask

    async def cut(*words: Any) -> Any:
        await asked(*words)
        raise StoreSilent("the answer was lost")

    monkeypatch.setattr(told, "_ask", cut)
    with pytest.raises(StoreSilent):
        await told.opt_out("acme", [(ANNA, OptOut(WISH))], created("acme"))
    monkeypatch.undo()
    (again,) = await told.opt_out("acme", [(ANNA, OptOut(WISH))], created("acme"))
    assert again == Recorded(new=False)
    now = int(time.time())
    assert await box.take(now=now) == []
    (job,) = await box.take(now=now + HELD + 1)
    assert job.event["recipient"] == "anna@client.example"


async def test_what_the_wire_had_to_say_twice_is_news_all_the_same(
    told: Store, box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke after the store had written, and the wire rode it out."""
    asked = told._wire.ask

    async def twice(commands: Any) -> Any:
        await asked(commands)
        return await asked(commands)

    monkeypatch.setattr(told._wire, "ask", twice)
    await told.opt_out("acme", [(ANNA, OptOut(WISH))], created("acme"))
    monkeypatch.undo()
    (job,) = await box.take(now=WISH.at)
    assert job.event["recipient"] == "anna@client.example"
    assert await box.depth() == (1, 0)


async def test_a_clock_that_was_wrong_puts_nothing_off_for_years(store: Store, box: Outbox) -> None:
    await put(store)
    (job,) = await box.take(now=NOW)
    await box.put_off(job, NOW + 86_400)
    assert await box.take(now=NOW) == []
    await box.put_off(job, NOW + 10 * 365 * 86_400)
    assert await box.take(now=NOW) == [job]


async def test_what_another_version_wrote_costs_the_others_nothing(
    store: Store, box: Outbox, settings: Settings, redis: Redis
) -> None:
    key = RING.links[0]
    for name, plain in (("odd", b'{"event": {}}'), ("list", b"[]"), ("cut", b"{")):
        octets = bytes([key.id]) + key.seal(plain, outbox.PURPOSE)
        await redis(settings.url, ("HSET", HOOKS.jobs, name, octets), ("ZADD", HOOKS.due, 1, name))
    await put(store)
    assert [job.at for job in await box.take(now=NOW)] == [NOW]
    assert [job.at for job in await box.listed(dead=False)] == [NOW]


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

"""What is said of many people: written, told once, and taken back as it was written."""

import pytest

from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.person import OptOut, Reason, Scope, Suppression
from smtpguard.store import orders
from smtpguard.store.errors import StoreSilent
from smtpguard.store.greeting import Founding
from smtpguard.store.orders import lift, record
from smtpguard.store.outbox import Maker, Outbox, created, recipient
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store, Who

WISH = Suppression(Reason.OBJECTION, Scope("acme", "news"), 5, "operator")
PEOPLE: list[Who] = [Address(b"r%d" % n, b"client.example") for n in range(7)]
Heard = list[tuple[str, str, Suppression, Who]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "BATCH", 3)


@pytest.fixture
def heard() -> Heard:
    return []


def teller(heard: Heard) -> orders.Tell:
    async def tell(kind: str, controller: str, one: Suppression, who: Who) -> None:
        heard.append((kind, controller, one, who))

    return tell


async def news_of(store: Store, people: list[Who], tell: Maker | None = None) -> list[bool]:
    return [one.new for one in await record(store, "acme", people, OptOut(WISH), tell)]


async def test_whoever_is_new_is_told_of(settings: Settings) -> None:
    ring = Keyring((ReferenceKey("k1", b"1" * 32),), (LinkKey(7, b"7" * 64),))
    store = await Store.open(settings, ring, lambda _: None, founding=Founding.ALWAYS)
    await store.suppress("acme", PEOPLE[4], WISH)
    news = await news_of(store, PEOPLE, created("acme", {"campaign": "x"}))
    assert news == [n != 4 for n in range(7)]
    jobs = await Outbox(store, ring).take(now=WISH.at)
    told = {(job.event["type"], job.event["recipient"], job.event["campaign"]) for job in jobs}
    assert told == {
        ("suppression.created", f"r{n}@client.example", "x") for n in range(7) if n != 4
    }
    assert not any(await news_of(store, PEOPLE, created("acme")))
    assert await Outbox(store, ring).depth() == (6, 0)
    assert await news_of(store, [], created("acme")) == []
    await store.close()


async def test_the_same_person_twice_is_new_once(store: Store) -> None:
    twice: list[Who] = [PEOPLE[0], PEOPLE[0], "firma.example", "firma.example"]
    assert await news_of(store, twice) == [True, False, True, False]


@pytest.mark.parametrize("written", [Scope("acme", "news"), Scope("", "news")])
async def test_a_stream_is_lifted_however_it_was_written(
    store: Store, heard: Heard, written: Scope
) -> None:
    page = OptOut(Suppression(Reason.OBJECTION, written, 5, "page"))
    await record(store, "acme", PEOPLE, page)
    past = Suppression(Reason.OBJECTION, Scope("acme", "news"), 9, "operator")
    reasons = list(Reason)
    assert await lift(store, "acme", PEOPLE, past, reasons, "a slip", teller(heard)) == 7
    assert {(kind, one.scope, one.at, one.channel) for kind, _, one, _ in heard} == {
        ("suppression.lifted", written, 9, "operator")
    }
    assert [who for *_, who in heard] == PEOPLE
    assert await lift(store, "acme", PEOPLE, past, reasons, "a slip", teller(heard)) == 0
    (row,) = await store.find("acme", PEOPLE[0])
    assert [(one.scope, one.because) for one in row.lifted] == [(written, "a slip")]


async def test_only_that_scope_and_those_reasons_are_lifted(store: Store) -> None:
    for reason in (Reason.OBJECTION, Reason.COMPLAINT):
        for scope in (Scope(), Scope("acme"), Scope("acme", "news")):
            wish = OptOut(Suppression(reason, scope, 5, "page"))
            await record(store, "acme", PEOPLE[:1], wish)
    past = Suppression(Reason.COMPLAINT, Scope("acme"), 9, "operator")
    assert await lift(store, "acme", PEOPLE[:1], past, [Reason.COMPLAINT], "x") == 1
    (row,) = await store.find("acme", PEOPLE[0])
    assert len(row.person.suppressions) == 5


async def test_a_silent_store_is_told(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreSilent):
        await record(store, "acme", PEOPLE, OptOut(WISH))
    with pytest.raises(StoreSilent):
        await lift(store, "acme", PEOPLE, WISH, list(Reason), "x")


def test_a_domain_is_named_as_one() -> None:
    assert recipient("firma.example") == b"@firma.example"
    assert recipient(Address("zoé".encode(), b"a.example")).decode() == "zoé@a.example"

"""The store against a real Valkey: what is recorded is found, and by nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.person import Consent, Person, Reason, Scope, Source, Suppression
from smtpguard.store.consent import Consents
from smtpguard.store.errors import StoreSilent, StoreUntrusted
from smtpguard.store.greeting import Founding
from smtpguard.store.partner import Algorithm, load
from smtpguard.store.requests import Kind, answered, open_request
from smtpguard.store.settings import Settings
from smtpguard.store.store import Row, Store

Redis = Callable[..., Awaitable[list[Any]]]
OBJECTION = Suppression(Reason.OBJECTION, Scope("acme", "news"), 1700, "one-click")
LINKED = Keyring((ReferenceKey("k1", b"1" * 32),), (LinkKey(7, b"7" * 64),))
BARE = Suppression(Reason.OBJECTION, Scope(), 1700, "page")


def address(text: str) -> Address:
    found = Address.parse(text.encode())
    assert found is not None
    return found


ANNA = address("anna@news.example.com")


async def person(store: Store, text: str, controller: str = "acme") -> Person:
    return (await store.look_up(controller, [address(text)]))[0]


async def reasons(store: Store, text: str) -> set[tuple[Reason, bool]]:
    return {(one.reason, one.domain) for one in (await person(store, text)).suppressions}


async def all_rows(store: Store, controller: str | None = None) -> list[Row]:
    return [row async for row in store.rows(controller)]


async def test_nobody_is_suppressed_in_a_new_store(store: Store) -> None:
    assert await store.look_up("acme", [ANNA, address("bob@example.org")]) == [Person(), Person()]
    assert await store.look_up("acme", []) == []


async def test_a_suppression_comes_back_as_it_was_recorded(store: Store) -> None:
    assert await store.suppress("acme", ANNA, OBJECTION)
    assert await person(store, "anna@news.example.com") == Person((OBJECTION,))


async def test_the_first_of_two_equal_suppressions_stands(store: Store) -> None:
    await store.suppress("acme", ANNA, OBJECTION)
    assert not await store.suppress("acme", ANNA, replace(OBJECTION, at=1800, channel="page"))
    assert (await person(store, "anna@news.example.com")).suppressions == (OBJECTION,)


async def test_other_reasons_and_scopes_stand_beside_it(store: Store) -> None:
    others = [BARE, replace(OBJECTION, reason=Reason.COMPLAINT), OBJECTION]
    assert [await store.suppress("acme", ANNA, one) for one in others] == [True] * 3
    assert set((await person(store, "anna@news.example.com")).suppressions) == set(others)


async def test_controllers_do_not_see_each_other(store: Store) -> None:
    await store.suppress("acme", ANNA, BARE)
    assert await person(store, "anna@news.example.com", "other") == Person()


@pytest.mark.parametrize("spelling", ["ANNA@News.Example.COM", '"anna"@news.example.com'])
async def test_spellings_of_one_mailbox_are_one(store: Store, spelling: str) -> None:
    await store.suppress("acme", ANNA, BARE)
    assert await reasons(store, spelling) == {(Reason.OBJECTION, False)}


async def test_an_address_covers_its_tagged_forms_never_the_reverse(store: Store) -> None:
    await store.suppress("acme", address("anna@example.com"), BARE)
    await store.suppress("acme", address("bob+shop@example.com"), BARE)
    assert await reasons(store, "anna+shop@example.com") == {(Reason.OBJECTION, False)}
    assert await reasons(store, "bob@example.com") == set()
    assert await reasons(store, "bob+other@example.com") == set()


@pytest.mark.parametrize(
    ("recipient", "covered"),
    [
        ("a@example.com", True),
        ("a@b.c.example.com", True),
        ("a@notexample.com", False),
        ("a@example.com.org", False),
        ("a@com", False),
        ("a@[192.0.2.1]", False),
    ],
)
async def test_a_domain_covers_what_is_below_it(
    store: Store, recipient: str, covered: bool
) -> None:
    await store.suppress("acme", "example.com", BARE)
    expected = {(Reason.OBJECTION, True)} if covered else set()
    assert await reasons(store, recipient) == expected


async def test_a_name_of_a_hundred_labels_costs_a_bounded_lookup(store: Store) -> None:
    await store.suppress("acme", "example.com", BARE)
    assert await reasons(store, "a@" + "x." * 100 + "example.com") == {(Reason.OBJECTION, True)}


async def test_a_postmaster_without_a_domain_can_be_looked_up(store: Store) -> None:
    assert await store.look_up("acme", [Address(b"Postmaster", b"")]) == [Person()]


async def test_lifting_remembers_why(store: Store) -> None:
    await store.suppress("acme", ANNA, OBJECTION)
    scope = OBJECTION.scope
    because = "signed up again: on paper"
    lift = (ANNA, scope, Reason.OBJECTION)
    assert await store.unsuppress("acme", *lift, because=because, at=1900)
    assert not await store.unsuppress("acme", *lift, because=because, at=1901)
    assert await person(store, "anna@news.example.com") == Person()
    (row,) = await store.find("acme", ANNA)
    assert [(one.at, one.because, one.scope) for one in row.lifted] == [(1900, because, scope)]


async def test_lifting_leaves_other_scopes_alone(store: Store) -> None:
    await store.suppress("acme", ANNA, OBJECTION)
    assert not await store.unsuppress("acme", ANNA, Scope(), Reason.OBJECTION, because="x", at=1)
    assert (await person(store, "anna@news.example.com")).suppressions == (OBJECTION,)


async def test_erasure_keeps_the_objection_unless_told_otherwise(store: Store) -> None:
    await store.register("acme", [(ANNA, Source("s", "A fair"), 1600, True)])
    await store.suppress("acme", ANNA, BARE)
    assert await store.erase("acme", ANNA)
    assert not await store.erase("acme", ANNA)
    assert await person(store, "anna@news.example.com") == Person((BARE,))
    assert await store.erase("acme", ANNA, objections=True)
    assert await all_rows(store) == []


async def test_a_source_and_the_day_since_when(store: Store) -> None:
    fair = Source("bati", "Salon Bâti 2026", "partner")
    assert await store.register("acme", [(ANNA, fair, 1600, False)]) == 1
    assert await store.register("acme", [(ANNA, None, 1700, False)]) == 0
    found = await person(store, "anna@news.example.com")
    assert (found.source, found.known_since) == (fair, 1600)
    await store.register("acme", [(ANNA, None, 1500, True)])
    assert (await person(store, "anna@news.example.com")).known_since == 1500


async def test_the_source_of_an_address_is_not_that_of_its_tagged_forms(store: Store) -> None:
    await store.register("acme", [(address("anna@example.com"), Source("s", "A"), 1600, False)])
    assert await person(store, "anna+shop@example.com") == Person()


async def test_what_one_turn_of_the_loop_asks_travels_together(
    store: Store, settings: Settings, redis: Redis
) -> None:
    await store.suppress("acme", address("u7@example.com"), BARE)
    names = [f"u{i}@example.com" for i in range(50)]

    async def marks_read() -> int:
        (stats,) = await redis(settings.url, ("INFO", "commandstats"))
        line = next(w for w in stats.decode().splitlines() if w.startswith("cmdstat_hgetall:"))
        return int(line.split("calls=")[1].split(",")[0])

    before = await marks_read()
    found = await asyncio.gather(*(person(store, name) for name in names))
    assert [bool(one.suppressions) for one in found] == [i == 7 for i in range(50)]
    assert await marks_read() - before == 2 * len(names) + 1  # address, domain; one mark


async def test_rows_name_no_address(store: Store, settings: Settings, redis: Redis) -> None:
    await store.suppress("acme", ANNA, BARE)
    await store.suppress("other: one", "example.org", BARE)
    listed = {(row.controller, row.person.suppressions[0].domain) for row in await all_rows(store)}
    assert listed == {("acme", False), ("other: one", True)}
    (only,) = await all_rows(store, "other: one")
    assert only.controller == "other: one"
    _, keys = (await redis(settings.url, ("SCAN", 0, "COUNT", 1000)))[0]
    assert not any(word in key for key in keys for word in (b"anna", b"example"))
    assert all(key == b"sg:meta" or key.count(b"{") == 1 for key in keys)


async def test_a_star_in_a_controllers_name_is_a_star(store: Store) -> None:
    await store.suppress("acme", ANNA, BARE)
    assert await all_rows(store, "a*") == []


async def test_thousands_of_rows_are_all_listed(store: Store) -> None:
    many = [(address(f"u{i}@example.com"), BARE) for i in range(1200)]
    assert await store.suppress_many("acme", many) == 1200
    assert await store.suppress_many("acme", many) == 0
    assert len({row.reference for row in await all_rows(store)}) == 1200


async def test_a_new_key_finds_what_was_recorded_under_the_old(
    store: Store, settings: Settings, ring: Keyring
) -> None:
    await store.suppress("acme", ANNA, replace(BARE, at=1600))
    await store.register("acme", [(ANNA, Source("s", "A fair"), 1500, False)])
    both = Keyring((ReferenceKey("k2", b"2" * 32), *ring.references))
    renewed = await Store.open(settings, both)
    try:
        assert not await renewed.suppress("acme", ANNA, replace(BARE, at=1700))
        found = await person(renewed, "anna@news.example.com")
        assert found.suppressions == (replace(BARE, at=1600),)
        assert found.source == Source("s", "A fair")
        assert len(await renewed.find("acme", ANNA)) == 2
        with pytest.raises(StoreUntrusted, match="reference key k2"):
            await person(store, "anna@news.example.com")
        lift = (ANNA, Scope(), Reason.OBJECTION)
        assert await renewed.unsuppress("acme", *lift, because="x", at=1)
        assert (await person(renewed, "anna@news.example.com")).suppressions == ()
    finally:
        await renewed.close()


async def test_a_closed_store_is_silent(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreSilent, match="closed"):
        await person(store, "anna@news.example.com")


async def test_two_founders_agree(settings: Settings, ring: Keyring) -> None:
    opened = await asyncio.gather(
        *(
            Store.open(
                replace(settings, state=settings.state / str(i)), ring, founding=Founding.ALWAYS
            )
            for i in range(5)
        )
    )
    try:
        marks = {(await store.describe())[0].generation for store in opened}
        assert len(marks) == 1
    finally:
        await asyncio.gather(*(store.close() for store in opened))


KEPT: dict[str, Callable[[Store], Awaitable[object]]] = {
    "an opt-out": lambda store: store.suppress("acme", ANNA, replace(OBJECTION, at=9)),
    "a lift": lambda store: store.unsuppress(
        "acme", ANNA, OBJECTION.scope, OBJECTION.reason, because="x", at=9
    ),
    "an erasure": lambda store: store.erase("acme", ANNA),
    "a consent": lambda store: Consents(store).add(
        "acme", [(ANNA, Consent(OBJECTION.scope, 1800, "form 12"))]
    ),
    "a rights request": lambda store: open_request(
        store, LINKED, "acme", ANNA, Kind.ACCESS, "sealed", keep=600
    ),
    "an answer to one": lambda store: answered(store, "R-261123-7K3MQX"),
    "a partner's list": lambda store: load(
        store, "partner", Algorithm.MD5, [b"x" * 16], now=5, keep=False
    ),
}


@pytest.mark.parametrize("what", KEPT)
async def test_what_a_replica_does_not_have_was_not_done(
    store: Store, settings: Settings, ring: Keyring, what: str
) -> None:
    """A failover could undo what somebody was told is done."""
    await store.suppress("acme", ANNA, OBJECTION)
    lonely = await Store.open(replace(settings, replicas=1, deadline=1.0), ring, lambda _: None)
    with pytest.raises(StoreSilent, match="only 0 of 1 replicas"):
        await KEPT[what](lonely)
    assert await lonely.look_up("acme", [address("bob@example.org")]) == [Person()]
    await lonely.close()

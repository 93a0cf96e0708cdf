"""Who got which message, and how often they bounced; against a real Valkey."""

from __future__ import annotations

from smtpguard.keys import Keyring, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.store.returns import Returns, Sent
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

ANNA = Address(b"anna", b"example.com")
BEN = Address(b"ben", b"example.com")
SENT = Sent(1000, "brand", "str:eam x")


async def test_a_message_is_known_for_whom_it_went_to(store: Store) -> None:
    returns = Returns(store)
    await returns.mark("acme", "m1@acme.fr", [(ANNA, SENT)])
    assert await returns.sent("acme", ["m0@acme.fr", "m1@acme.fr"], ANNA) == SENT
    assert await returns.sent("acme", ["m1@acme.fr"], Address(b"ANNA", b"Example.com")) == SENT
    assert await returns.sent("acme", ["m1@acme.fr"], BEN) is None
    assert await returns.sent("other", ["m1@acme.fr"], ANNA) is None
    assert await returns.sent("acme", [], ANNA) is None


async def test_a_message_to_several_is_nobodys_own(store: Store) -> None:
    returns = Returns(store)
    crowd = [(Address(f"r{n}".encode(), b"example.com"), SENT) for n in range(5)]
    await returns.mark("acme", "m1@acme.fr", crowd)
    await returns.mark("acme", "m1@acme.fr", [(ANNA, SENT)])
    first = await returns.sent("acme", ["m1@acme.fr"], crowd[0][0])
    assert first
    assert not first.alone
    assert await returns.sent("acme", ["m1@acme.fr"], ANNA) is None, "two are enough to know"


async def test_the_same_message_twice_to_one_is_their_own(store: Store) -> None:
    returns = Returns(store)
    for _ in range(2):
        await returns.mark("acme", "m1@acme.fr", [(ANNA, SENT)])
    found = await returns.sent("acme", ["m1@acme.fr"], ANNA)
    assert found
    assert found.alone


async def test_a_mark_outlives_a_new_key(store: Store, settings: Settings, ring: Keyring) -> None:
    await Returns(store).mark("acme", "m1@acme.fr", [(ANNA, SENT)])
    newer = Keyring((ReferenceKey("k2", b"2" * 32), *ring.references))
    later = await Store.open(settings, newer)
    try:
        assert await Returns(later).sent("acme", ["m1@acme.fr"], ANNA) == SENT
    finally:
        await later.close()


async def test_bounces_are_counted_once_a_report_within_the_window(store: Store) -> None:
    returns = Returns(store)

    async def count(report: str, now: int, kind: str = "soft", who: Address = ANNA) -> int:
        return await returns.bounced("acme", who, kind, report, now=now, window=100)

    assert await count("a", 1000) == 1
    assert await count("a", 1010) == 1
    assert await count("b", 1050) == 2
    assert await count("b", 1050, "hard") == 1
    assert await count("b", 1050, who=BEN) == 1
    assert await count("c", 1101) == 2, "the first has lapsed"
    for number in range(150):
        last = await count(f"n{number}", 1101)
    assert last == 100


async def test_a_notice_is_taken_back_for_its_own_message_alone(store: Store) -> None:
    returns = Returns(store)
    assert not await returns.retract("acme", ANNA, 1000)
    await store.reserve("acme", ANNA, "t", "v1")
    assert not await returns.retract("acme", ANNA, 1000), "what is reserved was not given yet"
    await store.commit("acme", ANNA, "t")
    (person,) = await store.look_up("acme", [ANNA])
    assert person.contact
    assert not await returns.retract("acme", ANNA, person.contact.at - 700)
    assert not await returns.retract("acme", BEN, person.contact.at)
    assert await returns.retract("acme", ANNA, person.contact.at + 3)
    (person,) = await store.look_up("acme", [ANNA])
    assert person.contact is None

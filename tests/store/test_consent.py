"""Consents and opt-outs, in any order, against a model; and what contradicts what."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from smtpguard.keys import Keyring, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.person import (
    Conflict,
    ConflictKind,
    Consent,
    OptOut,
    Reason,
    Scope,
    Source,
    Suppression,
)
from smtpguard.store.consent import Consents, History, Outcome, _conflict, _consent
from smtpguard.store.greeting import Founding
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
ANNA = Address(b"anna", b"example.com")
NEWS, OFFERS, BRAND, ALL = Scope("acme", "news"), Scope("acme", "offers"), Scope("acme"), Scope()


def consent(given: int, scope: Scope = NEWS, proof: str = "form 12, entry 8812") -> Consent:
    return Consent(scope, given, proof, "the shop", "jo")


async def record(store: Store, one: Consent, *also: Reason, who: Address = ANNA) -> Outcome:
    return (await Consents(store).add("acme", [(who, one)], also))[0]


async def leave(
    store: Store,
    at: int,
    scope: Scope = NEWS,
    *,
    reason: Reason = Reason.OBJECTION,
    epoch: int = 0,
    channel: str = "one-click",
) -> Conflict | None:
    one = OptOut(Suppression(reason, scope, at, channel), epoch)
    return (await store.opt_out("acme", [(ANNA, one)]))[0].conflict


async def standing(store: Store) -> set[tuple[Reason, Scope]]:
    person = (await store.look_up("acme", [ANNA]))[0]
    return {(one.reason, one.scope) for one in person.suppressions}


async def history(store: Store) -> History:
    return await Consents(store).of("acme", ANNA)


async def test_a_consent_is_on_record_as_it_was_given(store: Store) -> None:
    assert await record(store, consent(200)) == Outcome(new=True)
    (found,) = (await history(store)).consents
    assert replace(found, recorded=0) == consent(200)
    assert found.recorded > 1_700_000_000
    assert await record(store, consent(200, proof="another")) == Outcome(new=False)
    assert len((await history(store)).consents) == 1


async def test_a_later_consent_opens_what_it_covers(store: Store) -> None:
    await leave(store, 100)
    await leave(store, 100, OFFERS)
    outcome = await record(store, consent(101))
    assert outcome.reopened == (Suppression(Reason.OBJECTION, NEWS, 100, "one-click"),)
    assert await standing(store) == {(Reason.OBJECTION, OFFERS)}
    (row,) = await store.find("acme", ANNA)
    assert [(one.scope, one.because) for one in row.lifted] == [(NEWS, "consent of 1970-01-01")]


@pytest.mark.parametrize("given", [99, 100])
async def test_a_consent_that_is_not_later_opens_nothing(store: Store, given: int) -> None:
    await leave(store, 100)
    (conflict,) = (await record(store, consent(given))).conflicts
    expected = Conflict(
        ConflictKind.OLD_CONSENT, Reason.OBJECTION, NEWS, 100, given, 0, "one-click"
    )
    assert replace(conflict, recorded=0) == expected
    assert await standing(store) == {(Reason.OBJECTION, NEWS)}
    assert (await history(store)).conflicts == (conflict,)


async def test_what_counts_is_when_it_was_said_last(store: Store) -> None:
    await leave(store, 100)
    await leave(store, 300, channel="page")
    await leave(store, 250)
    (conflict,) = (await record(store, consent(200))).conflicts
    assert (conflict.kind, conflict.said) == (ConflictKind.OLD_CONSENT, 300)
    assert (await record(store, consent(301))).reopened
    await leave(store, 120)  # nothing of the former wish is left
    assert (await record(store, consent(130))).reopened


async def test_lifting_forgets_when_it_was_said_last(store: Store) -> None:
    await leave(store, 100)
    await leave(store, 300)
    await store.unsuppress("acme", ANNA, NEWS, Reason.OBJECTION, because="a slip", at=310)
    await leave(store, 150)
    assert (await record(store, consent(200))).reopened


async def test_an_old_link_suppresses_all_the_same(store: Store) -> None:
    await record(store, consent(150, BRAND))
    await record(store, consent(200))
    conflict = await leave(store, 300, epoch=120)
    expected = Conflict(ConflictKind.OLD_LINK, Reason.OBJECTION, NEWS, 300, 200, 120, "one-click")
    assert conflict is not None
    assert replace(conflict, recorded=0) == expected
    assert await standing(store) == {(Reason.OBJECTION, NEWS)}
    assert (await history(store)).conflicts == (conflict,)


@pytest.mark.parametrize(("epoch", "scope"), [(0, NEWS), (200, NEWS), (250, NEWS), (120, OFFERS)])
async def test_a_link_that_contradicts_nothing(store: Store, epoch: int, scope: Scope) -> None:
    await record(store, consent(200))
    assert await leave(store, 300, scope, epoch=epoch) is None
    assert (await history(store)).conflicts == ()


async def test_the_same_link_again_is_the_same_conflict(store: Store) -> None:
    await record(store, consent(200))
    assert await leave(store, 300, epoch=120)
    for at in range(301, 340):
        assert await leave(store, at, epoch=120) is None
        await store.unsuppress("acme", ANNA, NEWS, Reason.OBJECTION, because="undone", at=at)
        assert await leave(store, at, epoch=120) is None
    assert len((await history(store)).conflicts) == 1


async def test_who_has_left_already_contradicts_nothing_more(store: Store) -> None:
    await leave(store, 100, epoch=90)
    await record(store, consent(95))
    assert await leave(store, 300, epoch=80) is None
    assert len((await history(store)).conflicts) == 1


async def test_a_wider_wish_stands_against_a_narrower_consent(store: Store) -> None:
    await leave(store, 100, ALL)
    (conflict,) = (await record(store, consent(200))).conflicts
    assert (conflict.kind, conflict.scope) == (ConflictKind.WIDER_WISH, ALL)
    assert await standing(store) == {(Reason.OBJECTION, ALL)}
    assert (await record(store, consent(200, ALL))).reopened


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.OBJECTION])
async def test_other_reasons_stand(store: Store, reason: Reason) -> None:
    await leave(store, 100, reason=reason)
    (conflict,) = (await record(store, consent(200, ALL))).conflicts
    assert (conflict.kind, conflict.reason) == (ConflictKind.STRONGER_REASON, reason)
    assert await standing(store) == {(reason, NEWS)}


@pytest.mark.parametrize(
    ("reason", "opens"),
    [
        (Reason.COMPLAINT, True),
        (Reason.ERASURE, True),
        (Reason.MANUAL, False),
        (Reason.HARD_BOUNCE, False),
    ],
)
async def test_the_operator_may_say_so(store: Store, reason: Reason, opens: bool) -> None:
    await leave(store, 100, reason=reason)
    assert bool((await record(store, consent(200), reason)).reopened) is opens
    assert (await standing(store) == set()) is opens


async def test_a_damaged_row_still_stands(store: Store, settings: Settings, redis: Redis) -> None:
    await leave(store, 100)
    (key,) = (await redis(settings.url, ("KEYS", "sg:acme:*")))[0]
    await redis(settings.url, ("HSET", key, "s:objection:acme:news", "damaged"))
    (conflict,) = (await record(store, consent(200))).conflicts
    assert conflict.kind is ConflictKind.OLD_CONSENT
    assert await standing(store) == {(Reason.OBJECTION, NEWS)}


@given(name=st.text(max_size=30), value=st.binary(max_size=30))
@example(name="x:old-link:objection:a:b:1:2", value=b"1 2 3")
@example(name="x:of-a-later-version:objection:a:b:1:2", value=b"1 2 3 page")
@example(name="x:old-link:boredom:a:b:1:x", value=b"1 2 3 page")
@example(name="y:a:b:1", value=b"[1]")
@example(name="y:a:b:x", value=b'["p", "s", "b", 1]')
def test_what_cannot_be_read_is_passed_over(name: str, value: bytes) -> None:
    octets = name.encode("utf-8", "replace")
    assert _consent(octets, value) is None
    assert _conflict(octets, value) is None


async def test_a_domain_stands_whatever_one_person_consents_to(store: Store) -> None:
    await store.suppress("acme", "example.com", Suppression(Reason.OBJECTION, ALL, 100))
    assert await record(store, consent(200, ALL)) == Outcome(new=True)
    assert await standing(store) == {(Reason.OBJECTION, ALL)}


async def test_controllers_and_people_do_not_share_consents(store: Store) -> None:
    await record(store, consent(200))
    bob = Address(b"bob", b"example.com")
    assert await Consents(store).of("acme", bob) == History()
    assert await Consents(store).of("other", ANNA) == History()


async def test_conflicts_are_listed_without_addresses(store: Store) -> None:
    await leave(store, 100)
    await record(store, consent(90))
    other = OptOut(Suppression(Reason.OBJECTION, NEWS, 100))
    await store.opt_out("other: one", [(ANNA, other)])
    await Consents(store).add("other: one", [(ANNA, consent(80))])
    found = [one async for one in Consents(store).conflicts()]
    assert sorted((owner, one.consent) for owner, _, one in found) == [
        ("acme", 90),
        ("other: one", 80),
    ]
    own = [one async for one in Consents(store).conflicts("acme")]
    (row,) = await store.find("acme", ANNA)
    assert [(owner, reference) for owner, reference, _ in own] == [("acme", row.reference)]


async def test_erasure_leaves_nothing_of_it(store: Store, settings: Settings, redis: Redis) -> None:
    await leave(store, 100)
    await record(store, consent(200))
    await leave(store, 300, epoch=120)
    await leave(store, 400)
    assert await store.erase("acme", ANNA)
    (key,) = (await redis(settings.url, ("KEYS", "sg*:acme:*")))[0]
    kept = (await redis(settings.url, ("HGETALL", key)))[0]
    assert kept[::2] == [b"s:objection:acme:news", b"l:objection:acme:news"]
    assert await history(store) == History()
    assert not (await record(store, consent(350))).reopened  # it was said at 400
    assert await store.erase("acme", ANNA, objections=True)
    assert (await redis(settings.url, ("KEYS", "sg*:acme:*")))[0] == []


async def test_a_consent_under_a_new_key_opens_what_stands_under_the_old(
    store: Store, settings: Settings, ring: Keyring
) -> None:
    await leave(store, 100)
    renewed = Keyring((ReferenceKey("k2", b"2" * 32), *ring.references))
    other = await Store.open(settings, renewed)
    try:
        await other.register("acme", [(ANNA, Source("s", "A fair"), 50, False)])
        assert len((await record(other, consent(200))).reopened) == 1
        assert await standing(other) == set()
        assert len((await history(other)).consents) == 1
        assert await record(other, consent(200)) == Outcome(new=False)
        assert await leave(other, 300, epoch=150)
        assert len((await history(other)).conflicts) == 1
        assert await other.erase("acme", ANNA)
        assert await history(other) == History()
    finally:
        await other.close()


# --- any order, against a model ------------------------------------------------------------------


@dataclass
class Model:
    """What should be on record of one person, in words of Python."""

    standing: dict[tuple[Reason, Scope], tuple[int, int]] = field(default_factory=dict)
    """When it was said first, and last."""
    consents: set[tuple[Scope, int]] = field(default_factory=set)
    conflicts: set[tuple[ConflictKind, Reason, Scope, int, int]] = field(default_factory=set)
    """With the epoch of the link, or when it was said; and the consent's time."""

    def leave(self, reason: Reason, scope: Scope, at: int, epoch: int) -> None:
        old = self.standing.get((reason, scope))
        self.standing[reason, scope] = (old[0], max(old[1], at)) if old else (at, at)
        later = [t for s, t in self.consents if t > epoch and related(s, scope)]
        if not old and epoch and later:
            self.conflicts.add((ConflictKind.OLD_LINK, reason, scope, epoch, max(later)))

    def consent(self, scope: Scope, given: int, also: frozenset[Reason]) -> None:
        if (scope, given) in self.consents:
            return
        self.consents.add((scope, given))
        for (reason, other), (_, said) in list(self.standing.items()):
            if not related(scope, other):
                continue
            covered = scope.covers(other.brand, other.stream)
            if given > said and covered and reason in {Reason.OBJECTION, *also}:
                del self.standing[reason, other]
                continue
            kind = (
                ConflictKind.OLD_CONSENT
                if given <= said
                else ConflictKind.STRONGER_REASON
                if covered
                else ConflictKind.WIDER_WISH
            )
            self.conflicts.add((kind, reason, other, said, given))

    def lift(self, reason: Reason, scope: Scope) -> None:
        self.standing.pop((reason, scope), None)

    def erase(self, *, objections: bool) -> None:
        self.consents.clear()
        self.conflicts.clear()
        if objections:
            self.standing.clear()


def related(one: Scope, other: Scope) -> bool:
    return one.covers(other.brand, other.stream) or other.covers(one.brand, one.stream)


SCOPES = st.sampled_from([NEWS, NEWS, BRAND, ALL, Scope("bolt", "a:b c")])
REASONS = st.sampled_from([Reason.OBJECTION, Reason.OBJECTION, Reason.COMPLAINT, Reason.MANUAL])
TIMES = st.integers(1, 12)
STEPS = st.one_of(
    st.tuples(st.just("leave"), REASONS, SCOPES, TIMES, st.integers(0, 12)),
    st.tuples(
        st.just("consent"), SCOPES, TIMES, st.frozensets(st.just(Reason.COMPLAINT), max_size=1)
    ),
    st.tuples(st.just("lift"), REASONS, SCOPES),
    st.tuples(st.just("erase"), st.booleans()),
)
_people = count()


async def follow(store: Store, who: Address, steps: list[Any]) -> None:
    """Do each step in the store and in the model; after each, both say the same."""
    model, register = Model(), Consents(store)
    for what, *words in steps:
        match what:
            case "leave":
                reason, scope, at, epoch = words
                wish = OptOut(Suppression(reason, scope, at, "page"), epoch)
                await store.opt_out("acme", [(who, wish)])
                model.leave(reason, scope, at, epoch)
            case "consent":
                scope, at, also = words
                await register.add("acme", [(who, consent(at, scope))], also)
                model.consent(scope, at, also)
            case "lift":
                reason, scope = words
                await store.unsuppress("acme", who, scope, reason, because="x", at=99)
                model.lift(reason, scope)
            case _:
                await store.erase("acme", who, objections=words[0])
                model.erase(objections=words[0])
        person = (await store.look_up("acme", [who]))[0]
        stands = {(one.reason, one.scope): one.at for one in person.suppressions}
        assert stands == {key: first for key, (first, _) in model.standing.items()}
        found = await register.of("acme", who)
        assert {(one.scope, one.given) for one in found.consents} == model.consents
        assert {
            (one.kind, one.reason, one.scope, one.epoch or one.said, one.consent)
            for one in found.conflicts
        } == model.conflicts


@examples(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=15))
def test_any_order_of_steps(settings: Settings, ring: Keyring, steps: list[Any]) -> None:
    async def scenario() -> None:
        store = await Store.open(settings, ring, founding=Founding.ALWAYS)
        try:
            await follow(store, Address(b"u%d" % next(_people), b"example.com"), steps)
        finally:
            await store.close()

    asyncio.run(scenario())

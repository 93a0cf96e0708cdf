"""First contact: none, reserved, committed; against a real Valkey."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.person import FirstContact
from smtpguard.store.greeting import Founding
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
ANNA = Address(b"anna", b"example.com")


async def told(store: Store, who: Address = ANNA) -> FirstContact | None:
    return (await store.look_up("acme", [who]))[0].contact


async def state(store: Store) -> tuple[bool, str] | None:
    contact = await told(store)
    return (contact.informed, contact.notice) if contact else None


async def test_reserved_then_committed(store: Store) -> None:
    assert await told(store) is None
    assert await store.reserve("acme", ANNA, "mail-1", "notice v1")
    assert await state(store) == (False, "notice v1")
    assert await store.commit("acme", ANNA, "mail-1")
    assert await state(store) == (True, "notice v1")


async def test_rolled_back_is_as_if_nothing_had_been(store: Store) -> None:
    await store.reserve("acme", ANNA, "mail-1", "v1")
    assert await store.roll_back("acme", ANNA, "mail-1")
    assert await told(store) is None
    assert await store.find("acme", ANNA) == []


async def test_of_many_at_once_one_holds_the_reservation(store: Store) -> None:
    tokens = [f"mail-{i}" for i in range(20)]
    held = await asyncio.gather(*(store.reserve("acme", ANNA, t, "v1") for t in tokens))
    assert sum(held) == 1
    holder = tokens[held.index(True)]
    others = [token for token in tokens if token != holder]
    assert not any([await store.roll_back("acme", ANNA, token) for token in others])
    assert not any([await store.commit("acme", ANNA, token) for token in others])
    assert await state(store) == (False, "v1")
    assert await store.commit("acme", ANNA, holder)


async def test_asking_again_with_the_same_token_keeps_it(store: Store) -> None:
    assert await store.reserve("acme", ANNA, "mail-1", "v1")
    assert await store.reserve("acme", ANNA, "mail-1", "v1")


async def test_a_reservation_lapses(settings: Settings, ring: Keyring, store: Store) -> None:
    hasty = await Store.open(replace(settings, reservation=0), ring)
    try:
        assert await hasty.reserve("acme", ANNA, "mail-1", "v1")
        assert await told(hasty) is None
        assert await store.reserve("acme", ANNA, "mail-2", "v1")
        assert not await hasty.commit("acme", ANNA, "mail-1")
    finally:
        await hasty.close()


async def test_another_notice_is_reserved_beside_the_one_given(store: Store) -> None:
    await store.reserve("acme", ANNA, "mail-1", "v1")
    await store.commit("acme", ANNA, "mail-1")
    assert await store.reserve("acme", ANNA, "mail-2", "v2")
    assert await state(store) == (True, "v1")
    assert await store.commit("acme", ANNA, "mail-2")
    assert await state(store) == (True, "v2")


async def test_a_notice_given_too_long_ago_counts_no_more(
    settings: Settings, ring: Keyring, store: Store
) -> None:
    await store.reserve("acme", ANNA, "mail-1", "v1")
    await store.commit("acme", ANNA, "mail-1")
    forgetful = await Store.open(replace(settings, contact_retention=-1), ring)
    try:
        assert await told(forgetful) is None
    finally:
        await forgetful.close()


async def test_tokens_and_notices_of_any_kind(store: Store) -> None:
    token, notice = "a b%\n{}", "  source: é\n purpose %s "
    assert await store.reserve("acme", ANNA, token, notice)
    assert await state(store) == (False, "source: é purpose %s")
    assert await store.commit("acme", ANNA, token)
    assert await state(store) == (True, "source: é purpose %s")


async def test_a_tagged_form_is_informed_for_itself(store: Store) -> None:
    await store.reserve("acme", ANNA, "mail-1", "v1")
    assert await told(store, Address(b"anna+shop", b"example.com")) is None


async def test_founding_again_is_not_needed(settings: Settings, ring: Keyring) -> None:
    first = await Store.open(settings, ring, founding=Founding.ALWAYS)
    await first.close()
    second = await Store.open(settings, ring)
    assert not second.founded
    assert first.founded
    await second.close()

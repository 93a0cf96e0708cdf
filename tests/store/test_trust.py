"""When a store may not be believed, and what is said then; against real servers."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smtpguard.keys import Keyring, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.person import Reason, Scope, Suppression
from smtpguard.store import trust
from smtpguard.store.errors import StoreUntrusted
from smtpguard.store.greeting import Founding
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
ANNA = Address(b"anna", b"example.com")
LEFT = Suppression(Reason.OBJECTION, Scope(), 1700, "page")
GOOD = {"role": "master", "maxmemory_policy": "noeviction", "aof_enabled": "1"}


async def refusal(settings: Settings, ring: Keyring) -> StoreUntrusted:
    with pytest.raises(StoreUntrusted) as refused:
        await Store.open(settings, ring)
    return refused.value


async def keep_asking(store: Store) -> None:
    async with asyncio.timeout(5):
        while True:
            await store.look_up("acme", [ANNA])


async def until_believed(store: Store) -> None:
    async with asyncio.timeout(5):
        while True:
            with suppress(StoreUntrusted):
                await store.look_up("acme", [ANNA])
                return
            await asyncio.sleep(0.01)


async def test_a_store_is_set_up_on_purpose(settings: Settings, ring: Keyring) -> None:
    refused = await refusal(settings, ring)
    assert (refused.why, refused.mend) == (
        "the store was never set up",
        "run `smtpguard store init`",
    )


async def test_an_emptied_store_is_noticed_at_once(
    store: Store, settings: Settings, ring: Keyring, redis: Redis
) -> None:
    await store.suppress("acme", ANNA, LEFT)
    await redis(settings.url, ("FLUSHALL",))
    with pytest.raises(StoreUntrusted, match="emptied"):
        await store.look_up("acme", [ANNA])
    with pytest.raises(StoreUntrusted, match="emptied"):
        await store.suppress("acme", ANNA, LEFT)
    assert "--force" in (await refusal(settings, ring)).mend
    with pytest.raises(StoreUntrusted):
        await Store.open(settings, ring, founding=Founding.ALWAYS)


async def test_an_emptied_store_begins_again_only_by_force(
    store: Store, settings: Settings, ring: Keyring, redis: Redis
) -> None:
    await redis(settings.url, ("FLUSHALL",))
    again = await Store.open(settings, ring, founding=Founding.FORCED)
    assert again.founded
    await again.close()
    reopened = await Store.open(settings, ring)
    await reopened.close()


async def test_a_restored_store_is_believed_again(
    store: Store, settings: Settings, redis: Redis
) -> None:
    (saved,) = await redis(settings.url, ("DUMP", "sg:meta"))
    await redis(settings.url, ("DEL", "sg:meta"))
    with pytest.raises(StoreUntrusted):
        await store.look_up("acme", [ANNA])
    await redis(settings.url, ("RESTORE", "sg:meta", 0, saved))
    await until_believed(store)


async def test_another_store_is_not_taken_for_ours(
    store: Store, settings: Settings, ring: Keyring, redis: Redis
) -> None:
    await redis(settings.url, ("HSET", "sg:meta", "generation", "another"))
    with pytest.raises(StoreUntrusted, match="this is store another"):
        await store.look_up("acme", [ANNA])
    assert "store.url" in (await refusal(settings, ring)).mend


async def test_a_host_that_knows_no_store_gets_to_know_the_one_it_finds(
    store: Store, settings: Settings, ring: Keyring, tmp_path: Path
) -> None:
    elsewhere = replace(settings, state=tmp_path / "second-host")
    met = await Store.open(elsewhere, ring)
    mark, _, _ = await met.describe()
    await met.close()
    kept = json.loads((elsewhere.state / "store.json").read_text())
    assert kept["generation"] == mark.generation == (await store.describe())[0].generation


async def test_a_layout_of_another_version_is_refused(
    store: Store, settings: Settings, ring: Keyring, redis: Redis
) -> None:
    await redis(settings.url, ("HSET", "sg:meta", "schema", "2"))
    assert "layout is 2" in (await refusal(settings, ring)).why


async def test_a_key_that_is_not_held_is_named(
    store: Store, settings: Settings, ring: Keyring, redis: Redis
) -> None:
    await redis(settings.url, ("HSET", "sg:meta", "key:lost", "00"))
    assert "reference key lost" in (await refusal(settings, ring)).why


async def test_a_key_of_the_right_name_and_the_wrong_secret(
    store: Store, settings: Settings
) -> None:
    refused = await refusal(settings, Keyring((ReferenceKey("k1", b"x" * 32),)))
    assert "k1 is not the one" in refused.why


async def test_without_a_reference_key_nothing_opens(settings: Settings) -> None:
    assert "keys new" in (await refusal(settings, Keyring())).mend


async def test_an_unreadable_memory_is_not_a_first_meeting(
    store: Store, settings: Settings, ring: Keyring
) -> None:
    (settings.state / "store.json").write_text("{")
    assert "store.json cannot be read" in (await refusal(settings, ring)).why


async def test_a_server_that_evicts_is_refused(
    store: Store, settings: Settings, ring: Keyring, redis: Redis
) -> None:
    await redis(settings.url, ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))
    refused = await refusal(settings, ring)
    assert "evicts" in refused.why
    assert "noeviction" in refused.mend
    vouched = await Store.open(replace(settings, durability_asserted=True), ring)
    await vouched.close()
    await redis(settings.url, ("CONFIG", "SET", "maxmemory-policy", "volatile-lru"))
    harmless = await Store.open(settings, ring)  # it evicts only rows that expire; none of ours do
    await harmless.close()


async def test_a_setting_changed_later_is_noticed_too(
    store: Store, settings: Settings, redis: Redis
) -> None:
    await redis(settings.url, ("CONFIG", "SET", "maxmemory-policy", "allkeys-random"))
    store._greeting.inspected -= 3600
    with pytest.raises(StoreUntrusted, match="evicts"):
        await keep_asking(store)
    await redis(settings.url, ("CONFIG", "SET", "maxmemory-policy", "noeviction"))
    await until_believed(store)


async def test_a_falling_count_alarms_and_no_more(
    store: Store, settings: Settings, ring: Keyring, redis: Redis
) -> None:
    many = [(Address(b"u%d" % i, b"example.com"), LEFT) for i in range(300)]
    await store.suppress_many("acme", many)
    first = await Store.open(settings, ring)
    await first.close()
    for row in [row async for row in store.rows()][:150]:
        key = f"sg:acme:{{{row.reference}}}"
        await redis(settings.url, ("DEL", key))
    alarms: list[str] = []
    second = await Store.open(settings, ring, alarms.append)
    assert any("had 301 rows and now has 151" in alarm for alarm in alarms)
    assert len(await second.look_up("acme", [ANNA])) == 1
    await second.close()


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ({}, ""),
        ({"role": "slave"}, "replica"),
        ({"role": "replica"}, "replica"),
        ({"maxmemory_policy": "allkeys-lfu"}, "allkeys-lfu"),
        ({"maxmemory_policy": "volatile-ttl"}, ""),
        ({"aof_enabled": "0"}, "appendonly no"),
    ],
)
def test_what_a_server_says_of_itself(info: dict[str, str], why: str) -> None:
    if why:
        with pytest.raises(StoreUntrusted, match=why):
            trust.judge_server(GOOD | info, asserted=False)
    else:
        assert trust.judge_server(GOOD | info, asserted=False) == ""


def test_an_assertion_does_not_make_a_replica_a_primary() -> None:
    with pytest.raises(StoreUntrusted):
        trust.judge_server({"role": "slave"}, asserted=True)
    assert trust.judge_server({"role": "master", "aof_enabled": "0"}, asserted=True) == ""


@pytest.mark.parametrize(
    ("value", "warned"), [("always", False), ("everysec", True), ("no", True), ("", False)]
)
def test_fsync(value: str, warned: bool) -> None:
    assert bool(trust.judge_fsync(value)) is warned


@pytest.mark.parametrize(
    ("before", "now", "warned"),
    [(0, 0, False), (0, 5, False), (150, 60, False), (5000, 4600, False), (5000, 4400, True)],
)
def test_counts(before: int, now: int, warned: bool) -> None:
    assert bool(trust.judge_count(before, now)) is warned

"""Poison is poison on every worker."""

from collections.abc import Awaitable, Callable
from typing import Any

from smtpguard.store.poison import KEPT, broke
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store


async def test_each_message_is_counted_apart_and_lapses(
    store: Store, settings: Settings, redis: Callable[..., Awaitable[list[Any]]]
) -> None:
    assert [await broke(store, b"one") for _ in range(3)] == [0, 1, 2]
    assert await broke(store, b"two") == 0
    (lapses,) = await redis(settings.url, ("TTL", b"sg-broke:{%b}" % b"one".hex().encode()))
    assert 0 < lapses <= KEPT

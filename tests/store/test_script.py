"""A script does the same sent whole and called by its name; the name is known in its own batch."""

from collections.abc import Awaitable, Callable
from typing import Any

from smtpguard.store.script import Script
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
APPEND = Script("return redis.call('APPEND', KEYS[1], ARGV[1] .. ARGV[2])")


async def test_whole_and_short_are_one(store: Store, settings: Settings, redis: Redis) -> None:
    assert await store.ask([APPEND.call((b"k",), "ab", 1)]) == [3]
    for _ in range(2):
        short = [APPEND.call((b"k",), b"c", "d", short=True)] * 2
        _, *lengths = await store.ask([APPEND.load, *short])
        assert lengths[1] - lengths[0] == 2
        await redis(settings.url, ("SCRIPT", "FLUSH"))  # a server that was started again
    assert (await redis(settings.url, ("GET", "k")))[0] == b"ab1" + b"cd" * 4

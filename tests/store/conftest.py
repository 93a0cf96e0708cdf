"""One real Valkey for all tests of the store; each test gets it empty, and a state of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from smtpguard.keys import Keyring, ReferenceKey
from smtpguard.store.embedded import Embedded
from smtpguard.store.greeting import Founding
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from smtpguard.store.wire import Reply, Wire, command
from tests.valkey import running

RING = Keyring((ReferenceKey("k1", b"1" * 32),))


Plain = Callable[..., Awaitable[list[Reply]]]


async def plain(url: str, *commands: tuple[bytes | str | int, ...]) -> list[Reply]:
    """Commands to a server, as redis-cli would send them."""

    async def greet(_: object) -> None:
        """Believe it."""

    wire = Wire(
        lambda: url,
        password="",
        deadline=5,
        blip=0,
        greet=greet,
        mark=command("PING"),
        judge=lambda _: None,
        alarm=lambda _: None,
    )
    try:
        return await wire.ask([command(*words) for words in commands])
    finally:
        await wire.close()


@pytest.fixture
def ring() -> Keyring:
    return RING


@pytest.fixture(scope="session")
def redis() -> Plain:
    """Send commands to a server as redis-cli would: ``await redis(url, ("PING",))``."""
    return plain


@pytest.fixture(scope="session")
def server() -> Iterator[Embedded]:
    with running() as one:
        yield one


@pytest.fixture
async def settings(server: Embedded, tmp_path: Path) -> Settings:
    url = f"unix://{server.socket}"
    await plain(url, ("FLUSHALL",), ("CONFIG", "SET", "maxmemory-policy", "noeviction"))
    return Settings(tmp_path, url=url, blip=0.2)


@pytest.fixture
async def store(settings: Settings, alarms: list[str]) -> AsyncIterator[Store]:
    opened = await Store.open(settings, RING, alarms.append, founding=Founding.ALWAYS)
    yield opened
    await opened.close()


@pytest.fixture
def alarms() -> list[str]:
    return []


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """Nobody waits for a store that is gone."""
    return replace(settings, deadline=0.2, blip=0.0)

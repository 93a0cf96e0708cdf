"""Deadlines, the blip and what comes after it: servers that hang, refuse, die and come back."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.person import Person, Reason, Suppression
from smtpguard.store.embedded import Embedded, answers
from smtpguard.store.errors import StoreSilent, StoreUntrusted
from smtpguard.store.greeting import Founding
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
ANNA = Address(b"anna", b"example.com")


@pytest.fixture
def victim() -> Iterator[Embedded]:
    home = Path(tempfile.mkdtemp(prefix="sg-"))
    server = Embedded(home / "store")
    server.start()
    yield server
    if server.pid:
        os.kill(server.pid, signal.SIGCONT)
    server.stop()
    shutil.rmtree(home)


@pytest.fixture
async def at_risk(
    victim: Embedded, tmp_path: Path, ring: Keyring, alarms: list[str]
) -> AsyncIterator[Store]:
    settings = Settings(tmp_path, f"embedded:{victim.directory}", deadline=0.2, blip=0.3)
    store = await Store.open(settings, ring, alarms.append)
    yield store
    await store.close()


async def test_a_hanging_store_costs_one_blip_and_then_nothing(
    victim: Embedded, at_risk: Store, alarms: list[str]
) -> None:
    assert victim.pid
    os.kill(victim.pid, signal.SIGSTOP)
    began = time.monotonic()
    asked = [at_risk.look_up("acme", [ANNA]) for _ in range(5)]
    answers_ = await asyncio.gather(*asked, return_exceptions=True)
    assert time.monotonic() - began < 1.5
    assert all(isinstance(one, StoreSilent) for one in answers_)
    assert "within 0.2 s" in str(answers_[0])
    began = time.monotonic()
    for _ in range(50):
        with pytest.raises(StoreSilent):
            await at_risk.look_up("acme", [ANNA])
    assert time.monotonic() - began < 2  # waiting each time would take 10 s
    assert len(alarms) == 1
    os.kill(victim.pid, signal.SIGCONT)
    async with asyncio.timeout(5):
        while len(alarms) < 2:
            await asyncio.sleep(0.01)
    assert "answers again" in alarms[1]
    assert await at_risk.look_up("acme", [ANNA]) == [Person()]


async def test_the_loop_stays_free_while_the_store_hangs(victim: Embedded, at_risk: Store) -> None:
    assert victim.pid
    os.kill(victim.pid, signal.SIGSTOP)
    lookup = asyncio.ensure_future(at_risk.look_up("acme", [ANNA]))
    turns = 0
    while not lookup.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 50
    with pytest.raises(StoreSilent):
        await lookup


async def test_who_goes_away_is_not_waited_for(victim: Embedded, at_risk: Store) -> None:
    assert victim.pid
    os.kill(victim.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await at_risk.look_up("acme", [ANNA])
    os.kill(victim.pid, signal.SIGCONT)
    assert await at_risk.look_up("acme", [ANNA]) == [Person()]


async def test_nobody_listens(tmp_path: Path, ring: Keyring, alarms: list[str]) -> None:
    settings = Settings(tmp_path, f"unix://{tmp_path}/nothing", deadline=0.2, blip=0.1)
    store = await Store.open(settings, ring, alarms.append)
    with pytest.raises(StoreSilent, match="cannot be asked"):
        await store.look_up("acme", [ANNA])
    assert len(alarms) == 1
    await store.close()


async def test_a_host_that_accepts_and_says_nothing(tmp_path: Path, ring: Keyring) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = Settings(tmp_path, f"redis://127.0.0.1:{port}", deadline=0.1, blip=0.1)
    began = time.monotonic()
    store = await Store.open(settings, ring, lambda _: None)
    with pytest.raises(StoreSilent, match=r"within 0\.1 s"):
        await store.look_up("acme", [ANNA])
    assert time.monotonic() - began < 1.5
    await store.close()
    server.close()
    await server.wait_closed()


async def test_a_refusal_is_the_askers_alone(
    store: Store, settings: Settings, redis: Redis
) -> None:
    await store.suppress("acme", ANNA, Suppression(Reason.MANUAL))
    (row,) = await store.find("acme", ANNA)
    key = f"sg:acme:{{{row.reference}}}"
    await redis(settings.url, ("DEL", key), ("SET", key, "not a hash"))
    spoilt, whole = await asyncio.gather(
        store.look_up("acme", [ANNA]),
        store.look_up("acme", [Address(b"bob", b"example.com")]),
        return_exceptions=True,
    )
    assert isinstance(spoilt, StoreSilent)
    assert "WRONGTYPE" in str(spoilt)
    assert whole == [Person()]


async def test_a_full_server_takes_no_opt_out_silently(
    store: Store, settings: Settings, redis: Redis
) -> None:
    await redis(settings.url, ("CONFIG", "SET", "maxmemory", "1"))
    try:
        with pytest.raises(StoreSilent, match="maxmemory"):
            await store.suppress("acme", ANNA, Suppression(Reason.MANUAL))
        assert await store.look_up("acme", [ANNA]) == [Person()]
    finally:
        await redis(settings.url, ("CONFIG", "SET", "maxmemory", "0"))


async def test_a_connection_that_the_server_ends_is_made_again(
    store: Store, settings: Settings, redis: Redis
) -> None:
    await redis(settings.url, ("CLIENT", "KILL", "TYPE", "normal"))
    assert await store.look_up("acme", [ANNA]) == [Person()]


def redis_server(*words: str) -> Iterator[str]:
    """Debian's Redis on a socket of its own; its URL."""
    home = Path(tempfile.mkdtemp(prefix="sg-"))
    path = home / "s"
    process = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", str(path), "--dir", str(home), *words],
        stdout=subprocess.DEVNULL,
    )
    while not answers(path):
        assert process.poll() is None
        time.sleep(0.01)
    yield f"unix://{path}"
    process.kill()
    process.wait()
    shutil.rmtree(home)


@pytest.fixture
def lasting() -> Iterator[str]:
    yield from redis_server("--appendonly", "yes")


@pytest.fixture
def fleeting() -> Iterator[str]:
    yield from redis_server()


@pytest.mark.real
async def test_debians_redis_does_when_it_persists(
    lasting: str, tmp_path: Path, ring: Keyring, alarms: list[str]
) -> None:
    store = await Store.open(
        Settings(tmp_path, lasting), ring, alarms.append, founding=Founding.ALWAYS
    )
    assert await store.suppress("acme", ANNA, Suppression(Reason.OBJECTION))
    assert await store.reserve("acme", ANNA, "mail-1", "v1")
    assert await store.commit("acme", ANNA, "mail-1")
    (found,) = await store.look_up("acme", [ANNA])
    assert found.suppressions
    assert found.contact
    assert any("appendfsync is everysec" in alarm for alarm in alarms)
    await store.close()


@pytest.mark.real
async def test_debians_redis_as_it_comes_is_refused(
    fleeting: str, tmp_path: Path, ring: Keyring
) -> None:
    settings = Settings(tmp_path, fleeting)
    with pytest.raises(StoreUntrusted, match="appendonly yes"):
        await Store.open(settings, ring, founding=Founding.ALWAYS)
    asserted = replace(settings, durability_asserted=True)
    vouched = await Store.open(asserted, ring, founding=Founding.ALWAYS)
    await vouched.close()


@pytest.mark.real
async def test_a_replica_is_refused(
    lasting: str, fleeting: str, tmp_path: Path, ring: Keyring, redis: Redis
) -> None:
    store = await Store.open(
        Settings(tmp_path, lasting, blip=0.1), ring, lambda _: None, founding=Founding.ALWAYS
    )
    await redis(lasting, ("REPLICAOF", "127.0.0.1", 1))
    with pytest.raises(StoreSilent, match="read only"):
        await store.suppress("acme", ANNA, Suppression(Reason.MANUAL))
    with pytest.raises(StoreUntrusted, match="primary"):  # it connected again, and looked
        await store.look_up("acme", [ANNA])
    await store.close()
    with pytest.raises(StoreUntrusted, match="primary"):
        await Store.open(Settings(tmp_path, lasting), ring, lambda _: None)


@pytest.mark.real
async def test_a_password_is_used_and_never_told(
    lasting: str, tmp_path: Path, ring: Keyring, redis: Redis
) -> None:
    await redis(lasting, ("CONFIG", "SET", "requirepass", "s3cret"))
    wrong = Settings(tmp_path, lasting, password="guess-me", blip=0.0)
    alarms: list[str] = []
    store = await Store.open(wrong, ring, alarms.append, founding=Founding.ALWAYS)
    with pytest.raises(StoreSilent):
        await store.look_up("acme", [ANNA])
    await store.close()
    assert alarms
    assert not any("guess-me" in alarm for alarm in [*alarms, repr(wrong)])
    right = await Store.open(
        replace(wrong, password="s3cret"), ring, lambda _: None, founding=Founding.ALWAYS
    )
    assert right.founded
    await right.close()

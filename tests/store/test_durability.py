"""An opt-out that was acknowledged is there: after every kill, and after a failover."""

import asyncio
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.person import Reason, Suppression
from smtpguard.store.embedded import Embedded, answers
from smtpguard.store.errors import StoreSilent
from smtpguard.store.greeting import Founding
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from tests.processes import free_port

OBJECTION = Suppression(Reason.OBJECTION)
ANNA = Address(b"anna", b"example.com")
KILLS = 100


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sg-") as name:
        yield Path(name)


async def test_no_kill_loses_an_acknowledged_opt_out(home: Path, ring: Keyring) -> None:
    chance = random.Random(8058)
    server = Embedded(home / "store")
    server.start()
    store = await Store.open(Settings(home, deadline=0.5, blip=5.0), ring)
    numbers, acknowledged, over = count(), list[Address](), asyncio.Event()

    async def leave() -> None:
        while not over.is_set():
            address = Address(b"reader%d" % next(numbers), b"example.com")
            await store.suppress("acme", address, OBJECTION)
            acknowledged.append(address)

    readers = [asyncio.create_task(leave()) for _ in range(4)]
    for _ in range(KILLS):
        had = len(acknowledged)
        while len(acknowledged) == had:
            await asyncio.sleep(0.001)
        await asyncio.sleep(chance.uniform(0, 0.02))
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.to_thread(server.stop)  # reaps it
        await asyncio.to_thread(server.start)
    over.set()
    await asyncio.gather(*readers)
    assert len(acknowledged) > KILLS
    found = await store.look_up("acme", acknowledged)
    assert all(person.suppressions for person in found)
    await store.close()
    server.stop()


class Redis:
    """Debian's server, on a unix socket of its own."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.socket = home / "s"
        settings = {
            "--port": str(free_port()),
            "--bind": "127.0.0.1",
            "--unixsocket": str(self.socket),
            "--dir": str(home),
            "--save": "",
            "--appendonly": "yes",
            "--appendfsync": "always",
            "--repl-diskless-sync-delay": "0",
        }
        words = [word for pair in settings.items() for word in pair]
        self.process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not answers(self.socket):
            assert time.monotonic() < end
            time.sleep(0.01)

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


class Pair:
    """A primary, its replica, and the name under which whoever is primary is reached."""

    def __init__(self, home: Path, redis: Callable[..., Any]) -> None:
        self.redis = redis
        self.primary, self.replica = Redis(home / "1"), Redis(home / "2")
        self.place = home / "primary"
        self.point(self.primary)

    def point(self, server: Redis) -> None:
        new = self.place.with_suffix(".new")
        new.symlink_to(server.socket)
        new.rename(self.place)

    async def replicate(self) -> None:
        (port,) = await self.redis(self.primary.url, ("CONFIG", "GET", "port"))
        await self.redis(self.replica.url, ("REPLICAOF", "127.0.0.1", port[1]))
        written, end = (
            (("SET", "probe", 1), ("DEL", "probe"), ("WAIT", 1, 100)),
            time.monotonic() + 20,
        )
        while (await self.redis(self.primary.url, *written))[-1] != 1:
            assert time.monotonic() < end

    async def fail_over(self) -> None:
        """The primary dies without a word; the replica takes its place and its name."""
        self.primary.end()
        await self.redis(self.replica.url, ("REPLICAOF", "NO", "ONE"))
        self.point(self.replica)


@pytest.fixture
def pair(home: Path, redis: Callable[..., Any]) -> Iterator[Pair]:
    two = Pair(home, redis)
    yield two
    two.primary.end()
    two.replica.end()


@pytest.fixture
def doubled(home: Path, pair: Pair) -> Settings:
    return Settings(home, f"unix://{pair.place}", deadline=0.5, blip=3.0, replicas=1)


@pytest.mark.real
async def test_a_failover_keeps_what_was_acknowledged(
    pair: Pair, doubled: Settings, ring: Keyring
) -> None:
    await pair.replicate()
    store = await Store.open(doubled, ring, founding=Founding.ALWAYS)
    acknowledged, silent = list[Address](), 0

    async def leave(number: int) -> None:
        address = Address(b"reader%d" % number, b"example.com")
        await store.suppress("acme", address, OBJECTION)
        acknowledged.append(address)

    for number in range(100):
        await leave(number)
    under_way = [asyncio.create_task(leave(number)) for number in range(100, 140)]
    await asyncio.sleep(0)
    await pair.fail_over()
    for ended in await asyncio.gather(*under_way, return_exceptions=True):
        silent += isinstance(ended, StoreSilent)
    assert len(acknowledged) + silent == 140
    found = await store.look_up("acme", acknowledged)
    assert len(found) >= 100
    assert all(person.suppressions for person in found)
    with pytest.raises(StoreSilent, match="only 0 of 1 replicas"):
        await store.suppress("acme", ANNA, OBJECTION)  # alone, it promises nothing
    await store.close()


@pytest.mark.real
async def test_an_opt_out_waits_for_the_replica_and_lookups_do_not(
    pair: Pair, doubled: Settings, ring: Keyring, alarms: list[str]
) -> None:
    await pair.replicate()
    store = await Store.open(doubled, ring, alarms.append, founding=Founding.ALWAYS)
    assert await store.suppress("acme", ANNA, OBJECTION)
    pair.replica.process.send_signal(signal.SIGSTOP)
    bob = replace(ANNA, local=b"bob")
    waiting = asyncio.create_task(store.suppress("acme", bob, OBJECTION))
    await asyncio.sleep(0.05)
    assert (await store.look_up("acme", [ANNA]))[0].suppressions
    assert not waiting.done()
    with pytest.raises(StoreSilent, match="only 0 of 1 replicas"):
        await waiting
    # It stands on the primary, so that the second try writes nothing; still it is not enough.
    other = await Store.open(doubled, ring, alarms.append)
    with pytest.raises(StoreSilent, match="only 0 of 1 replicas"):
        await other.suppress("acme", bob, OBJECTION)
    assert alarms == ["0 of 1 replicas have what was written: opt-outs wait"] * 2
    pair.replica.process.send_signal(signal.SIGCONT)
    await other.suppress("acme", bob, OBJECTION)
    assert alarms[2:] == ["1 of 1 replicas have what was written"]
    await other.close()
    await store.close()

"""The embedded Valkey: one server a directory, its data kept whatever ends it."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.person import Reason, Suppression
from smtpguard.store import embedded
from smtpguard.store.embedded import Embedded, EmbeddedError, answers, socket_of
from smtpguard.store.errors import StoreUntrusted
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

ANNA = Address(b"anna", b"example.com")


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sg-") as name:
        yield Path(name)


@pytest.fixture
def server(home: Path) -> Iterator[Embedded]:
    """Shadows the session's: this one is harmed."""
    with Embedded(home / "store") as running:
        yield running


def poll_until(server: Embedded, word: str) -> str:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if word in (said := server.poll()):
            return said
        time.sleep(0.01)
    raise AssertionError(f"nothing was said of {word!r}")


def test_it_is_private_and_keeps_every_write(server: Embedded) -> None:
    assert server.owned
    assert answers(server.socket)
    assert server.directory.stat().st_mode & 0o077 == 0
    assert server.socket.stat().st_mode & 0o077 == 0


async def test_the_first_opening_sets_it_up(
    server: Embedded, home: Path, ring: Keyring, alarms: list[str]
) -> None:
    store = await Store.open(Settings(home), ring, alarms.append)
    assert store.founded
    _, info, _ = await store.describe()
    assert (info["aof_enabled"], info["maxmemory_policy"]) == ("1", "noeviction")
    assert alarms == []
    await store.close()


async def test_a_kill_loses_nothing(server: Embedded, home: Path, ring: Keyring) -> None:
    store = await Store.open(Settings(home), ring)
    await store.suppress("acme", ANNA, Suppression(Reason.OBJECTION))
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    assert "SIGKILL" in poll_until(server, "ended")
    lookup = asyncio.create_task(store.look_up("acme", [ANNA]))
    await asyncio.sleep(0)
    assert "started again" in await asyncio.to_thread(poll_until, server, "started")
    (found,) = await lookup  # the blip was ridden out
    assert [one.reason for one in found.suppressions] == [Reason.OBJECTION]
    await store.close()


async def test_an_embedded_store_that_lost_its_files_is_not_believed(
    home: Path, ring: Keyring
) -> None:
    with Embedded(home / "store"):
        store = await Store.open(Settings(home), ring)
        await store.close()
    for file in (home / "store" / "appendonlydir").iterdir():
        file.unlink()
    with Embedded(home / "store"), pytest.raises(StoreUntrusted, match="emptied"):
        await Store.open(Settings(home), ring)


def test_a_second_one_attaches_to_the_first(server: Embedded) -> None:
    second = Embedded(server.directory)
    assert second.start() is False
    assert not second.owned
    assert second.socket == server.socket
    assert second.poll() == ""
    second.stop()
    assert answers(server.socket)


def test_a_second_one_takes_over_when_the_first_ends(server: Embedded) -> None:
    second = Embedded(server.directory)
    second.start()
    server.stop()
    assert "started again" in poll_until(second, "started")
    assert second.owned
    second.stop()


def test_the_lock_lives_as_long_as_the_server_not_its_parent(home: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from smtpguard.store.embedded import Embedded;"
        "server = Embedded(Path(sys.argv[1])); server.start(); print(server.pid, flush=True);"
        "os._exit(9)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=False
    )
    orphan = int(ran.stdout)
    try:
        heir = Embedded(home)
        assert heir.start() is False
        assert answers(heir.socket)
    finally:
        os.kill(orphan, signal.SIGKILL)
    assert "started again" in poll_until(heir, "started")
    heir.stop()


def test_it_ends_within_five_seconds_even_when_it_hangs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STOP", 0.2)
    server = Embedded(home)
    server.start()
    assert server.pid
    os.kill(server.pid, signal.SIGSTOP)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 2
    assert not server.socket.exists()
    with Embedded(home) as again:
        assert answers(again.socket)


def test_who_is_told_to_stop_while_it_is_forked_knows_of_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen = subprocess.Popen

    def forking(*words: Any, **more: Any) -> Any:
        process = popen(*words, **more)
        signal.raise_signal(signal.SIGTERM)
        return process

    def stop(number: int, frame: object) -> None:
        raise SystemExit

    monkeypatch.setattr(subprocess, "Popen", forking)
    before = signal.signal(signal.SIGTERM, stop)
    server = Embedded(home / "store")
    try:
        with pytest.raises(SystemExit):
            server.start()
        assert server.owned
        assert signal.getsignal(signal.SIGTERM) is stop
    finally:
        signal.signal(signal.SIGTERM, before)
        server.stop()


def test_restarts_are_ever_rarer(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "valkey-server"
    broken.write_text("#!/bin/sh\necho out of everything\nexit 3\n")
    broken.chmod(0o700)
    server = Embedded(home, broken)
    with pytest.raises(EmbeddedError, match=r"exit status 3: out of everything"):
        server.start()
    pauses = []
    server.poll()
    for _ in range(3):
        said = poll_until(server, "ended")
        pauses.append(float(said.rpartition("restart in ")[2].split()[0]))
        poll_until(server, "started")
    server.stop()
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]


def test_a_long_path_gets_a_short_socket(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(home))
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with Embedded(deep) as server:
        assert len(os.fsencode(server.socket)) <= embedded.LONGEST_SOCKET_PATH
        assert server.socket.parent.parent == home
        assert answers(socket_of(deep))
        assert Embedded(deep).start() is False
        short = server.socket
    assert not short.parent.exists()
    assert not (deep / "socket").exists()


def test_no_place_is_short_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LONGEST_SOCKET_PATH", 5)
    with pytest.raises(EmbeddedError, match="short enough"):
        Embedded(tmp_path / "store").start()


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match="cannot be used"):
        Embedded(tmp_path / "file" / "store").start()


def test_the_configured_program_comes_first(tmp_path: Path) -> None:
    program = tmp_path / "mine"
    with pytest.raises(EmbeddedError, match="no program"):
        embedded.find_binary(program)
    program.write_text("")
    program.chmod(0o700)
    assert embedded.find_binary(program) == program


@pytest.mark.parametrize(
    ("version", "taken"), [("v=6.1.9", False), ("v=6.2.0", True), ("v=9.1.2", True), ("?", False)]
)
def test_without_the_wheel_a_recent_server_on_path_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    monkeypatch.setattr(embedded, "_bundled", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho Redis server {version} sha=0\n")
    program.chmod(0o700)
    if taken:
        assert embedded.find_binary() == program
    else:
        with pytest.raises(EmbeddedError, match="no Valkey to run"):
            embedded.find_binary()

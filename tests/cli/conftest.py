"""A host with an embedded store, and a shell on it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smtpguard.cli import main
from smtpguard.store.embedded import Embedded

Run = Callable[..., int]


def empty(server: Embedded) -> None:
    """Forget everything, as a wrong hand would."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(server.socket))
        client.sendall(b"FLUSHALL\r\n")
        assert client.recv(16) == b"+OK\r\n"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("s") / "store") as running:
        yield running


@pytest.fixture
def state(server: Embedded, tmp_path: Path) -> Path:
    """A host with keys, whose store is empty and whose policies are none."""
    empty(server)
    return tmp_path / "state"


@pytest.fixture
def run(server: Embedded, state: Path) -> Run:
    """Run a command on that host; the first one founds the store."""

    def run(*words: str, here: bool = True) -> int:
        place = ("--url", f"embedded:{server.directory}") if here else ()
        return main([*words, "--state", str(state), *place])

    return run

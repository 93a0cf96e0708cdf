"""A real Valkey for the tests of one room; each test gets it empty."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smtpguard.store.embedded import Embedded


@contextmanager
def running() -> Iterator[Embedded]:
    """A server of its own, at a short path, because its socket lives below it."""
    with tempfile.TemporaryDirectory(prefix="sg-") as home, Embedded(Path(home) / "store") as one:
        yield one


def empty(server: Embedded) -> None:
    """Forget everything, as a wrong hand would."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(server.socket))
        client.sendall(b"FLUSHALL\r\n")
        assert client.recv(16) == b"+OK\r\n"

"""Programs seen from outside: a port for them, their processes, and waiting for what they do."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

PATIENCE = 30.0

T = TypeVar("T")


class Logged(Protocol):
    """It can say what it said last."""

    def lines(self, words: str) -> list[str]: ...

    def trouble(self) -> str: ...


def until(
    seen: Callable[[], T],
    what: str,
    *told_by: Logged,
    seconds: float = PATIENCE,
    every: float = 0.02,
) -> T:
    """The first true value of ``seen``; fails after ``seconds``, with the end of the logs."""
    deadline = time.monotonic() + seconds
    while not (value := seen()):
        if time.monotonic() > deadline:
            logs = "\n".join(one.trouble() for one in told_by)
            raise AssertionError(f"waited {seconds:g} s for {what}\n{logs}")
        time.sleep(every)
    return value


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def children(parent: int) -> list[int]:
    """Process ids of the children; none where the parent has gone."""
    try:
        listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in listed.split()]


def command(pid: int) -> bytes:
    """The command line of a process; empty where it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""

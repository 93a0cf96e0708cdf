"""One command of ours, running beside the demonstration until it is closed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE = 30.0
"""Seconds until a program must have done what it was asked."""


class ProgramFailed(RuntimeError):
    """A program did not do what it was asked; ``str()`` is what it said last."""


def command(*words: str) -> list[str]:
    """``smtpguard words``, as this Python runs it."""
    return [sys.executable, "-m", "smtpguard", *words]


class Program:
    """``smtpguard words``, with all that it says in the file ``log``."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self.log = log
        self._name = f"smtpguard {words[0]}"
        with log.open("wb") as out:
            self._process = subprocess.Popen(command(*words), stdout=out, stderr=subprocess.STDOUT)

    @property
    def pid(self) -> int:
        """Whom to send signals."""
        return self._process.pid

    def started(self) -> None:
        """Return once it serves. Raises ``ProgramFailed``."""
        self._await(lambda: self._said("started:") > 0, "start")

    def reload(self, change: Callable[[], object]) -> None:
        """Make a change to its files and send SIGHUP; returns once that is in force."""
        before = self._said("reloaded:")
        change()
        self._process.send_signal(signal.SIGHUP)
        self._await(lambda: self._said("reloaded:") > before, "reload")

    def close(self) -> None:
        """SIGTERM: it finishes what it has begun, then ends."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _said(self, word: str) -> int:
        return self.log.read_text(errors="replace").count(word)

    def _await(self, done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                last = self.log.read_text(errors="replace")[-2000:]
                raise ProgramFailed(f"{self._name} did not {what}:\n{last}")
            time.sleep(0.02)

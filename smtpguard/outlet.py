"""Where the log goes. A full disk, a reader who has gone or who stands still costs lines, not mail.

A write to a pipe or a socket that nobody reads would wait for ever, and all mail with it.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

PIECE = select.PIPE_BUF
"""Octets for which ``poll`` promises room in a pipe; no other writer's come between them."""
GRACE = 5
"""Milliseconds for which a reader is waited for who has not stood still before."""


class Outlet:
    """A text file to which only what it takes at once is written."""

    def __init__(self, file: TextIO, lost: Callable[[int], None]) -> None:
        """``lost`` hears how many writes were dropped, once there is room again."""
        self._file = file
        self._tell = lost
        self._lost = 0
        self._torn = False
        self._poll = _poll(file)

    def write(self, text: str) -> None:
        """Write it, or as much as is taken."""
        if self._poll is None:
            with suppress(OSError, ValueError):
                self._file.write(text)
            return
        if self._lost and self._poll.poll(0):
            lost, self._lost = self._lost, 0
            self._tell(lost)
        octets = f"\n{text}".encode() if self._torn else text.encode()
        for start in range(0, len(octets), PIECE):
            if not self._poll.poll(0 if self._lost else GRACE):
                self._lost += 1
                self._torn = self._torn or start > 0
                return
            try:
                os.write(self._file.fileno(), octets[start : start + PIECE])
            except ConnectionError:
                self._gone()
                return
            except OSError:  # somebody made it non-blocking, and others write there too
                self._lost += 1
                self._torn = self._torn or start > 0
                return
        self._torn = False

    def flush(self) -> None:
        """Hand over what was written."""
        try:
            self._file.flush()
        except BrokenPipeError:
            self._gone()
        except (OSError, ValueError):
            pass

    def _gone(self) -> None:
        """What stays in the buffer would be written at exit, and its failure be the exit code."""
        self._poll = None
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self._file.fileno())


def _poll(file: TextIO) -> select.poll | None:
    """Tells whether a pipe or a socket takes more; other files always do."""
    try:
        number = file.fileno()
        mode = os.fstat(number).st_mode
    except (OSError, ValueError):
        return None
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return None
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return poll

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

PIECE = 1024
"""Characters written at once: at most PIPE_BUF octets, for which ``poll`` promises room."""


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
        if self._lost and self._has_room():
            lost, self._lost = self._lost, 0
            self._tell(lost)
        if self._torn:
            text = f"\n{text}"
        for start in range(0, len(text), PIECE):
            if not self._has_room():
                self._lost += 1
                self._torn = self._torn or start > 0
                return
            with suppress(OSError, ValueError):
                self._file.write(text[start : start + PIECE])
            self.flush()
        self._torn = False

    def flush(self) -> None:
        """Hand over what was written."""
        try:
            self._file.flush()
        except BrokenPipeError:
            # What stays in the buffer would be written at exit, and its failure be the exit code.
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self._file.fileno())
            self._poll = None
        except (OSError, ValueError):
            pass

    def _has_room(self) -> bool:
        return self._poll is None or bool(self._poll.poll(0))


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

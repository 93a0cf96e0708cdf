"""The journal's file: JSON Lines, appended by every worker, rotated by size."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

AGAIN = 1.0
"""Seconds after which a disk that refused a line is tried again."""


class Journal:
    """Lines appended to one file by several processes; one ``write`` each, so none is torn."""

    def __init__(self, path: Path, *, rotate_size: int, keep: int) -> None:
        self.path = path
        self.rotate_size = rotate_size
        """Octets after which a new file is begun."""
        self.keep = keep
        """Old files kept, the newest is ``.1``."""
        self._file = self._open()
        self._torn = False
        """The last line was cut short: the next one begins with a line end."""
        self._owed: list[bytes] = []
        self._tried = 0.0

    def append(self, entry: dict[str, Any]) -> None:
        """Write one line. ``OSError`` where the disk refuses it: the line is kept for later."""
        self._owed.append(f"{_encoded(entry)}\n".encode())
        self._settle()

    def ready(self) -> bool:
        """Whether every line so far is on the disk; tries again what was refused before."""
        if self._owed and time.monotonic() - self._tried >= AGAIN:
            with suppress(OSError):
                self._settle()
        return not self._owed

    def _settle(self) -> None:
        """Write the lines that are owed, oldest first. ``OSError`` where the disk refuses one."""
        self._tried = time.monotonic()
        while self._owed:
            self._write(self._owed[0])
            del self._owed[0]
            if os.fstat(self._file).st_size >= self.rotate_size:
                self._rotate()

    def _write(self, octets: bytes) -> None:
        written = os.write(self._file, b"\n" * self._torn + octets)
        self._torn = written < len(octets) + self._torn
        if self._torn:
            raise OSError(errno.ENOSPC, "a line was cut short")

    def reopen(self) -> None:
        """Follow the path again, after somebody else moved the file."""
        old, self._file = self._file, self._open()
        os.close(old)

    def close(self) -> None:
        """No more lines; may be called twice."""
        if self._file >= 0:
            with suppress(OSError):
                self._settle()
            os.close(self._file)
            self._file = -1

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _rotate(self) -> None:
        """Move the files one on, unless another process did so first."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            mine, there = os.fstat(self._file), self.path.stat()
            if (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino):
                for number in range(self.keep, 1, -1):
                    older = self._numbered(number - 1)
                    if older.exists():
                        older.rename(self._numbered(number))
                if self.keep:
                    self.path.rename(self._numbered(1))
                else:
                    self.path.unlink()
        except FileNotFoundError:
            pass
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self.reopen()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

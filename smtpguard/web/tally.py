"""What several workers count, shown as one: each notes its counts, and the first adds them up.

A note lives in a file without a name that the parent opened. Whoever is started in the place of a
worker that died goes on from its note; a second of counts may be lost with it, none that was shown.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from smtpguard import metrics


class Tally:
    """One for all; made before they are forked."""

    def __init__(self, workers: int) -> None:
        # Open for as long as we live.
        self._files = [tempfile.TemporaryFile() for _ in range(workers)]  # noqa: SIM115
        self._mine = 0
        self._before: metrics.Counted = {}

    def enter(self, number: int) -> None:
        """In a worker: be the one of that number, from 1 on."""
        self._mine = number - 1
        self._before = self._read(self._mine)

    def note(self) -> None:
        """Write down what we have counted. On a full disk, not this time."""
        total = dict(self._before)
        for key, value in metrics.counted().items():
            total[key] = total.get(key, 0) + value
        octets = json.dumps([[*key, value] for key, value in total.items()]).encode()
        with suppress(OSError), self._locked(self._mine, fcntl.LOCK_EX) as file:
            os.pwrite(file, octets, 0)
            os.ftruncate(file, len(octets))

    def others(self) -> list[metrics.Counted]:
        """What is to be added to our own counts; those are noted: what was shown never falls."""
        self.note()
        notes = [self._read(place) for place in range(len(self._files)) if place != self._mine]
        return [self._before, *notes]

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()

    def _read(self, place: int) -> metrics.Counted:
        with self._locked(place, fcntl.LOCK_SH) as file:
            octets = os.pread(file, os.fstat(file).st_size, 0)
        with suppress(ValueError):  # none yet, or half of one on a full disk
            return {tuple(key): value for *key, value in json.loads(octets)}
        return {}

    @contextmanager
    def _locked(self, place: int, how: int) -> Iterator[int]:
        """Nobody reads half a note; the kernel lets go of it for a worker that dies."""
        file = self._files[place].fileno()
        fcntl.lockf(file, how)
        try:
            yield file
        finally:
            fcntl.lockf(file, fcntl.LOCK_UN)

"""Messages that are ready at about the same time are judged one right behind the other.

What judges a message is a lot of code, and after anything else a processor has to fetch it anew:
the second in a row costs two thirds of the first. So who is ready waits, a few turns of the loop at
most, for those who will be in a moment; then all are judged, and only then is each signed and sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

TURNS = 8
"""Of the loop, that somebody waits for others at most."""


class Convoy:
    """The messages of one event loop."""

    def __init__(self) -> None:
        self._coming = 0
        self._ready = 0

    @contextmanager
    def coming(self) -> Iterator[None]:
        """A message is here, and what is known of its recipients is being asked."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1

    async def gathered(self) -> None:
        """Wait for those who are coming, before one's own is judged."""
        self._ready += 1
        try:
            for _ in range(TURNS):
                if not self._coming:
                    return
                await asyncio.sleep(0)
        finally:
            self._ready -= 1

    async def judged(self) -> None:
        """Let those who are ready be judged, before one's own is signed."""
        if self._ready:
            await asyncio.sleep(0)

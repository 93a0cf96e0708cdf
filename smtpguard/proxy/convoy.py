"""Messages that are ready at about the same time are judged one right behind the other.

What judges a message is a lot of code, and after anything else a processor has to fetch it anew:
the second in a row costs two thirds of the first. So who is ready waits, a few turns of the loop at
most, for those who will be in a moment; then all are judged, and only then is each signed and sent.
"""

from __future__ import annotations

import asyncio

TURNS = 8
"""Of the loop, that somebody waits for others at most."""


class Convoy:
    """The messages of one event loop."""

    def __init__(self) -> None:
        self.coming = 0
        """Transactions whose message is not ready to be judged."""
        self.ready = 0
        """Messages that wait for those."""


class Place:
    """One transaction in the convoy, from its beginning on."""

    def __init__(self, convoy: Convoy) -> None:
        self._convoy = convoy
        self._coming = True
        convoy.coming += 1

    def leave(self) -> None:
        """Nobody needs to wait for it; may be said more than once."""
        if self._coming:
            self._coming = False
            self._convoy.coming -= 1

    async def gathered(self) -> None:
        """Its message is ready: wait for those who are coming before it is judged."""
        self.leave()
        convoy = self._convoy
        convoy.ready += 1
        try:
            for _ in range(TURNS):
                if not convoy.coming:
                    return
                await asyncio.sleep(0)
        finally:
            convoy.ready -= 1

    async def judged(self) -> None:
        """Let those who are ready be judged, before its message is signed."""
        if self._convoy.ready:
            await asyncio.sleep(0)

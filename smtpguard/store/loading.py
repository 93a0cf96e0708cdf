"""Long lists into the store: in batches, with a pause after each so that mail is not held up.

One server writes for everybody; a list that came at full speed would take its time from the
lookups of mail in transit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from smtpguard.store.table import Row

Item = TypeVar("Item")
BATCH = 250
"""Rows in one write: about a millisecond of the server."""


class BadRow(ValueError):
    """A row that means nothing; ``str()`` is why, without the row's content."""


@dataclass(slots=True)
class Tally:
    """What became of a list."""

    rows: int = 0
    new: int = 0
    bad: int = 0

    @property
    def known(self) -> int:
        """Rows that said nothing new."""
        return self.rows - self.new - self.bad


async def load(
    rows: Iterable[Row],
    read: Callable[[Row], Item],
    write: Callable[[Sequence[Item]], Awaitable[int]],
    *,
    complain: Callable[[int, str], None],
    progress: Callable[[int], None] = lambda _: None,
    share: float = 0.5,
) -> Tally:
    """Bring a list into the store; memory does not grow with it.

    ``read`` makes an item of a row or raises ``BadRow``, which ``complain`` hears with the row's
    line number. ``write`` takes a batch and returns how many items were new. ``progress`` hears
    how many characters were read. ``share`` of the time is spent on the list, the rest pausing.
    """
    tally = Tally()
    batch: list[Item] = []
    read_so_far = 0

    async def flush() -> None:
        nonlocal read_so_far
        began = time.monotonic()
        tally.new += await write(batch)
        batch.clear()
        progress(read_so_far)
        read_so_far = 0
        await asyncio.sleep((time.monotonic() - began) * (1 - share) / share)

    for row in rows:
        tally.rows += 1
        read_so_far += len(row.text)
        try:
            if row.fault:
                raise BadRow(row.fault)
            batch.append(read(row))
        except BadRow as error:
            tally.bad += 1
            complain(row.line, str(error))
        if len(batch) >= BATCH:
            await flush()
    await flush()
    return tally

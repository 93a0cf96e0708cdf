"""How many people the store knows, and what stands against them. It looks at every record.

A store of a million records is looked through in about a minute when half of the time is left to
others; a record that moves meanwhile may be counted twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from smtpguard.person import Reason, Scope
from smtpguard.store.store import Store

BREATH = 500
"""Records after which others have their turn."""


@dataclass(slots=True)
class Tally:
    """The records of one controller."""

    records: int = 0
    informed: int = 0
    """People who got a notice of first contact."""
    sourced: int = 0
    """People of whom it is known where their address came from."""
    suppressions: Counter[tuple[bool, Reason, Scope]] = field(default_factory=Counter)
    """Whether it is a whole domain, why, and how far."""

    @property
    def ranked(self) -> list[tuple[tuple[bool, Reason, Scope], int]]:
        """``suppressions``, most first: the same order whatever order the store tells them in."""

        def rank(counted: tuple[tuple[bool, Reason, Scope], int]) -> tuple[object, ...]:
            (domain, reason, scope), count = counted
            return -count, domain, reason, scope.brand, scope.stream

        return sorted(self.suppressions.items(), key=rank)


async def count(
    store: Store, controller: str | None = None, *, share: float = 1.0
) -> dict[str, Tally]:
    """Everybody, by controller; ``share`` of the time is spent on it. Raises ``StoreSilent``."""
    found: dict[str, Tally] = {}
    seen, began = 0, time.monotonic()
    async for row in store.rows(controller):
        tally = found.setdefault(row.controller, Tally())
        tally.records += 1
        tally.informed += bool(row.person.contact and row.person.contact.informed)
        tally.sourced += row.person.source is not None
        tally.suppressions.update((s.domain, s.reason, s.scope) for s in row.person.suppressions)
        seen += 1
        if seen % BREATH == 0:
            await asyncio.sleep((time.monotonic() - began) * (1 - share) / share)
            began = time.monotonic()
    return found

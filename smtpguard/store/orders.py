"""What an operator, or an application, says of many people: not to be written to, or again.

A few hundred travel together; a company that wants to hear of it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import product

from smtpguard.person import OptOut, Reason, Scope, Suppression
from smtpguard.store.leaving import Recorded
from smtpguard.store.outbox import LIFTED, Maker
from smtpguard.store.store import Store, Who

BATCH = 250

Tell = Callable[[str, str, Suppression, Who], Awaitable[None]]
"""Hears of an event: its kind, the controller, the suppression and whom it is about."""


async def record(
    store: Store,
    controller: str,
    people: Sequence[Who],
    wish: OptOut,
    tell: Maker | None = None,
) -> list[Recorded]:
    """Record an opt-out of each; whether it is new, and contradicts. Raises ``StoreSilent``.

    What was written before the store fell silent stays written: asking again is harmless.
    """
    found: list[Recorded] = []
    for start in range(0, len(people), BATCH):
        batch = people[start : start + BATCH]
        found += await store.opt_out(controller, [(one, wish) for one in batch], tell)
    return found


async def lift(
    store: Store,
    controller: str,
    people: Sequence[Who],
    past: Suppression,
    reasons: Sequence[Reason],
    because: str,
    tell: Tell | None = None,
) -> int:
    """Lift what stands in exactly the scope of ``past``, for these reasons; how many it was.

    ``past.at`` is now and ``past.channel`` who lifts. A stream's suppression is found whether its
    brand was written down with it or not. Raises ``StoreSilent``.
    """
    stream = past.scope.stream
    scopes = {past.scope, Scope("", stream)} if stream else {past.scope}
    lifted = 0
    for start in range(0, len(people), BATCH):
        asked = list(product(people[start : start + BATCH], scopes, reasons))
        found = await asyncio.gather(
            *(
                store.unsuppress(controller, who, scope, reason, because=because, at=past.at)
                for who, scope, reason in asked
            )
        )
        gone = [each for each, was in zip(asked, found, strict=True) if was]
        lifted += len(gone)
        if tell is not None:
            told = [
                (Suppression(reason, scope, past.at, past.channel), who)
                for who, scope, reason in gone
            ]
            await asyncio.gather(*(tell(LIFTED, controller, one, who) for one, who in told))
    return lifted

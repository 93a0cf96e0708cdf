"""First contact: reserved before the mail is sent, settled after the client had its answer.

An unsure one counts as not informed: informing twice is harmless.
"""

from __future__ import annotations

from collections.abc import Sequence

from smtpguard import log
from smtpguard.store.errors import StoreSilent
from smtpguard.store.store import Store
from smtpguard.verdict.decision import Answer, Ruling


async def reserve(store: Store, reference: str, rulings: Sequence[Ruling]) -> None:
    """Say that these recipients are being informed now."""
    for ruling in rulings:
        if not ruling.informs or ruling.stream is None:
            continue
        controller = ruling.stream.controller.name
        try:
            await store.reserve(controller, ruling.recipient.address, reference, ruling.informs)
        except StoreSilent as silent:
            log.contact_unsure(reference, str(silent))


async def settle(
    store: Store, reference: str, rulings: Sequence[Ruling], answers: Sequence[Answer]
) -> None:
    """Commit what was delivered, roll back what was not."""
    for ruling, answer in zip(rulings, answers, strict=True):
        if not ruling.informs or ruling.stream is None:
            continue
        act = store.commit if answer.code // 100 == 2 else store.roll_back
        try:
            await act(ruling.stream.controller.name, ruling.recipient.address, reference)
        except StoreSilent as silent:
            log.contact_unsure(reference, str(silent))

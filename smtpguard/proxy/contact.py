"""First contact: reserved before the mail is sent, settled after the client had its answer.

An unsure one counts as not informed: informing twice is harmless. Beside it, what was sent to
whom is remembered for a while, so that a bounce or a reply can be believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from smtpguard import log
from smtpguard.mail.address import Address
from smtpguard.mail.message import Message
from smtpguard.policy.stream import Kind
from smtpguard.store.errors import StoreSilent
from smtpguard.store.returns import Returns, Sent
from smtpguard.store.store import Store
from smtpguard.verdict.decision import Answer, Copy, Ruling


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


def unsettled(rulings: Sequence[Ruling]) -> bool:
    """Whether the answer to any of them is to be kept in mind."""
    return any(
        ruling.informs or (ruling.stream is not None and ruling.stream.controller.feedback)
        for ruling in rulings
    )


async def settle(
    store: Store,
    reference: str,
    rulings: Sequence[Ruling],
    answers: Sequence[Answer],
    copy: Copy,
    now: int,
) -> None:
    """Commit what was delivered, roll back what was not; remember whom the message went to."""
    for ruling, answer in zip(rulings, answers, strict=True):
        if not ruling.informs or ruling.stream is None:
            continue
        act = store.commit if answer.code // 100 == 2 else store.roll_back
        try:
            await act(ruling.stream.controller.name, ruling.recipient.address, reference)
        except StoreSilent as silent:
            log.contact_unsure(reference, str(silent))
    await _remember(store, reference, rulings, answers, copy, now)


async def _remember(
    store: Store,
    reference: str,
    rulings: Sequence[Ruling],
    answers: Sequence[Answer],
    copy: Copy,
    now: int,
) -> None:
    """Mark whom a marketing message went to, where its controller reads what comes back."""
    went: dict[str, list[tuple[Address, Sent]]] = defaultdict(list)
    for ruling, answer in zip(rulings, answers, strict=True):
        stream = ruling.stream
        if answer.code // 100 != 2 or stream is None or stream.kind is not Kind.MARKETING:
            continue
        if stream.controller.feedback:
            sent = Sent(now, stream.brand.name, stream.name)
            went[stream.controller.name].append((ruling.recipient.address, sent))
    if not went or (named := Message(copy.raw).first("message-id")) is None:
        return
    message_id = named.value.strip().removeprefix("<").removesuffix(">")
    for controller, people in went.items():
        try:
            await Returns(store).mark(controller, message_id, people)
        except StoreSilent as silent:
            log.contact_unsure(reference, str(silent))

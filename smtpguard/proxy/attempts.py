"""Mail that was for people who had left: counted, so that its senders clean their lists.

Nothing here is done for mail to anybody else. Of mail that is put off nothing is counted: it comes
again, and is refused then.
"""

from __future__ import annotations

from contextlib import suppress

from smtpguard.person import LEFT, Person
from smtpguard.policy.stream import Stream
from smtpguard.policy.suppression import blocks
from smtpguard.rules import suppressed_domain, suppressed_recipient
from smtpguard.store.counts import Counts
from smtpguard.store.errors import StoreSilent
from smtpguard.store.store import Store
from smtpguard.verdict.decision import Decision, Relay, Ruling

RULES = frozenset({suppressed_recipient.RULE.id, suppressed_domain.RULE.id})


def attempts(decision: Decision) -> list[Ruling]:
    """The rulings on recipients who must not be written to."""
    return [
        ruling
        for ruling, answer in zip(decision.rulings, decision.answers, strict=True)
        if _stopped(ruling) and answer.code // 100 != 4
    ]


async def count(store: Store, found: list[Ruling], now: int) -> None:
    """Count those who had left, by stream and by how long before; a silent store counts nobody."""
    streams = {ruling.stream.id: ruling.stream for ruling in found if ruling.stream}
    with suppress(StoreSilent):
        for name, stream in streams.items():
            own = [r.recipient.address for r in found if r.stream and r.stream.id == name]
            people = await store.look_up(stream.controller.name, own)
            times = [at for person in people if (at := _left(person, stream)) is not None]
            after = [max(0, now - at) for at in times]
            await Counts(store).attempted(stream.controller.name, stream.name, after, now)


def _stopped(ruling: Ruling) -> bool:
    """Whether the register speaks against it, though the stream may only observe that."""
    stream = ruling.stream
    if isinstance(ruling.verdict, Relay) and (stream is None or stream.enforce_suppression):
        return False
    return any(weighed.finding.rule in RULES for weighed in ruling.weighed)


def _left(person: Person, stream: Stream) -> int | None:
    """When the recipient left first, as far as this stream goes."""
    return min(
        (
            one.at
            for one in person.suppressions
            if one.reason in LEFT
            and one.at
            and blocks(one.reason, stream.kind)
            and one.scope.covers(stream.brand.name, stream.name)
        ),
        default=None,
    )

"""What is done about a mail that was understood: written to the store, or left to the operator.

Nobody is suppressed on the word of a stranger: a ticket counts for the person it names, an address
only where the named message went to it, recently, and to nobody else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from smtpguard import log, metrics
from smtpguard.feedback.desk import Desk, Post
from smtpguard.feedback.letter import Bounced, Complained, Leave, Letter, Nothing, Unknown
from smtpguard.feedback.report import Failure, Kind
from smtpguard.mail.address import Address
from smtpguard.person import LEFT, OptOut, Reason, Scope, Suppression
from smtpguard.store import outbox
from smtpguard.store.counts import Counts
from smtpguard.store.errors import StoreSilent
from smtpguard.store.leaving import Recorded
from smtpguard.store.returns import KEPT, Returns
from smtpguard.store.store import Store


@dataclass(slots=True)
class Outcome:
    """What became of one mail, for one of its recipients."""

    what: str
    """``leave``, ``bounce``, ``complaint``, ``nothing`` or ``unknown``."""
    did: list[str] = field(default_factory=list)
    """Each effect in a few words, without addresses."""
    persons: list[str] = field(default_factory=list)
    """References of those whom it changed something for, as the store knows them."""
    operator: bool = False
    """Somebody should read it."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A person of whom the mail may speak, and the message that it speaks about."""

    controller: str
    brand: str
    stream: str
    address: Address
    at: int
    """When the message went out."""
    ids: Mapping[str, str] = field(default_factory=dict)
    """What the sender called reader and mailing, where a ticket says so."""


class Clerk:
    """Acts on one mail. Every method raises ``StoreSilent`` where the store does not answer."""

    def __init__(self, desk: Desk, store: Store, now: int, began: float | None = None) -> None:
        """``began``: when the mail arrived, on the monotonic clock."""
        self.desk = desk
        self.store = store
        self.returns = Returns(store)
        self.now = now
        self.began = time.monotonic() if began is None else began

    async def act(self, letter: Letter, post: Post) -> Outcome:
        """Do what the mail asks for, as far as it proves that it may ask."""
        match letter:
            case Leave():
                return await self._leave(letter, post)
            case Bounced():
                return await self._bounced(letter, post)
            case Complained():
                return await self._complained(letter, post)
            case Nothing():
                return Outcome("nothing", [letter.why])
            case Unknown():
                return Outcome("unknown", [letter.why], operator=True)

    async def _leave(self, letter: Leave, post: Post) -> Outcome:
        outcome = Outcome("leave", operator=letter.more)
        people = self._ticketed(letter)
        # A thread may quote other people's newsletters; who quotes their own means that one.
        own = letter.sender.key if letter.sender is not None else None
        people = [one for one in people if one.address.key == own] or people
        if not people and letter.sender is not None:
            people = await self._sent(post, letter.answered, (letter.sender,), outcome)
        for person in people:
            # Who answers to STOP means the brand that wrote; a link means its stream.
            stream = "" if letter.channel == "reply" else person.stream
            scope = Scope(person.brand, stream)
            await self._suppress(person, Reason.OBJECTION, scope, letter.channel, outcome)
        return self._proven(outcome, bool(people))

    async def _complained(self, letter: Complained, post: Post) -> Outcome:
        outcome = Outcome("complaint")
        people = self._ticketed(letter)
        if not people:
            people = await self._sent(post, letter.message_ids, letter.recipients, outcome)
        for person in people:
            scope = Scope(person.brand)
            await self._suppress(person, Reason.COMPLAINT, scope, "complaint", outcome)
        return self._proven(outcome, bool(people))

    async def _bounced(self, letter: Bounced, post: Post) -> Outcome:
        outcome = Outcome("bounce")
        # A bounce also stops invoices, so an old mail that somebody was shown proves none.
        ticketed = [one for one in self._ticketed(letter) if self.now - one.at < KEPT]
        for failure in letter.failures:
            keys = {address.key for address in failure.recipients}
            people = [person for person in ticketed if person.address.key in keys]
            if not people and len(letter.failures) == len(ticketed) == 1:
                people = ticketed  # they have their mail forwarded
            if not people:
                people = await self._sent(post, letter.message_ids, failure.recipients, outcome)
            for person in people:
                await self._failed(person, failure, outcome)
            self._proven(outcome, bool(people))
        return outcome

    async def _failed(self, person: Proven, failure: Failure, outcome: Outcome) -> None:
        if await self.returns.retract(person.controller, person.address, person.at):
            outcome.did.append("notice taken back")
        if failure.kind is Kind.REFUSED:
            outcome.did.append(f"refused {failure.status}".rstrip())
            return
        limits = self.desk.bounces(person.controller, person.brand)
        kind, most = str(failure.kind), getattr(limits, str(failure.kind))
        count = await self.returns.bounced(
            person.controller,
            person.address,
            kind,
            str(person.at),  # the message that is proven, whatever else the report names
            now=self.now,
            window=limits.window,
        )
        outcome.did.append(f"{kind} {count}/{most} {failure.status}".rstrip())
        outcome.persons.append(self.desk.reference(person.controller, person.address))
        if most and count >= most:
            await self._suppress(person, Reason.HARD_BOUNCE, Scope(), "bounce", outcome)

    def _ticketed(self, letter: Leave | Bounced | Complained) -> list[Proven]:
        return [
            Proven(
                ticket.controller, ticket.brand, ticket.stream, address, ticket.epoch, ticket.ids
            )
            for ticket in letter.tickets
            if (address := Address.parse(ticket.address)) is not None
        ]

    async def _sent(
        self,
        post: Post,
        message_ids: tuple[str, ...],
        addresses: Iterable[Address],
        outcome: Outcome,
    ) -> list[Proven]:
        """The first of these addresses that one of these messages went to, and nobody else."""
        name = post.controller.name
        for address in addresses:
            sent = await self.returns.sent(name, message_ids, address)
            if sent is not None and sent.alone:
                return [Proven(name, sent.brand, sent.stream, address, sent.at)]
            if sent is not None:
                outcome.did.append("shared Message-ID")
        return []

    async def _suppress(
        self, person: Proven, reason: Reason, scope: Scope, channel: str, outcome: Outcome
    ) -> None:
        one = Suppression(reason, scope, self.now, channel)
        wish = OptOut(one, person.at if reason in LEFT else 0)
        controller = person.controller
        tell = outbox.created(controller, person.ids) if self.desk.listens(controller) else None
        (done,) = await self.store.opt_out(controller, [(person.address, wish)], tell)
        outcome.did.append(f"{'suppressed' if done.new else 'known'} {reason} {scope}")
        outcome.persons.append(self.desk.reference(person.controller, person.address))
        # From here on the wish stands, whether anybody hears of it or not.
        if done.untold:
            log.webhook_lost(controller, outbox.FULL)
        if done.conflict:
            recipient = bytes(person.address).decode("utf-8", "replace")
            outcome.did.append(f"conflict {done.conflict.kind}")
            await self._tell(outbox.conflict(controller, done.conflict, recipient, person.ids))
        if reason in LEFT:
            width = str(scope).partition(":")[0]
            metrics.OPT_OUTS.labels(channel=channel, scope=width, new=str(done.new).lower()).inc()
            await self._count(controller, channel, done)

    async def _tell(self, event: outbox.Event) -> None:
        """Let the company know, where it listens."""
        if self.desk.listens(event["controller"]):
            try:
                await self.store.tell(event)
            except (StoreSilent, LookupError) as lost:
                log.webhook_lost(event["controller"], str(lost))

    async def _count(self, controller: str, channel: str, done: Recorded) -> None:
        """Where all hosts count: how long it took since the mail arrived, and what contradicts."""
        counts, took = Counts(self.store), time.monotonic() - self.began
        with suppress(StoreSilent):
            if done.new:
                await counts.delayed(channel, metrics.bound(took), round(1000 * took))
            if done.conflict:
                await counts.contradicted(controller, [done.conflict])

    @staticmethod
    def _proven(outcome: Outcome, proven: bool) -> Outcome:
        if not proven:
            outcome.did.append("not proven")
            outcome.operator = True
        return outcome

"""The receiver that the SMTP server calls: where transactions begin."""

from __future__ import annotations

import asyncio
import hashlib
import time
import traceback
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from smtpguard import log
from smtpguard.inspector import InspectionFailed, Inspector
from smtpguard.journal.journal import Journal
from smtpguard.journal.record import record
from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Parameter, Session
from smtpguard.mail.message import Message
from smtpguard.proxy import attempts, trace
from smtpguard.proxy.convoy import Convoy
from smtpguard.proxy.outgoing import NO_SMTPUTF8
from smtpguard.proxy.patience import Breakages, Patience
from smtpguard.proxy.regime import Regime
from smtpguard.proxy.transaction import Transaction
from smtpguard.reply import Reply
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.upstream import Upstream
from smtpguard.store.errors import StoreSilent
from smtpguard.store.poison import broke
from smtpguard.store.store import Store
from smtpguard.verdict.decision import Decision, Deliberation
from smtpguard.verdict.deliberate import Question, deliberate
from smtpguard.verdict.judge import commercial
from smtpguard.verdict.refusal import Help

NO_JOURNAL = Reply(452, "3.1", ("The journal cannot be written, try again later.",))
"""RFC 3463 §3.4: the system is full."""
LARGE = 131_072
"""Octets of readable parts from which a message is judged in another process."""


@dataclass(frozen=True, slots=True)
class House:
    """What stays the same from one reload to the next."""

    hostname: str
    host: str
    """Host id in Received fields."""
    help_url: str = ""
    why_url: str = ""
    """Base of the pages that explain a refusal (``web.why_url``)."""
    deadlines: Mapping[str, float] = field(default_factory=dict)
    """Seconds from the dot to the reply, by listener."""

    def manual(self, ring: Keyring, now: int) -> Help:
        """Where a refusal of this moment sends its reader."""
        return Help(self.help_url, self.why_url, ring, now)

    def deadline(self, listener: str, protocol: str) -> float:
        """Below the client's own patience: 100 s before a queue, 600 s behind one."""
        return self.deadlines.get(listener, 600.0 if protocol == "LMTP" else 100.0)


class Proxy:
    """Begins transactions, and keeps what outlives them."""

    def __init__(
        self,
        house: House,
        regime: Regime,
        *,
        upstream: Upstream,
        store: Store,
        journal: Journal | None,
        inspector: Inspector,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.house = house
        self.regime = regime
        self.upstream = upstream
        self.store = store
        self.journal = journal
        self.inspector = inspector
        self.clock = clock
        self.convoy = Convoy()
        self.breakages = Breakages()
        self.patience = Patience()
        self.shut: frozenset[str] = frozenset()
        """Base URLs of exits that do not answer."""
        self._afterwards: set[asyncio.Task[None]] = set()

    def adopt(self, regime: Regime) -> None:
        """Put another regime in force, between transactions; its keys follow."""
        renewed = regime.ring != self.regime.ring
        self.regime = regime
        if renewed:
            self.afterwards(self._hold(regime))

    async def _hold(self, regime: Regime) -> None:
        try:
            await self.store.hold(regime.ring)
        except StoreSilent as silent:
            log.store_silent(f"the new keys are not used yet: {silent}")

    async def capabilities(self) -> Capabilities:
        """What the upstream takes, or last took."""
        return await self.upstream.capabilities()

    async def mail(
        self, session: Session, sender: Address | None, parameters: tuple[Parameter, ...]
    ) -> Transaction | Reply:
        """Begin a transaction under the regime of this moment.

        What could not be written down is not begun.
        """
        if self.journal is not None and not self.journal.ready():
            return NO_JOURNAL
        if any(p.name == "SMTPUTF8" for p in parameters):
            offered = await self.upstream.capabilities()
            if not offered.smtputf8:
                return NO_SMTPUTF8
        envelope = Envelope(session, sender, parameters)
        return Transaction(self, self.regime, envelope, trace.reference())

    async def decide(self, question: Question) -> Deliberation:
        """Deliberate here, or in the inspector where the mail is large.

        Mail that the inspector cannot judge in time counts as one that breaks a rule.
        """
        decided = await self._ask(question)
        if decided.failures and (before := await self._breaks(question.raw)):
            return await self._ask(replace(question, breakages=before))
        return decided

    async def _ask(self, question: Question) -> Deliberation:
        if question.message is None or not _large(question.message, question):
            return deliberate(question)
        question = replace(question, message=None)
        try:
            return await self.inspector.deliberate(question)
        except InspectionFailed as failure:
            log.inspection_failed(question.reference, str(failure))
            before = await self._breaks(question.raw) if failure.by_mail else 0
            return deliberate(replace(question, uninspectable=True, breakages=before))

    async def _breaks(self, raw: bytes) -> int:
        """Note that this very message broke a rule; how often it had done so before."""
        digest = hashlib.sha256(raw).digest()
        before = self.breakages.of(digest)
        self.breakages.note(digest)
        try:
            return max(before, await broke(self.store, digest))
        except StoreSilent:  # each worker counts for itself meanwhile
            return before

    def conclude(self, decision: Decision) -> None:
        """Write it down: the journal first, before the client hears of it."""
        if self.journal is not None:
            try:
                self.journal.append(record(decision, self.regime.pseudonym))
            except OSError as failure:
                log.journal_failed(decision.reference, str(failure))
            except Exception:  # the mail may be delivered: the client must hear of that
                log.incident(decision.reference, traceback.format_exc())
        log.decision(decision)
        if found := attempts.attempts(decision):
            self.afterwards(attempts.count(self.store, found, int(decision.at)))

    def afterwards(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that no reply waits for."""
        task = asyncio.create_task(work)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)

    async def close(self) -> None:
        """Finish what is left to do, and let go."""
        if self._afterwards:
            await asyncio.wait(self._afterwards, timeout=5)
        await self.inspector.close()
        await self.upstream.close()
        await self.store.close()
        if self.journal is not None:
            self.journal.close()


def _large(message: Message, question: Question) -> bool:
    if len(question.raw) < LARGE or not any(map(commercial, question.streams)):
        return False
    return sum(part.body[1] - part.body[0] for part in message.readable) >= LARGE

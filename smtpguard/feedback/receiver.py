"""The feedback listener: takes mail for our own addresses, and says 250 once it is dealt with.

Dealt with is: written to the store, or taken by the upstream for the operator. Everything short of
that is 451, so that the sending server keeps the mail; doing it twice does nothing twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from smtpguard import log, metrics
from smtpguard.feedback import letter
from smtpguard.feedback.act import Clerk, Outcome
from smtpguard.feedback.desk import Desk, Post
from smtpguard.feedback.forward import forward
from smtpguard.journal.journal import Journal
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Parameter, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.proxy import trace
from smtpguard.proxy.proxy import House
from smtpguard.reply import Reply
from smtpguard.rules.mail_loop import circles
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.upstream import Upstream
from smtpguard.store.errors import StoreSilent
from smtpguard.store.store import Store

LARGEST = 26_214_400
"""Octets of one mail."""
READING = 10.0
"""Seconds for reading one mail; what takes longer is for the operator."""
MOST = 20
"""Recipients of one transaction."""

TAKEN = b"250 2.1.5 Ok\r\n"
STRANGER = Reply(550, "1.1", ("No such mailbox here: this listener takes feedback only.",))
CROWDED = Reply(452, "5.3", ("Too many recipients, send the rest in another transaction.",))
LOOP = Reply(554, "4.6", ("Mail loop detected. Correct the route between the servers.",))
SILENT = Reply(451, "3.0", ("It could not be recorded now; try again later.",))
UPSTREAM = Reply(451, "4.0", ("It could not be passed on now; try again later.",))
NOBODY = Reply(
    550, "7.0", ("No unsubscribe request was found, and nobody reads this mailbox otherwise.",)
)


@dataclass(frozen=True, slots=True)
class Addressed:
    """One accepted recipient, and what it is to us."""

    post: Post
    recipient: Address


class Feedback:
    """Begins transactions on a feedback listener."""

    def __init__(
        self,
        house: House,
        desk: Desk,
        *,
        upstream: Upstream,
        store: Store,
        journal: Journal | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.house = house
        self.desk = desk
        self.upstream = upstream
        self.store = store
        self.journal = journal
        self.clock = clock

    async def capabilities(self) -> Capabilities:
        """What the upstream takes, since mail may have to be passed on to it."""
        offered = await self.upstream.capabilities()
        return replace(offered, size=offered.limit(LARGEST), dsn=False)

    async def mail(
        self, session: Session, sender: Address | None, parameters: tuple[Parameter, ...]
    ) -> Transaction:
        """Begin; the null reverse-path is what bounces come with."""
        return Transaction(self, self.desk, Envelope(session, sender, parameters))

    def conclude(self, reference: str, envelope: Envelope, size: int, facts: Facts) -> None:
        """Write it down: one line of the journal and one of the log, without anybody's address."""
        said = {
            "what": facts.outcome.what,
            "did": facts.outcome.did,
            "persons": list(dict.fromkeys(facts.outcome.persons)),
            "passed_on": facts.passed_on,
            "code": facts.reply.code,
        }
        if self.journal is not None:
            at = datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="milliseconds")
            head = {"id": reference, "at": at, "phase": "feedback", "size": size}
            place = {"listener": envelope.session.listener, "purpose": str(facts.purpose)}
            try:
                self.journal.append({**head, **place, **said})
            except OSError as failure:
                log.journal_failed(reference, str(failure))
        log.feedback(reference, purpose=str(facts.purpose), size=size, **_line(said))
        metrics.FEEDBACK.labels(what=facts.outcome.what).inc()


@dataclass(frozen=True, slots=True)
class Facts:
    """What became of a mail for one recipient, and what the client is told."""

    purpose: str
    outcome: Outcome
    reply: Reply
    passed_on: bool = False


class Transaction:
    """One mail that comes back."""

    def __init__(self, feedback: Feedback, desk: Desk, envelope: Envelope) -> None:
        self.feedback = feedback
        self.desk = desk
        self.envelope = envelope
        self.reference = trace.reference()
        self._addressed: list[Addressed] = []
        self._passed: dict[str, bool] = {}
        """Operators who got it, or could not get it."""
        self._began = 0.0
        self._until = 0.0

    async def rcpt(self, recipient: Recipient) -> bytes:
        """Our own addresses, with any tag, and no other."""
        post = self.desk.post(recipient.address)
        if post is None:
            return bytes(STRANGER)
        if len(self._addressed) >= MOST:
            return bytes(CROWDED)
        self._addressed.append(Addressed(post, recipient.address))
        return TAKEN

    async def data(self, content: bytes) -> AsyncIterator[bytes]:
        """Deal with it for each recipient; over SMTP the least certain answer is everybody's."""
        session, loop = self.envelope.session, asyncio.get_running_loop()
        self._began = time.monotonic()
        self._until = loop.time() + self.feedback.house.deadline(session.listener, session.protocol)
        message = Message(content)
        replies: list[Reply] = []
        for one in self._addressed:
            facts = await self._deal(message, one)
            self.feedback.conclude(self.reference, self.envelope, len(content), facts)
            if session.protocol == "LMTP":
                yield bytes(facts.reply)
            replies.append(facts.reply)
        if session.protocol != "LMTP":
            yield bytes(_one(replies))

    async def abandon(self) -> None:
        """Nothing was begun."""

    async def _deal(self, message: Message, one: Addressed) -> Facts:
        purpose = one.post.purpose
        if found := circles(message, self.feedback.house.host):
            return Facts(purpose, Outcome("unknown", [found]), LOOP)
        now = int(self.feedback.clock())
        try:
            read = await self._read(message, one.post)
            outcome = await Clerk(self.desk, self.feedback.store, now, self._began).act(
                read, one.post
            )
        except StoreSilent as silent:
            log.store_silent(str(silent))
            return Facts(purpose, Outcome("unknown", ["store silent"]), SILENT)
        if not outcome.operator:
            return Facts(purpose, outcome, self._done())
        operator = Address.parse(one.post.controller.feedback.operator.encode())
        if operator is None:
            reply = self._done() if outcome.persons else NOBODY
            return Facts(purpose, outcome, reply)
        passed = await self._pass_on(message, operator)
        return Facts(purpose, outcome, self._done() if passed else UPSTREAM, passed)

    async def _read(self, message: Message, post: Post) -> letter.Letter:
        """What it is; off the loop, because a stranger chooses how long that takes."""
        work = asyncio.to_thread(letter.read, self.desk.ring, post, self.envelope.sender, message)
        try:
            return await asyncio.wait_for(work, READING)
        except TimeoutError:
            return letter.Unknown("not read in time")

    async def _pass_on(self, message: Message, operator: Address) -> bool:
        """Once a mail, however many of our addresses it names."""
        if operator.key not in self._passed:
            self._passed[operator.key] = await forward(
                self.feedback.upstream,
                self.feedback.house,
                self.envelope,
                message.raw,
                operator=operator,
                reference=self.reference,
                now=self.feedback.clock(),
                seconds=max(1.0, self._until - asyncio.get_running_loop().time()),
            )
        return self._passed[operator.key]

    def _done(self) -> Reply:
        return Reply(250, "0.0", (f"Ok: dealt with as {self.reference}",))


def _one(replies: list[Reply]) -> Reply:
    """The mail comes again while anything is left to do; it is refused if nobody wanted it."""
    for code in (4, 2, 5):
        for reply in replies:
            if reply.code // 100 == code:
                return reply
    return SILENT


def _line(said: dict[str, Any]) -> dict[str, Any]:
    return {
        key: ",".join(value) if isinstance(value, list) else value
        for key, value in said.items()
        if value not in ([], False)
    }

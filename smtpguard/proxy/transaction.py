"""One transaction, from MAIL to reply, to be read aloud.

At RCPT, what the envelope decides is decided, and only that recipient is refused. On a stream of
many recipients the upstream is asked at once, so that each recipient gets its own answer; over
LMTP, and on a stream of one recipient, everything waits for the dot and goes out in one burst.
At the dot the facts are fetched again, the message is judged, mended, signed and sent, and the
client hears 250 only after the upstream said so.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TYPE_CHECKING

from smtpguard import log
from smtpguard.mail.envelope import Envelope, Recipient
from smtpguard.mail.message import Message
from smtpguard.person import Person
from smtpguard.policy.match import Undecided
from smtpguard.policy.stream import Mode, Stream
from smtpguard.proxy import trace
from smtpguard.proxy.contact import reserve, settle, unsettled
from smtpguard.proxy.convoy import Place
from smtpguard.proxy.facts import exits, from_domain_of, patient, people, said_in
from smtpguard.proxy.outgoing import finish, mail_argument, rcpt_argument, unfit
from smtpguard.proxy.regime import Regime
from smtpguard.reply import Reply
from smtpguard.rules.rule import Case, Said
from smtpguard.sign import Signer
from smtpguard.smtp.upstream import Delivery, UpstreamReply, UpstreamUnavailable
from smtpguard.verdict.decision import Answer, Copy, Decision, Deliberation, Relay, Ruling
from smtpguard.verdict.deliberate import Question, at_rcpt
from smtpguard.verdict.judge import commercial
from smtpguard.verdict.shared import one_answer

if TYPE_CHECKING:
    from smtpguard.proxy.proxy import Proxy

ACCEPTED = b"250 2.1.5 Ok\r\n"
APART = bytes(
    Reply(452, "5.3", ("This recipient may belong to another stream: one transaction each.",))
)
LATE = Reply(451, "4.2", ("No connection to the upstream in time, try again later.",))
COPIES_AT_ONCE = 4
"""Upstream transactions of one LMTP transaction under way at the same time."""


class Transaction:
    """Recipients, then data or abandonment."""

    def __init__(self, proxy: Proxy, regime: Regime, envelope: Envelope, reference: str) -> None:
        self.proxy = proxy
        self.regime = regime
        self.envelope = envelope
        self.reference = reference
        self.lmtp = envelope.session.protocol == "LMTP"
        self._first: Stream | Undecided | None = None
        self._waits = self.lmtp
        """The upstream hears of the transaction only after the dot."""
        self._delivery: Delivery | None = None
        self._mail: UpstreamReply | None = None
        self._message: Message | None = None
        """As received; there is none at RCPT."""
        self._began = time.perf_counter()
        self._place = Place(proxy.convoy)
        self._said = Said()
        self._deadline = 0.0
        self._timings: dict[str, float] = {}

    async def rcpt(self, recipient: Recipient) -> bytes:
        """Decide what the envelope decides, and ask the upstream where its answer is due now."""
        stream = self.regime.matcher.at_rcpt(self.envelope, recipient)
        if not self.envelope.recipients:
            self._first = stream
            self._waits = self.lmtp or (self._delivery is None and self._one_recipient(stream))
        elif self._waits and not self.lmtp and self._apart(stream):
            return APART
        judged = _known(stream)
        if judged is not None and commercial(judged):
            refusal = await self._refusal(judged, recipient)
            if refusal is not None:
                return refusal
        octets = ACCEPTED
        if not self._waits:
            reply = await self._ask_upstream(recipient)
            octets = reply.octets
            if not reply.accepted:
                self._conclude((Ruling(recipient, judged, Relay()),), _answer(reply))
                return octets
        self.envelope = self.envelope.accepting(recipient)
        return octets

    async def data(self, content: bytes) -> AsyncIterator[bytes]:
        """Decide, send, and answer: once over SMTP, once for each recipient over LMTP."""
        self._deadline = self._patience()
        self._began = time.perf_counter()
        self._message = Message(content)
        try:
            question = await self._question(self._message)
            await self._place.gathered()
            decided = await self._deliberate(question)
            await self._place.judged()
            if not self.lmtp:
                yield (await self._answer_all(question, decided)).octets
                return
            answers = self._answer_each(question, decided)
            for index in range(len(decided.rulings)):
                yield (await answers[index]).octets
        finally:
            await self.abandon()

    async def abandon(self) -> None:
        """Let go of the upstream, and hold nobody up."""
        self._place.leave()
        delivery, self._delivery = self._delivery, None
        if delivery is not None:
            await delivery.release()

    def _patience(self) -> float:
        """Until when (loop time) the client waits for the reply to what it just said."""
        session = self.envelope.session
        patience = self.proxy.house.deadline(session.listener, session.protocol)
        return asyncio.get_running_loop().time() + patience

    def _left(self) -> float:
        """Seconds until then."""
        return self._deadline - asyncio.get_running_loop().time()

    # -- at RCPT ----------------------------------------------------------------------------------

    def _one_recipient(self, stream: Stream | Undecided | None) -> bool:
        """Whether the transaction can have but one recipient, whatever the message says."""
        if isinstance(stream, Undecided):
            return all(map(self._one_recipient, (*stream.candidates, stream.otherwise)))
        if stream is None:
            return self.regime.policy.default_refuses
        return stream.one_recipient and stream.mode is Mode.ENFORCE

    def _apart(self, stream: Stream | Undecided | None) -> bool:
        """Whether one more recipient may be of another stream than the first."""
        return isinstance(stream, Undecided) or stream != self._first

    async def _refusal(self, stream: Stream, recipient: Recipient) -> bytes | None:
        """What the rules of the envelope say against one recipient."""
        house = self.proxy.house
        people = await self._people((recipient,), (stream,))
        case = Case(
            envelope=self.envelope,
            stream=stream,
            recipient=recipient,
            person=people[0],
            host=house.host,
            now=int(self.proxy.clock()),
        )
        verdict, weighed, failures = at_rcpt(
            case, reference=self.reference, manual=house.manual(self.regime.ring, case.now)
        )
        for failure in failures:
            log.rule_failed(self.reference, failure)
        if isinstance(verdict, Relay):
            return None
        answer = Answer(bytes(verdict.reply))
        self._conclude((Ruling(recipient, stream, verdict, weighed),), answer)
        return answer.octets

    async def _ask_upstream(self, recipient: Recipient) -> UpstreamReply:
        """Its own answer to this recipient, or to MAIL where that was refused."""
        self._deadline = self._patience()
        if self._delivery is None:
            try:
                self._delivery = await self.proxy.upstream.begin(self.envelope.session)
            except UpstreamUnavailable as unavailable:
                return UpstreamReply(bytes(unavailable.reply), own=True)
            offered = self._delivery.capabilities
            if refusal := unfit(self.envelope, offered):
                self._mail = UpstreamReply(bytes(refusal), own=True)
            else:
                argument = mail_argument(self.envelope, offered)
                self._mail = await self._delivery.mail(argument, self._left())
        assert self._mail is not None
        if not self._mail.accepted:
            return self._mail
        argument = rcpt_argument(recipient, self._delivery.capabilities)
        return await self._delivery.rcpt(argument, self._left())

    # -- at the dot -------------------------------------------------------------------------------

    async def _question(self, message: Message) -> Question:
        """Gather everything the decision depends on, the facts in one batch."""
        proxy, envelope = self.proxy, self.envelope
        said, header = said_in(message) if envelope.session.trusted else (Said(), "")
        self._said = said
        from_domain = from_domain_of(message)
        at_dot = self.regime.matcher.at_dot
        matched = [at_dot(envelope, r, from_domain, header) for r in envelope.recipients]
        streams = patient(matched, proxy.shut)
        now = int(proxy.clock())
        offered = await proxy.upstream.capabilities()
        return Question(
            envelope=envelope,
            raw=message.raw,
            message=message,
            streams=streams,
            persons=await self._people(envelope.recipients, streams),
            exits=exits(self.regime.ring, envelope, streams, now, proxy.shut, said),
            said=said,
            signs=frozenset(s.domain for s in self.regime.signers_for(from_domain)),
            host=proxy.house.host,
            now=now,
            tidy=True,
            reference=self.reference,
            manual=proxy.house.manual(self.regime.ring, now),
            eight_bit=offered.eightbitmime,
            room=offered.size or 0,
            refuses_unmatched=self.regime.policy.default_refuses,
            decided_early=isinstance(self._first, Stream),
        )

    async def _deliberate(self, question: Question) -> Deliberation:
        began = time.perf_counter()
        decided = await self.proxy.decide(question)
        self._timings["judge"] = time.perf_counter() - began
        for failure in decided.failures:
            log.rule_failed(self.reference, failure)
        return decided

    async def _people(
        self, recipients: Sequence[Recipient], streams: Sequence[Stream | None]
    ) -> tuple[Person | None, ...]:
        began = time.perf_counter()
        found = await people(self.proxy.store, recipients, streams)
        spent = self._timings.get("store", 0.0) + time.perf_counter() - began
        self._timings["store"] = spent
        return found

    # -- the answers ------------------------------------------------------------------------------

    async def _answer_all(self, question: Question, decided: Deliberation) -> Answer:
        """SMTP: one answer for everybody, so nobody gets it unless all may."""
        reply = one_answer(decided.rulings, decided_early=question.decided_early)
        if reply is not None:
            answer = self._patient(decided.rulings, reply)
            self._conclude(decided.rulings, answer)
            return answer
        return (await self._deliver(question, decided, decided.copies[0]))[0]

    def _answer_each(self, question: Question, decided: Deliberation) -> list[Awaitable[Answer]]:
        """LMTP: one answer for each, as soon as its copy has one."""
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Answer]] = [loop.create_future() for _ in decided.rulings]
        for index, ruling in enumerate(decided.rulings):
            if not isinstance(ruling.verdict, Relay):
                answer = self._patient((ruling,), ruling.verdict.reply)
                self._conclude((ruling,), answer)
                answers[index].set_result(answer)

        async def deliver(copy: Copy) -> None:
            try:
                for index, answer in zip(
                    copy.recipients, await self._deliver(question, decided, copy), strict=True
                ):
                    answers[index].set_result(answer)
            except Exception:
                # The others' copies may be delivered: each recipient keeps an answer of their own.
                log.incident(self.reference, traceback.format_exc())
                failed = Answer(
                    bytes(Reply(451, "3.0", (f"Internal error [id={self.reference}]",)))
                )
                for index in copy.recipients:
                    if not answers[index].done():
                        answers[index].set_result(failed)

        async def in_turn() -> None:
            at_once = asyncio.Semaphore(COPIES_AT_ONCE)

            async def one(copy: Copy) -> None:
                async with at_once:
                    await deliver(copy)

            await asyncio.gather(*map(one, decided.copies))

        if decided.copies:
            self.proxy.afterwards(in_turn())
        return list(answers)

    async def _deliver(self, question: Question, decided: Deliberation, copy: Copy) -> list[Answer]:
        """Sign one copy, send it, and say what its recipients are told."""
        rulings = tuple(decided.rulings[index] for index in copy.recipients)
        await reserve(self.proxy.store, self.reference, rulings)
        signers = self._signers(question, rulings, copy)
        house, now = self.proxy.house, self.proxy.clock()
        single = rulings[0].recipient if len(rulings) == 1 else None
        received = trace.received(
            self.envelope.session,
            hostname=house.hostname,
            host=house.host,
            reference=self.reference,
            recipient=bytes(single.address) if single else b"",
            now=now,
        )
        finished = finish(copy, received, signers, int(now))
        began = time.perf_counter()
        answers = await self._relay(finished.raw, [ruling.recipient for ruling in rulings])
        self._timings["upstream"] = time.perf_counter() - began
        self._conclude(rulings, *answers, copy=finished, signers=signers)
        if unsettled(rulings):
            done = settle(self.proxy.store, self.reference, rulings, answers, copy, int(now))
            self.proxy.afterwards(done)
        return answers

    async def _relay(self, raw: bytes, recipients: Sequence[Recipient]) -> list[Answer]:
        """The upstream's word for each recipient."""
        if self._delivery is not None:
            reply = await self._delivery.data(raw, self._left())
            return [_answer(reply)] * len(recipients)
        try:
            delivery = await self.proxy.upstream.begin(self.envelope.session, self._left())
        except UpstreamUnavailable as unavailable:
            return [Answer(bytes(unavailable.reply))] * len(recipients)
        except TimeoutError:
            return [Answer(bytes(LATE))] * len(recipients)
        try:
            offered = delivery.capabilities
            if refusal := unfit(self.envelope, offered):
                return [Answer(bytes(refusal))] * len(recipients)
            burst = await delivery.burst(
                mail_argument(self.envelope, offered, len(raw)),
                [rcpt_argument(recipient, offered) for recipient in recipients],
                raw,
                self._left(),
            )
        finally:
            await delivery.release()
        return [_answer(rcpt if not rcpt.accepted else burst.final) for rcpt in burst.rcpts]

    def _signers(
        self, question: Question, rulings: Sequence[Ruling], copy: Copy
    ) -> tuple[Signer, ...]:
        """Our keys for the From domain; observing changes nothing, so it does not sign either."""
        streams = [ruling.stream for ruling in rulings]
        if not all(s and commercial(s) and s.mode is Mode.ENFORCE for s in streams):
            return ()
        message = question.message or Message(question.raw)
        signers = self.regime.signers_for(from_domain_of(message))
        signed_already = any(signer.domain in message.dkim_domains for signer in signers)
        return () if signed_already and not copy.edits else signers

    # -- state and record -------------------------------------------------------------------------

    def _patient(self, rulings: Sequence[Ruling], reply: Reply) -> Answer:
        """A refusal for content that repeats too often is deferred instead: the stream pauses."""
        proxy = self.proxy
        now = proxy.clock()
        said = proxy.patience.answer(self.reference, rulings, reply, now, proxy.shut)
        return Answer(bytes(said))

    def _conclude(
        self,
        rulings: tuple[Ruling, ...],
        *answers: Answer,
        copy: Copy | None = None,
        signers: Sequence[Signer] = (),
    ) -> None:
        """Record what was decided; a single answer is everybody's."""
        everybody = answers if len(answers) == len(rulings) else answers * len(rulings)
        message = self._message
        message_id = message.first("message-id") if message else None
        self.proxy.conclude(
            Decision(
                reference=self.reference,
                at=self.proxy.clock(),
                phase="dot" if message else "rcpt",
                policy=self.regime.policy.version,
                envelope=self.envelope,
                rulings=rulings,
                answers=everybody,
                copies=(copy,) if copy else (),
                signed=tuple(dict.fromkeys(signer.domain for signer in signers)),
                size=len(message.raw) if message else 0,
                message_id=message_id.value if message_id else "",
                said=self._said,
                timings={**self._timings, "total": time.perf_counter() - self._began},
            )
        )


def _known(stream: Stream | Undecided | None) -> Stream | None:
    """The stream, as far as the rules of the envelope can go by it."""
    if isinstance(stream, Undecided):
        return None
    return stream


def _answer(reply: UpstreamReply) -> Answer:
    return Answer(reply.octets, upstream=not reply.own, ambiguous=reply.ambiguous)

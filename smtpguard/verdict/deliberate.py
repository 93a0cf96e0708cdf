"""Decide one message at the dot, for all its recipients at once.

A pure function of a ``Question``: it runs on the event loop or, where the mail is large, in
another process. Recipients whose fixes are equal and not personal share one copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from smtpguard.edit.compose import Unmendable, compose
from smtpguard.edit.edit import Edit
from smtpguard.edit.fix import Change, Fix, Paragraph, RemoveField
from smtpguard.mail.envelope import Envelope
from smtpguard.mail.field import Field
from smtpguard.mail.message import Message
from smtpguard.person import Person, Source
from smtpguard.policy.stream import Kind, Mode, Stream
from smtpguard.reply import Reply
from smtpguard.rules import ALL, mail_loop
from smtpguard.rules.rule import Case, Finding, Rule, Said
from smtpguard.unsubscribe.link import Exit
from smtpguard.verdict.decision import Copy, Defer, Deliberation, Refuse, Relay, Ruling, Verdict
from smtpguard.verdict.judge import Failure, Roster, commercial, judge, roster
from smtpguard.verdict.refusal import Help, refuse
from smtpguard.verdict.weigh import (
    PATIENCE,
    Allowance,
    Outcome,
    Weighed,
    allowance,
    signature_tags,
    weigh,
)

ON_TOP = 4096
"""Octets kept free for our Received and DKIM-Signature fields."""

TRUSTED_FIELDS = "x-smtpguard-"
"""What a trusted client says about a mail; always removed, whoever said it."""

CONVERSION_FAILED = (550, "6.5")
"""Code and status where a fix was tried and could not be made (RFC 3463 §3.7)."""

TOO_LARGE = (451, "3.4")
"""Our own edit would make the message too large: the mail itself is not at fault, so it waits."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A copy that could not be composed."""

    why: str
    reply: tuple[int, str]
    """Code and status of a refusal for want of the fixes."""
    vain: Change = Change.BODY
    """The least change that is given up."""


@dataclass(slots=True)
class Question:
    """Everything that a decision depends on; a value, though not frozen, as ``Case`` is."""

    envelope: Envelope
    raw: bytes
    """The message: CRLF line ends, dots unstuffed."""
    streams: tuple[Stream | None, ...]
    """The stream of each recipient."""
    persons: tuple[Person | None, ...]
    """The facts about each recipient; ``None`` where the store is silent or was not asked."""
    exits: Mapping[int, Exit] = field(default_factory=dict)
    """The way out of each recipient, by index."""
    said: Said = Said()
    signs: frozenset[str] = frozenset()
    """Domains whose DKIM key we hold."""
    host: str = ""
    """Our host id in Received fields."""
    now: int = 0
    tidy: bool = False
    """No line of ``raw`` holds a bare CR, a bare LF or a NUL: the wire has looked."""
    reference: str = "-"
    manual: Help = Help()
    eight_bit: bool = True
    """The upstream takes 8BITMIME."""
    breakages: int = 0
    """How often this very message broke a rule before."""
    uninspectable: bool = False
    """The inspector could not judge it in time: it counts as one that breaks a rule."""
    room: int = 0
    """Largest message that the upstream takes, octets; 0: no limit."""
    decided_early: bool = False
    """The stream was known at RCPT, so that a retry is refused there."""
    refuses_unmatched: bool = False
    message: Message | None = None
    """``raw`` already read, to save reading it twice in this process; not needed."""


def deliberate(question: Question) -> Deliberation:
    """Judge, weigh, and compose each copy; a copy that cannot be composed is weighed again."""
    message = question.message or Message(question.raw)
    bench = _Bench(question, message)
    rulings = [bench.rule(index) for index in range(len(question.envelope.recipients))]
    copies: list[Copy] = []
    for indices in _shares(rulings, one_copy=not bench.personal_copies):
        relayed = indices
        done = bench.mend(indices, rulings)
        for vain in (Change.BODY, Change.NONE):  # without what alters the body, then without any
            if isinstance(done, Copy):
                break
            for index in relayed:
                rulings[index] = bench.rule(index, replace(done, vain=vain))
            relayed = tuple(i for i in indices if isinstance(rulings[i].verdict, Relay))
            if not relayed:
                break
            done = bench.mend(relayed, rulings)
        if relayed:
            assert isinstance(done, Copy), "a copy without fixes is always composed"
            copies.append(done)
    return Deliberation(tuple(rulings), tuple(copies), tuple(bench.failures))


def at_rcpt(
    case: Case, *, reference: str, manual: Help
) -> tuple[Verdict, tuple[Weighed, ...], tuple[Failure, ...]]:
    """What the envelope alone decides about one recipient, why, and which rules broke."""
    findings = judge(roster(ALL, case.stream, case.now).at_rcpt, case)
    weighed = tuple(
        weigh(finding, case.stream, case.now, Allowance(case.stream.edits))
        for finding in findings.found
    )
    verdict = _verdict(weighed, case.stream, reference=reference, manual=manual)
    return verdict, weighed, findings.failures


@dataclass(frozen=True, slots=True)
class _OfStream:
    """What holds for every recipient on one stream."""

    case: Case
    asked: Roster
    findings: tuple[Finding, ...]
    """About the message."""
    allowed: Allowance


class _Bench:
    """One sitting: the message is judged once for each stream, each recipient once."""

    def __init__(self, question: Question, message: Message) -> None:
        self.question = question
        self.message = message
        self.failures: list[Failure] = []
        self.personal_copies = (
            question.envelope.session.protocol == "LMTP" or len(question.envelope.recipients) == 1
        )
        self._of_stream: dict[str, _OfStream] = {}
        self._of_recipient: dict[int, tuple[Finding, ...]] = {}
        self._seen_at: dict[tuple[tuple[str, Fix], ...], int] = {}

    def rule(self, index: int, failed: Failed | None = None) -> Ruling:
        """The ruling on one recipient; ``failed`` says that composing its fixes was in vain."""
        question = self.question
        recipient = question.envelope.recipients[index]
        stream = question.streams[index]
        if stream is None or not commercial(stream):
            return Ruling(recipient, stream, self._unjudged(stream))
        if question.uninspectable:
            return self._uninspected(index, stream)
        known = self._known(stream)
        allowed = about_one = known.allowed
        if failed:
            allowed = about_one = replace(
                allowed, unmendable=failed.why, vain=failed.vain, reply=failed.reply
            )
        elif untrue := self._untrue_of_others(index):
            about_one = replace(allowed, unmendable=untrue)
        weighed = tuple(
            [
                weigh(finding, stream, question.now, may, breakages=question.breakages)
                for may, findings in (
                    (allowed, known.findings),
                    (about_one, self._about(index, known)),
                )
                for finding in findings
            ]
        )
        verdict = _verdict(weighed, stream, reference=question.reference, manual=question.manual)
        if not isinstance(verdict, Relay):
            weighed = tuple(
                replace(w, outcome=Outcome.MENDABLE) if w.outcome is Outcome.FIXED else w
                for w in weighed
            )
        return Ruling(recipient, stream, verdict, weighed, self._informs(index, known, weighed))

    def mend(self, indices: tuple[int, ...], rulings: list[Ruling]) -> Copy | Failed:
        """One copy for those recipients, or why it could not be composed."""
        fixes = _together([rulings[index].verdict for index in indices])
        removals = self._removals(fixes)
        if not fixes:
            return self._untouched(indices, removals)
        mended = compose(
            self.message,
            (*fixes, *removals),
            exit=self.question.exits.get(indices[0]),
            language=self._language(rulings[indices[0]], fixes),
            eight_bit=self.question.eight_bit,
            seen_at=self._seen_at.get(fixes) if self._seen_at else None,
        )
        if isinstance(mended, Unmendable):
            return Failed(mended.why, CONVERSION_FAILED)
        copy = Copy(indices, self.message.raw, mended.edits)
        if self._too_large(copy.size):
            return Failed("the mended message would be larger than the upstream takes", TOO_LARGE)
        self._seen_at[fixes] = mended.place
        return copy

    def _language(self, ruling: Ruling, fixes: tuple[tuple[str, Fix], ...]) -> str:
        """What a footer is written in; of no interest where none is asked for."""
        if ruling.stream is None or not any(isinstance(fix, Paragraph) for _, fix in fixes):
            return ""
        return self._known(ruling.stream).case.language

    def _untrue_of_others(self, index: int) -> str:
        """Why a text for one recipient must not go into a copy that others read, or nothing."""
        if self.personal_copies:
            return ""
        sources = {self._source(i) for i in range(len(self.question.streams))}
        if len(sources) == 1:
            return ""
        return "one copy goes to several recipients, whose addresses have different sources"

    def _untouched(self, indices: tuple[int, ...], removals: tuple[tuple[str, Fix], ...]) -> Copy:
        """The message as it came, trusted fields aside. Reads no body."""
        fields = self.message.fields
        edits = tuple(
            Edit(fields[fix.index].start, fields[fix.index].end, b"", why)
            for why, fix in removals
            if isinstance(fix, RemoveField)
        )
        return Copy(indices, self.message.raw, edits)

    def _unjudged(self, stream: Stream | None) -> Verdict:
        """Personal and unmatched mail: its trace is counted, its body is never read."""
        question = self.question
        if circles := mail_loop.circles(self.message, question.host):
            text = ("mail-loop: Mail loop detected.", f"found: {circles} [id={question.reference}]")
            return Refuse(Reply(mail_loop.RULE.code, mail_loop.RULE.status, text))
        if stream is None and question.refuses_unmatched:
            text = ("No stream of the policy matches this mail.", f"[id={question.reference}]")
            return Refuse(Reply(550, "7.1", text))
        return Relay()

    def _uninspected(self, index: int, stream: Stream) -> Ruling:
        """Mail that could not be judged in time: only the rules of the envelope speak."""
        question = self.question
        recipient = question.envelope.recipients[index]
        case = replace(
            self._case(stream), message=None, recipient=recipient, person=question.persons[index]
        )
        verdict, weighed, failures = at_rcpt(
            case, reference=question.reference, manual=question.manual
        )
        self.failures.extend(failures)
        poison = question.breakages + 1 >= PATIENCE
        if isinstance(verdict, Relay) and stream.kind is Kind.MARKETING:
            text = (
                "The message is too large or too complex to be inspected in time.",
                f"[id={question.reference} stream={stream.id}]",
            )
            verdict = Refuse(Reply(554, "6.0", text)) if poison else Defer(Reply(451, "3.0", text))
        return Ruling(recipient, stream, verdict, weighed)

    def _known(self, stream: Stream) -> _OfStream:
        """What holds for all readers on that stream; the message is judged for the first."""
        known = self._of_stream.get(stream.id)
        if known is None:
            question = self.question
            case = self._case(stream)
            asked = roster(ALL, stream, question.now)
            shared = not self.personal_copies
            known = self._of_stream[stream.id] = _OfStream(
                case,
                asked,
                self._judge(asked.of_message, case),
                allowance(stream, self.message, question.signs, shared=shared),
            )
        return known

    def _about(self, index: int, known: _OfStream) -> tuple[Finding, ...]:
        if index not in self._of_recipient:
            case = self._case(known.case.stream, index, known.case.evidence)
            self._of_recipient[index] = self._judge(known.asked.of_recipient, case)
        return self._of_recipient[index]

    def _judge(self, rules: Sequence[Rule], case: Case) -> tuple[Finding, ...]:
        findings = judge(rules, case)
        self.failures.extend(findings.failures)
        return findings.found

    def _case(
        self, stream: Stream, index: int | None = None, evidence: dict[object, Any] | None = None
    ) -> Case:
        """What the rules are asked: about the message, or about one recipient."""
        question = self.question
        return Case(
            question.envelope,
            stream,
            self.message,
            recipient=None if index is None else question.envelope.recipients[index],
            person=None if index is None else question.persons[index],
            said=question.said,
            signs=question.signs,
            now=question.now,
            tidy=question.tidy,
            host=question.host,
            evidence={} if evidence is None else evidence,
        )

    def _informs(self, index: int, known: _OfStream, weighed: tuple[Weighed, ...]) -> str:
        """The version of the notice that delivering this copy gives, if it gives one.

        Observing never commits state: a notice that was not sent was not given.
        """
        stream, duties = known.case.stream, known.asked.duties
        person = self.question.persons[index]
        if stream.mode is not Mode.ENFORCE or person is None or not duties:
            return ""
        said = self._source(index)
        notice = stream.notice(said.id if said else "")
        if person.contact and person.contact.informed and person.contact.notice == notice:
            return ""
        unmet = (w for w in weighed if w.finding.rule in duties)
        return notice if all(w.acted is Outcome.FIXED for w in unmet) else ""

    def _source(self, index: int) -> Source | None:
        person = self.question.persons[index]
        return self.question.said.source or (person.source if person else None)

    def _too_large(self, size: int) -> bool:
        """Whether our own edits make it too large, room left for trace and signatures."""
        before = len(self.message.raw)
        return before <= self.question.room < size + ON_TOP and before < size

    def _removals(self, fixes: tuple[tuple[str, Fix], ...]) -> tuple[tuple[str, Fix], ...]:
        """Fields that never travel on, and our own signature where the fixes break it."""
        gone: list[tuple[str, Fix]] = []
        for index, found in enumerate(self.message.fields):
            if found.key.startswith(TRUSTED_FIELDS):
                gone.append(("trusted-fields", RemoveField(index)))
            elif found.key == "dkim-signature" and fixes and self._ours(found):
                gone.append(("dkim", RemoveField(index)))
        return tuple(gone)

    def _ours(self, signature: Field) -> bool:
        return signature_tags(signature.value).get("d", "").lower() in self.question.signs


def _together(verdicts: Sequence[Verdict]) -> tuple[tuple[str, Fix], ...]:
    """The fixes of all that share a copy, each once."""
    relays = [each.fixes for each in verdicts if isinstance(each, Relay)]
    return relays[0] if len(relays) == 1 else tuple(dict.fromkeys(chain.from_iterable(relays)))


def _shares(rulings: Sequence[Ruling], *, one_copy: bool) -> list[tuple[int, ...]]:
    """Which recipients are sent the same octets, by index.

    Over SMTP there is one copy and one answer, so that nobody gets it unless all may.
    """
    relayed = [i for i, ruling in enumerate(rulings) if isinstance(ruling.verdict, Relay)]
    if one_copy:
        return [tuple(relayed)] if len(relayed) == len(rulings) and relayed else []
    groups: dict[object, list[int]] = defaultdict(list)
    for index in relayed:
        fixes = rulings[index].verdict.fixes  # type: ignore[union-attr]
        personal = any(fix.personal for _, fix in fixes)
        groups[index if personal else fixes].append(index)
    return [tuple(group) for group in groups.values()]


def _verdict(
    weighed: Sequence[Weighed], stream: Stream, *, reference: str, manual: Help
) -> Verdict:
    """What all the findings about one recipient come to; a refusal outweighs a deferral."""
    acted = [(w.acted, w) for w in weighed]
    for outcome, kind in ((Outcome.REFUSED, Refuse), (Outcome.DEFERRED, Defer)):
        grave = [w for did, w in acted if did is outcome]
        if grave:
            return kind(refuse(grave, stream, reference=reference, manual=manual))
    fixes = [
        (w.finding.rule, fix) for did, w in acted if did is Outcome.FIXED for fix in w.finding.fixes
    ]
    return Relay(tuple(dict.fromkeys(fixes)))

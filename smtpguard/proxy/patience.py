"""What is remembered of faults that repeat: broken rules, and refusals of one bad template."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Sequence

from smtpguard import log
from smtpguard.policy.stream import Stream
from smtpguard.reply import Reply
from smtpguard.rules.rule import Finding
from smtpguard.store.troubles import Cause, Count, Name, Note
from smtpguard.verdict.decision import Ruling
from smtpguard.verdict.judge import rule_of
from smtpguard.verdict.weigh import Outcome, about_person

REMEMBERED = 4096
"""Messages and faults kept in mind; the oldest are forgotten first."""
WAITS = 7200
"""Seconds without a try after which nothing is held up any more: Postfix lets at most 4,000 pass
between two (``maximal_backoff_time``)."""
SILENT = 60
"""Seconds for which an exit counts as silent after it was found so; while it is, it is asked every
15 s."""


class Breakages:
    """How often one and the same message broke a rule: a 4xx that never changes is poison."""

    def __init__(self) -> None:
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def of(self, digest: bytes) -> int:
        """How often before."""
        return self._counts.get(digest, 0)

    def note(self, digest: bytes) -> None:
        """It broke a rule again."""
        self._counts[digest] = self._counts.pop(digest, 0) + 1
        while len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)


class Pauses:
    """One bad template must not become fifty thousand hard bounces.

    After ``pause_after`` refusals of a stream for the same fault within ``pause_window`` seconds,
    further ones for that fault are deferred, until the window has passed without any.
    """

    def __init__(self) -> None:
        self._refusals: OrderedDict[tuple[str, str, str], deque[float]] = OrderedDict()
        self.elsewhere: Collection[Name] = ()
        """What other workers and machines found to be held up."""

    def refused(self, stream: Stream, fault: str, now: float) -> tuple[bool, bool]:
        """One more refusal: whether it is to be deferred, and whether the pause begins with it."""
        if not stream.pause_after:
            return False, False
        key = (stream.controller.name, stream.name, fault)
        times = self._refusals.setdefault(key, deque(maxlen=stream.pause_after + 1))
        self._refusals.move_to_end(key)
        while len(self._refusals) > REMEMBERED:
            self._refusals.popitem(last=False)
        before = self._paused(times, stream, now) or paused(stream, fault) in self.elsewhere
        times.append(now)
        after = before or self._paused(times, stream, now)
        return after, after and not before

    @staticmethod
    def _paused(times: deque[float], stream: Stream, now: float) -> bool:
        return len(times) > stream.pause_after and times[0] > now - stream.pause_window


class Patience:
    """Says how a refusal for content is really answered, and counts it for who must hear of it."""

    def __init__(self) -> None:
        self.pauses = Pauses()
        self._notes: dict[Name, Note] = {}

    def answer(
        self,
        reference: str,
        rulings: Sequence[Ruling],
        reply: Reply,
        now: float,
        shut: Collection[str] = (),
    ) -> Reply:
        """``reply`` itself, or 451 while the stream pauses. ``shut``: exits that do not answer."""
        wanted = Outcome.DEFERRED if reply.transient else Outcome.REFUSED
        for ruling in rulings:
            found = next((one.finding for one in ruling.weighed if one.acted is wanted), None)
            if found is None or ruling.stream is None:
                continue
            if about_person(found) or not _meant_to_refuse(found):
                return reply
            return self._answer(reference, ruling.stream, found, reply, now, shut)
        return reply

    def taken(self) -> list[Note]:
        """What was counted since it was last asked for."""
        notes, self._notes = self._notes, {}
        return list(notes.values())

    def put_back(self, notes: Sequence[Note]) -> None:
        """They could not be told; at most so many are kept as there are faults."""
        for note in notes:
            kept = self._notes.setdefault(note.name, Note(note.name, note.after, note.span))
            kept.count += note.count
            for key, one in note.counts.items():
                count = kept.counts.setdefault(key, Count(code=one.code))
                count.refused += one.refused
                count.deferred += one.deferred

    def _answer(
        self,
        reference: str,
        stream: Stream,
        finding: Finding,
        reply: Reply,
        now: float,
        shut: Collection[str],
    ) -> Reply:
        fault = finding.name
        code = f"{reply.code} {reply.enhanced}"
        if reply.transient:
            if (url := stream.brand.unsubscribe.url) in shut:
                exit_ = Name(Cause.EXIT, stream.controller.name, url)
                self._note(Note(exit_, 0, SILENT), stream, fault, code, deferred=True)
            else:
                held = Name(Cause.HELD, stream.controller.name, stream.name, fault)
                self._note(Note(held, 0, WAITS), stream, fault, code, deferred=True)
            return reply
        deferred, begins = self.pauses.refused(stream, fault, now)
        if begins:
            log.paused(reference, stream.id, stream.owner, fault)
        if stream.pause_after:
            note = Note(paused(stream, fault), stream.pause_after, stream.pause_window)
            self._note(note, stream, fault, code, deferred=deferred)
        if not deferred:
            return reply
        pause = f"The stream pauses for this fault after {stream.pause_after} refusals like it."
        return Reply(451, reply.status, (*reply.text[:1], pause, *reply.text[1:]))

    def _note(self, new: Note, stream: Stream, fault: str, code: str, *, deferred: bool) -> None:
        note = self._notes.setdefault(new.name, new)
        note.count += 1
        count = note.counts.setdefault((stream.name, fault), Count(code=code))
        count.refused += not deferred
        count.deferred += deferred


def paused(stream: Stream, fault: str) -> Name:
    """The trouble of a stream that pauses."""
    return Name(Cause.PAUSED, stream.controller.name, stream.name, fault)


def _meant_to_refuse(finding: Finding) -> bool:
    """Whether it would be a refusal, had the stream not said to put off instead."""
    rule = rule_of(finding)
    return (finding.reply or (rule.code, rule.status))[0] // 100 == 5

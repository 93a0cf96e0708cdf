"""Run rules on a case. A rule that raises costs only its own finding."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smtpguard.policy.stream import Action, Kind, Stream
from smtpguard.rules import BY_ID
from smtpguard.rules.rule import Case, Certainty, Effect, Fact, Finding, Phase, Rule, Scope

FAILED = "failed"
"""Suffix of the finding that stands for a rule that raised."""
MANY = 256
"""Streams of which it is remembered who is asked."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that raised, with the trace for the log."""

    rule: str
    trace: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a set of rules found, and which of them broke."""

    found: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()


def asked(
    rules: Iterable[Rule], stream: Stream, scope: Scope, phase: Phase, now: int
) -> tuple[Rule, ...]:
    """The rules that have something to say about mail of that stream at that moment.

    A rule of which nothing is asked is not run at all, unless it is an invariant or watches over
    suppressions, which the stream's ``suppression`` governs.
    """
    return tuple(
        rule
        for rule in rules
        if rule.scope is scope
        and rule.phase <= phase
        and stream.kind in rule.kinds
        and (
            rule.invariant or rule.about_person or stream.asked(rule.id).at(now) is not Action.ALLOW
        )
    )


@dataclass(frozen=True, slots=True)
class Roster:
    """The rules that are asked about the mail of one stream, by when and about whom."""

    stream: Stream
    rules: tuple[Rule, ...]
    """All there are."""
    since: float
    until: float
    """It is true between these times, seconds since the epoch."""
    at_rcpt: tuple[Rule, ...]
    of_message: tuple[Rule, ...]
    of_recipient: tuple[Rule, ...]
    duties: frozenset[str]
    """Ids of those that see to it that the reader is informed."""


_ROSTERS: dict[int, Roster] = {}
"""By identity of the stream, which a roster keeps alive."""


def roster(rules: tuple[Rule, ...], stream: Stream, now: int) -> Roster:
    """Who is asked; sorted out once for a stream, and again where an exception of it ends."""
    kept = _ROSTERS.get(id(stream))
    if (
        kept is not None
        and kept.stream is stream
        and kept.rules is rules
        and kept.since <= now < kept.until
    ):
        return kept
    if len(_ROSTERS) >= MANY:
        _ROSTERS.clear()
    ends = [each.until for each in stream.rules.values() if each.until is not None]
    of_recipient = asked(rules, stream, Scope.RECIPIENT, Phase.DOT, now)
    _ROSTERS[id(stream)] = made = Roster(
        stream,
        rules,
        since=max((end for end in ends if end <= now), default=-math.inf),
        until=min((end for end in ends if end > now), default=math.inf),
        at_rcpt=asked(rules, stream, Scope.RECIPIENT, Phase.RCPT, now),
        of_message=asked(rules, stream, Scope.MESSAGE, Phase.DOT, now),
        of_recipient=of_recipient,
        duties=frozenset(rule.id for rule in of_recipient if Effect.INFORM in rule.effects),
    )
    return made


def judge(rules: Sequence[Rule], case: Case) -> Findings:
    """All findings of ``rules`` on ``case``, in the order of the rules."""
    found: list[Finding] = []
    failures: list[Failure] = []
    for rule in rules:
        try:
            found.extend(rule.check(case))
        except Exception as failure:  # a broken rule must not stop the mail of others
            failures.append(Failure(rule.id, "".join(traceback.format_exception(failure))))
            found.append(Finding(rule.id, FAILED, certainty=Certainty.INDETERMINATE))
    return Findings(tuple(found), tuple(failures))


def rule_of(finding: Finding) -> Rule:
    """The rule that made a finding."""
    return BY_ID[finding.rule]


def facts_asked(rules: Iterable[Rule]) -> frozenset[Fact]:
    """The union of the facts that rules need."""
    return frozenset(fact for rule in rules for fact in rule.facts)


def commercial(stream: Stream | None) -> bool:
    """Whether mail of the stream is judged at all; personal and unmatched mail is not parsed."""
    return stream is not None and stream.kind is not Kind.PERSONAL

"""What one finding leads to on one stream: allowed, warned, fixed, refused or deferred."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from smtpguard.edit.fix import AddField, Change, Fix, OfferExit
from smtpguard.mail.message import Message
from smtpguard.policy.stream import Action, Kind, Mode, Stream
from smtpguard.rules.rule import Certainty, Finding, Rule
from smtpguard.verdict.judge import FAILED, rule_of

PATIENCE = 3
"""Times that one message may break a rule before a 4xx, which never changes, becomes a 5xx."""


class Outcome(StrEnum):
    """What became of a finding."""

    ALLOWED = "allowed"
    WARNED = "warned"
    FIXED = "fixed"
    MENDABLE = "mendable"
    """A fix was at hand, but something else refused the mail."""
    REFUSED = "refused"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class Weighed:
    """A finding with what it led to."""

    finding: Finding
    action: Action
    outcome: Outcome
    observed: bool = False
    """The stream only observes: this is what would have happened."""
    blocked: str = ""
    """Why a fix that was asked for could not be made."""
    prohibited: bool = False
    """It was blocked because the content may not be altered (5.6.2)."""

    @property
    def acted(self) -> Outcome:
        """What really happened."""
        if self.observed and self.outcome is not Outcome.ALLOWED:
            return Outcome.WARNED
        return self.outcome


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be changed on the copy at hand."""

    edits: Change
    shared: bool = False
    """Several recipients will read the same copy: no personal link may go into it."""
    protection: str = ""
    """Why the body must not be altered; empty where it may."""
    sealed: frozenset[str] | None = frozenset()
    """Header fields that must not be added, lower case; ``None``: none may be."""
    unmendable: str = ""
    """Why fixes would be in vain: composing them was tried, or they would not be true of all."""
    vain: Change = Change.NONE
    """The least change that is in vain; smaller ones are still made."""
    reply: tuple[int, str] | None = None
    """Code and status of a refusal for that reason, instead of the rule's own."""

    def obstacle(self, fixes: tuple[Fix, ...]) -> tuple[str, bool]:
        """Why ``fixes`` cannot be made, or an empty string; and whether altering is prohibited."""
        if not fixes:
            return "no fix is possible", False
        needed = max([fix.change for fix in fixes])
        if needed > self.edits:
            return f"the stream allows edits: {self.edits.name.lower()}", False
        if needed is Change.BODY and self.protection:
            return self.protection, True
        if self.sealed is None:
            return self.protection or "its header is signed", True
        if self.sealed and any(_names(fix) & self.sealed for fix in fixes):
            return "its header is signed by another domain", True
        if self.shared and any(fix.personal for fix in fixes):
            return "one copy goes to several recipients, and a link belongs to one reader", False
        return (self.unmendable, False) if needed >= self.vain else ("", False)


def allowance(
    stream: Stream, message: Message, signs: frozenset[str], *, shared: bool
) -> Allowance:
    """What may be changed in ``message``: RFC 6376 §5, RFC 8551 §3, RFC 3156 §5.

    A DKIM signature that we can replace protects nothing; any other protects the body and the
    fields that it signs. Transactional mail is never injected into.
    """
    edits = stream.edits
    if stream.kind is Kind.TRANSACTIONAL:
        edits = min(edits, Change.HEADERS)
    protection = message.protection
    sealed: frozenset[str] | None = frozenset()
    if protection and not protection.startswith(("S/MIME", "PGP", "TNEF")):
        sealed = None
    for field in message.named("dkim-signature"):
        tags = signature_tags(field.value)
        if tags.get("d", "").lower() in signs:
            continue
        protection = protection or f"DKIM-signed by {tags.get('d', 'another domain')}"
        if sealed is not None:
            sealed |= {name.strip().lower() for name in tags.get("h", "").split(":")}
    return Allowance(edits, shared, protection, sealed)


def weigh(
    finding: Finding,
    stream: Stream,
    now: int,
    allowed: Allowance,
    *,
    breakages: int = 0,
) -> Weighed:
    """What ``finding`` leads to. ``breakages``: how often this very message broke a rule before."""
    rule = rule_of(finding)
    action, enforced = _asked(rule, stream, now)
    observed = not enforced
    if finding.detail == FAILED:
        return _broken(finding, stream, action, breakages, observed=observed)
    if finding.certainty is not Certainty.CERTAIN:
        action = min(action, Action.WARN)
    if action is Action.ALLOW:
        return Weighed(finding, action, Outcome.ALLOWED)
    if action is Action.WARN:
        return Weighed(finding, action, Outcome.WARNED, observed)
    blocked, prohibited = "", False
    if action is not Action.REJECT:
        blocked, prohibited = allowed.obstacle(finding.fixes)
        if not blocked:
            return Weighed(finding, action, Outcome.FIXED, observed)
        if action is Action.FIX_OR_WARN or (prohibited and stream.pass_when_protected):
            return Weighed(finding, action, Outcome.WARNED, observed, blocked, prohibited)
    if blocked and blocked == allowed.unmendable and allowed.reply:
        finding = replace(finding, reply=allowed.reply)
    code = (finding.reply or (rule.code, rule.status))[0]
    outcome = Outcome.DEFERRED if code // 100 == 4 else Outcome.REFUSED
    if outcome is Outcome.REFUSED and stream.refuse_with_defer and not about_person(finding):
        outcome = Outcome.DEFERRED
    return Weighed(finding, action, outcome, observed, blocked, prohibited)


def about_person(finding: Finding) -> bool:
    """It stands against writing to somebody, not against the content."""
    return rule_of(finding).about_person


def _asked(rule: Rule, stream: Stream, now: int) -> tuple[Action, bool]:
    """The action, and whether it is enforced rather than observed."""
    enforcing = stream.mode is Mode.ENFORCE
    if rule.about_person:
        if rule.code // 100 == 4 and stream.pass_when_store_silent:
            return Action.WARN, enforcing
        return Action.REJECT, stream.enforce_suppression
    if rule.id == "protected-content":
        return Action.ALLOW, True
    if rule.invariant:
        return Action.REJECT, enforcing or rule.id == "mail-loop"
    return stream.asked(rule.id).at(now), enforcing


def _broken(
    finding: Finding, stream: Stream, action: Action, breakages: int, *, observed: bool
) -> Weighed:
    """A rule that raised: transactional mail passes, marketing waits, poison is refused."""
    if stream.kind is not Kind.MARKETING or action <= Action.WARN:
        return Weighed(finding, action, Outcome.WARNED, observed)
    outcome = Outcome.REFUSED if breakages + 1 >= PATIENCE else Outcome.DEFERRED
    reply = (550, "6.0") if outcome is Outcome.REFUSED else (451, "3.0")
    return Weighed(replace(finding, reply=reply), action, outcome, observed)


def _names(fix: Fix) -> frozenset[str]:
    if isinstance(fix, AddField):
        return frozenset({fix.name.lower()})
    if isinstance(fix, OfferExit):
        return frozenset({"list-unsubscribe", "list-unsubscribe-post"})
    return frozenset()


def signature_tags(value: str) -> dict[str, str]:
    """The tag list of a DKIM-Signature field (RFC 6376 §3.2), white space removed."""
    pairs = (tag.partition("=") for tag in value.split(";"))
    return {name.strip(): "".join(text.split()) for name, _, text in pairs}

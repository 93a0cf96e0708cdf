"""The reply of a refusal: which rule, what was found, what to do, where to read more.

The sending server puts the text into its bounce, often only the first 512 octets of it; they
carry the fault, the remedy, the stream, its owner and the id under which the log has more. The
reply never names the reader, nor why the reader left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smtpguard.keys import Keyring
from smtpguard.policy.stream import Stream
from smtpguard.reply import Reply
from smtpguard.unsubscribe.why import Refusal, mint
from smtpguard.verdict.judge import FAILED, rule_of
from smtpguard.verdict.mistakable import mistakable
from smtpguard.verdict.weigh import Outcome, Weighed, about_person

PROHIBITED = (550, "6.2")
"""Conversion required but prohibited (RFC 3463 §3.7)."""


@dataclass(frozen=True, slots=True)
class Help:
    """Where the reader of a bounce reads more."""

    url: str = ""
    """Base under which each rule has a page; empty: only operators can look it up."""
    why_url: str = ""
    """Base of our own pages, which say what was found; goes before ``url``."""
    ring: Keyring = Keyring()
    now: int = 0

    def page(self, rule: str, detail: str, code: str, language: str) -> str:
        """The page of a refusal, or the command that shows the rule's manual."""
        if self.why_url and self.ring.links:
            told = Refusal(rule, detail, code, language, self.now)
            return mint(self.ring, self.why_url, told)
        return f"{self.url.rstrip('/')}/{rule}" if self.url else f"smtpguard explain {rule}"


def refuse(
    weighed: Sequence[Weighed], stream: Stream, *, reference: str, manual: Help, more: str = ""
) -> Reply:
    """The reply for findings that refuse or defer; the first of them leads.

    ``more`` is one further sentence, ``manual`` knows where the rule is explained.
    """
    lead, *others = weighed
    rule = rule_of(lead.finding)
    code, status = lead.finding.reply or (rule.code, rule.status)
    if lead.prohibited:
        code, status = PROHIBITED
    if lead.outcome is Outcome.DEFERRED and code // 100 != 4:
        code = 451
    said = lead.finding.remedy or rule.says["en"]
    if lead.finding.detail == FAILED:
        said = "This rule could not be applied to the message."
    language = stream.reply_language
    spoken = language != "en" and language in rule.says and lead.finding.detail != FAILED
    place = f" ({lead.finding.where})" if lead.finding.where else ""
    names = dict.fromkeys(other.finding.name for other in others)
    also = ", ".join(name for name in names if name != lead.finding.name)
    page = manual.page(rule.id, lead.finding.detail, f"{code} {code // 100}.{status}", language)
    pieces = {
        "rule": f"{lead.finding.name}: {said}",
        "found": f"found: {lead.finding.found}{place}" if lead.finding.found else "",
        "unmended": f"left unmended: {lead.blocked}" if lead.blocked else "",
        "id": f"id={reference}",
        "stream": f"stream={stream.id}",
        "owner": f"owner={stream.owner}" if stream.owner else "",
        "more": more,
        "also": f"also: {also}" if also else "",
        "spoken": rule.says[language] if spoken else "",
        "page": f"more: {page}",
    }
    told = pieces if about_person(lead.finding) else _unmistakable(pieces)
    return Reply(code, status, _lines(told))


def _unmistakable(pieces: Mapping[str, str]) -> Mapping[str, str]:
    """The same without what would make it read as the bounce of a dead mailbox."""
    if not mistakable(_lines(pieces)):
        return pieces
    kept = {name: pieces[name] for name in ("rule", "id", "page")}
    for name in ("found", "stream", "owner", "unmended", "more", "spoken", "also"):
        wider = {**kept, name: pieces[name]}
        if not mistakable(_lines(wider)):
            kept = wider
    return kept


def _lines(pieces: Mapping[str, str]) -> tuple[str, ...]:
    """The lines of a reply, in their order."""

    def joined(between: str, *names: str) -> str:
        return between.join(filter(None, (pieces.get(name, "") for name in names)))

    lines = (
        pieces["rule"],
        joined("; ", "found", "unmended"),
        f"[{joined(' ', 'id', 'stream', 'owner')}]",
        *(pieces.get(name, "") for name in ("more", "also", "spoken", "page")),
    )
    return tuple(filter(None, lines))

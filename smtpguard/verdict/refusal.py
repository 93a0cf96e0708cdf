"""The reply of a refusal: which rule, what was found, what to do, where to read more.

The sending server puts the text into its bounce, often only the first 512 octets of it; they
carry the fault, the remedy, the stream, its owner and the id under which the log has more. The
reply never names the reader, nor why the reader left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smtpguard.keys import Keyring
from smtpguard.policy.stream import Stream
from smtpguard.reply import Reply
from smtpguard.unsubscribe.why import Refusal, mint
from smtpguard.verdict.judge import FAILED, rule_of
from smtpguard.verdict.weigh import Outcome, Weighed

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
    lines = [f"{lead.finding.name}: {said}"]
    place = f" ({lead.finding.where})" if lead.finding.where else ""
    facts = [f"found: {lead.finding.found}{place}"] if lead.finding.found else []
    if lead.blocked:
        facts.append(f"not mended: {lead.blocked}")
    if facts:
        lines.append("; ".join(facts))
    owner = f" owner={stream.owner}" if stream.owner else ""
    lines.append(f"[id={reference} stream={stream.id}{owner}]")
    if more:
        lines.append(more)
    if others:
        names = dict.fromkeys(other.finding.name for other in others)
        lines.append("also: " + ", ".join(name for name in names if name != lead.finding.name))
    language = stream.reply_language
    if language != "en" and language in rule.says and lead.finding.detail != FAILED:
        lines.append(rule.says[language])
    page = manual.page(rule.id, lead.finding.detail, f"{code} {code // 100}.{status}", language)
    lines.append(f"more: {page}")
    return Reply(code, status, tuple(line for line in lines if line != "also: "))

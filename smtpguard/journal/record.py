"""A decision as one JSON object."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from smtpguard.verdict.decision import Copy, Decision, Defer, Refuse, Ruling
from smtpguard.verdict.judge import commercial
from smtpguard.verdict.weigh import Weighed

Pseudonym = Callable[[str, str], str]
"""From controller and normalised address to the reference that stands for the person."""


def record(decision: Decision, pseudonym: Pseudonym) -> dict[str, Any]:
    """The journal's view of a decision. Of mail that is not commercial it keeps counts only."""
    session = decision.envelope.session
    judged = any(commercial(ruling.stream) for ruling in decision.rulings)
    entry: dict[str, Any] = {
        "id": decision.reference,
        "at": datetime.fromtimestamp(decision.at, UTC).isoformat(timespec="milliseconds"),
        "phase": decision.phase,
        "policy": decision.policy,
        "listener": session.listener,
        "queue_id": session.forward("IDENT"),
        "size": decision.size,
        "recipients": [
            _recipient(ruling, decision, index, pseudonym)
            for index, ruling in enumerate(decision.rulings)
        ],
        "copies": [_copy(copy) for copy in decision.copies],
        "signed": list(decision.signed),
        "seconds": {name: round(spent, 6) for name, spent in decision.timings.items()},
    }
    if judged and decision.message_id:
        entry["message_id"] = hashlib.sha256(decision.message_id.encode()).hexdigest()[:32]
    if judged and (ids := decision.said.shown):
        entry.update(ids)
    return entry


def _recipient(
    ruling: Ruling, decision: Decision, index: int, pseudonym: Pseudonym
) -> dict[str, Any]:
    answer = decision.answers[index]
    entry: dict[str, Any] = {
        "verdict": _verdict(ruling),
        "code": answer.code,
        "by": "upstream" if answer.upstream else "smtpguard",
    }
    if answer.ambiguous:
        entry["ambiguous"] = True
    stream = ruling.stream
    if stream is None or not commercial(stream):
        return entry
    entry["person"] = pseudonym(stream.controller.name, ruling.recipient.address.key)
    entry["stream"] = stream.id
    entry["mode"] = str(stream.mode)
    entry["findings"] = [_finding(weighed) for weighed in ruling.weighed]
    if ruling.informs and answer.code // 100 == 2:
        entry["informed"] = ruling.informs
    return entry


def _finding(weighed: Weighed) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "rule": weighed.finding.name,
        "asked": str(weighed.action),
        "outcome": str(weighed.outcome),
    }
    if weighed.observed:
        entry["observed"] = True
    if weighed.finding.where:
        entry["where"] = weighed.finding.where
    if weighed.blocked:
        entry["blocked"] = weighed.blocked
    return entry


def _copy(copy: Copy) -> dict[str, Any]:
    return {
        "recipients": list(copy.recipients),
        "size": copy.size,
        "edits": [[e.start, e.end, len(e.new), e.why] for e in copy.edits],
    }


def _verdict(ruling: Ruling) -> str:
    if isinstance(ruling.verdict, Refuse):
        return "refused"
    return "deferred" if isinstance(ruling.verdict, Defer) else "relayed"

"""SMTP has one answer after the dot: what it is when recipients fare differently."""

from __future__ import annotations

from collections.abc import Sequence

from smtpguard.reply import Reply
from smtpguard.verdict.decision import Defer, Refuse, Relay, Ruling
from smtpguard.verdict.weigh import Outcome, about_person


def one_answer(rulings: Sequence[Ruling], *, decided_early: bool) -> Reply | None:
    """The refusal or deferral of the whole transaction, or ``None`` when all may be relayed.

    A content refusal is the same for all and speaks first. Somebody who opted out while the
    others may be written to makes it 451 where RCPT can refuse them at the retry
    (``decided_early``), else a refusal that says how many.
    """
    held = [ruling for ruling in rulings if not isinstance(ruling.verdict, Relay)]
    if not held:
        return None
    for ruling in held:
        if isinstance(ruling.verdict, Refuse) and not _personal(ruling):
            return ruling.verdict.reply
    for ruling in held:
        if isinstance(ruling.verdict, Defer):
            return ruling.verdict.reply
    first = held[0].verdict
    assert isinstance(first, Refuse)
    if len(held) == len(rulings):
        return first.reply
    count = f"{len(held)} of {len(rulings)} recipients of this transaction may not be written to."
    if decided_early:
        text = (f"{count} Try again: they will be refused at RCPT.", *first.reply.text)
        return Reply(451, "7.1", text)
    advice = "Use the LMTP listener, or send to one recipient per transaction."
    return Reply(first.reply.code, first.reply.status, (*first.reply.text, f"{count} {advice}"))


def _personal(ruling: Ruling) -> bool:
    """It is refused for who it goes to, not for what it says."""
    grave = [w for w in ruling.weighed if w.acted in (Outcome.REFUSED, Outcome.DEFERRED)]
    return bool(grave) and about_person(grave[0].finding)

"""A message that goes round in circles.

Fault
    The message carries more than 50 Received fields, or three of them were written by this very
    host: it passed the guard three times and came back.
Why
    Two servers that hand a mail to each other for ever fill both queues. The trace is the only
    thing that stops them.
Fix
    None. Look at the two hops that stand next to the guard: usually the upstream's transport
    for the recipient's domain points back at the guard's listener.

References
    RFC 5321 §4.4, §6.3; RFC 3463 §3.5 (X.4.6)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtpguard.mail.message import Message
from smtpguard.rules.rule import EVERY, Case, Finding, Rule

MOST = 50
"""Received fields; beyond that a message only circles."""
PASSES = 3
"""Times that one message may pass one guard."""

_BY = re.compile(rb"\bby\s+[^\s;()]+\s+\(smtpguard ([^\s()]+)\)", re.IGNORECASE)


def check(case: Case) -> Iterator[Finding]:
    """Count the hops, and our own among them."""
    if found := circles(case.mail, case.host):
        yield Finding(RULE.id, found=found)


def circles(message: Message, host: str) -> str:
    """What shows that the message circles, or nothing. Reads the header only."""
    trace = message.named("received")
    if len(trace) > MOST:
        return f"{len(trace)} Received fields"
    if not host or len(trace) < PASSES:
        return ""
    own = sum(host.encode() in _BY.findall(field.raw) for field in trace)
    return f"{own} passes through this host" if own >= PASSES else ""


RULE = Rule(
    __name__,
    check,
    says={
        "en": "Mail loop detected. Correct the route between the servers.",
        "fr": "Boucle de courrier detectee. Corrigez la route entre les serveurs.",
        "it": "Rilevato un ciclo di posta. Correggere il percorso tra i server.",
    },
    code=554,
    status="4.6",
    kinds=EVERY,
    invariant=True,
)

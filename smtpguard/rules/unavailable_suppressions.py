"""A recipient about whom the opt-out register cannot be asked.

Fault
    The store did not answer in time, or may not be trusted (emptied, evicting, a key missing),
    so nobody knows whether the recipient has left.
Why
    Mail to somebody who has opted out cannot be called back; mail that waits five minutes
    is only late. When the guard does not know, it says so, and the sending server keeps the mail.
Fix
    None. The server tries again by itself. Transactional mail is not held back. ``smtpguard
    store status`` says what is wrong with the store; a stream that must never wait says
    ``store_silent: pass``.

References
    GDPR art. 5(2), 24; RFC 3463 §3.4 (X.3.0)
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.rules.rule import Case, Fact, Finding, Phase, Rule, Scope


def check(case: Case) -> Iterator[Finding]:
    """Whether the facts asked for are missing."""
    if case.recipient is not None and case.person is None:
        yield Finding(RULE.id)


RULE = Rule(
    __name__,
    check,
    says={
        "en": "The opt-out register gives no answer; the message waits and is tried again.",
        "fr": "Registre d'opposition momentanement indisponible; message differe. Il sera"
        " represente.",
        "it": "Registro delle opposizioni temporaneamente non disponibile; messaggio"
        " differito. Verra ritentato.",
    },
    scope=Scope.RECIPIENT,
    phase=Phase.RCPT,
    facts=frozenset({Fact.SUPPRESSIONS}),
    code=451,
    status="3.0",
    invariant=True,
)

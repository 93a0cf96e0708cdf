"""A second recipient on a stream that takes one per transaction.

Fault
    The stream says ``recipients: one``, the transaction runs over SMTP, and a recipient was
    already accepted. Each further one is told to come in a transaction of its own. The
    rule judges at RCPT only, where each recipient still has an answer of their own.
Why
    After the dot SMTP has one answer for all. A link that unsubscribes one reader must not be
    read by another, and one reader's opt-out must not hold back the mail of the rest.
Fix
    None. Set ``<transport>_destination_recipient_limit = 1`` in Postfix, or use the LMTP
    listener, which answers for each recipient after the dot. An application that ignores
    the reply to RCPT loses mail here.

References
    RFC 5321 §4.5.3.1.10; RFC 8058 §3.1; RFC 2033 §4.2; RFC 3463 §3.6 (X.5.3)
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.rules.rule import COMMERCIAL, Case, Finding, Phase, Rule, Scope


def check(case: Case) -> Iterator[Finding]:
    """Whether somebody else was already accepted in this transaction."""
    at_rcpt = case.message is None
    smtp = case.envelope.session.protocol != "LMTP"
    if at_rcpt and smtp and case.stream.one_recipient and case.envelope.recipients:
        yield Finding(RULE.id)


RULE = Rule(
    __name__,
    check,
    says={
        "en": "One recipient per transaction on this stream. Send to the others one by one.",
        "fr": "Un seul destinataire par transaction sur ce flux. Envoyez aux autres un par un.",
        "it": "Un solo destinatario per transazione su questo flusso. Inviare agli altri uno"
        " per uno.",
    },
    scope=Scope.RECIPIENT,
    phase=Phase.RCPT,
    code=452,
    status="5.3",
    kinds=COMMERCIAL,
    invariant=True,
)

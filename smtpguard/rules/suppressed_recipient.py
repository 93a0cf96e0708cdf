"""A recipient who must not be written to.

Fault
    The register holds an objection, an erasure, a complaint, a hard bounce or an operator's
    word against this address for this controller, brand or stream, and it stands against
    mail of this class. A suppressed address covers its own ``+tag`` forms, never the reverse.
Why
    Who has left has left, whatever list the address comes back on. Every law that lets
    commercial mail be sent asks that the wish to receive none be honoured.
Fix
    None: it is never delivered. Take the address off the sending list
    (``smtpguard suppress clean LIST.csv`` gives a whole list back without those who left). The
    reply never tells why the reader left.

References
    GDPR art. 21(3); CPCE art. L.34-5; 15 USC 7704(a)(4); RFC 3463 §3.8 (X.7.1)
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.policy.suppression import standing
from smtpguard.rules.rule import COMMERCIAL, Case, Fact, Finding, Phase, Rule, Scope


def check(case: Case) -> Iterator[Finding]:
    """Whether something stands against this very address."""
    if case.person is not None:
        against = standing(case.person, case.stream)
        if against is not None and not against.domain:
            yield Finding(RULE.id)


RULE = Rule(
    __name__,
    check,
    says={
        "en": "This recipient has opted out. Do not retry; remove the address from your list.",
        "fr": "Ce destinataire s'est oppose a nos messages. Ne reessayez pas; retirez l'adresse"
        " de votre liste.",
        "it": "Questo destinatario si e opposto. Non riprovare; rimuovere l'indirizzo dalla lista.",
    },
    scope=Scope.RECIPIENT,
    phase=Phase.RCPT,
    facts=frozenset({Fact.SUPPRESSIONS}),
    status="7.1",
    kinds=COMMERCIAL,
)

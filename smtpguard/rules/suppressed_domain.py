"""A recipient in a domain that must not be written to.

Fault
    The register holds a suppression against the recipient's whole domain for this controller,
    brand or stream, and it stands against mail of this class.
Why
    An organisation can object for all its addresses, and an operator can keep a client, a
    competitor or a trap out of every campaign.
Fix
    None: it is never delivered. Take the domain off the sending list.

References
    GDPR art. 21; CPCE art. L.34-5; RFC 3463 §3.8 (X.7.1)
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.policy.suppression import standing
from smtpguard.rules.rule import COMMERCIAL, Case, Fact, Finding, Phase, Rule, Scope


def check(case: Case) -> Iterator[Finding]:
    """Whether something stands against the recipient's domain."""
    if case.person is not None:
        against = standing(case.person, case.stream)
        if against is not None and against.domain:
            yield Finding(RULE.id)


RULE = Rule(
    __name__,
    check,
    says={
        "en": "This organisation does not accept marketing from this sender. Do not retry;"
        " remove its addresses from your list.",
        "fr": "Cette organisation refuse les messages commerciaux de cet expediteur. Ne"
        " reessayez pas; retirez ses adresses de votre liste.",
        "it": "Questa organizzazione non accetta messaggi commerciali da questo mittente. Non"
        " riprovare; rimuovere i suoi indirizzi dalla lista.",
    },
    scope=Scope.RECIPIENT,
    phase=Phase.RCPT,
    facts=frozenset({Fact.SUPPRESSIONS}),
    status="7.1",
    kinds=COMMERCIAL,
)

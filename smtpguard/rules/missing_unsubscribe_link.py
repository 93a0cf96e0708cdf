"""Marketing mail without a link to unsubscribe in its body.

Fault
    No readable part has a link that says, in any of seven languages, that it unsubscribes, whose
    URL says so, or whose host the policy declares. Quoted mail, attachments and sentences without
    a link are no evidence; "manage my preferences" counts only on a declared host. With
    ``existing: add`` or ``replace`` only the brand's own exits count.
Why
    Every law on commercial mail asks for a simple way out in each message, and mailbox providers
    ask for one that is visible in the body, beside the header.
Fix
    A paragraph with the reader's own link at the end of each alternative, in the language of the
    mail; what the sender wrote stays as it is. It needs ``unsubscribe.url`` and a copy of their
    own for each reader.

References
    CPCE art. L.34-5; GDPR art. 7(3), 21; 15 USC 7704(a)(3); RFC 8058 §1
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.edit.fix import Change
from smtpguard.rules.evidence.exits import exits, offer
from smtpguard.rules.evidence.view import alternatives, certainty_of_absence, parts_of
from smtpguard.rules.rule import Case, Finding, Rule


def check(case: Case) -> Iterator[Finding]:
    """Whether no reader finds any way out, seen or unseen."""
    if any(found.way for found in exits(case)):
        return
    seen = alternatives(case)
    yield Finding(
        RULE.id,
        found="no link says that it unsubscribes" if seen else "nothing readable in the message",
        fixes=offer(case, parts_of(seen)),
        certainty=certainty_of_absence(case.mail),
    )


RULE = Rule(
    __name__,
    check,
    says={
        "en": "No visible unsubscribe link found in the message body. Add one and send again.",
        "fr": "Aucun lien de desinscription visible dans le corps du message. Ajoutez-le et"
        " renvoyez.",
        "it": "Nessun link di disiscrizione visibile nel corpo del messaggio. Aggiungerlo e"
        " reinviare.",
    },
    change=Change.BODY,
)

"""List-Unsubscribe fields that no DKIM signature covers.

Fault
    The message has a List-Unsubscribe field, the guard holds no DKIM key for the brand, and no
    signature on the message names List-Unsubscribe and List-Unsubscribe-Post in its ``h=``. Where
    there is no signature at all, a later hop may still make one: then it is only warned of.
Why
    Mail programs that honour one-click ask for a signature over both fields, because anybody
    could add them to a mail on its way. Without it there is no button.
Fix
    None here. Give the brand a DKIM key: the guard then signs last, and covers both. Or have
    your signer list both fields in ``h=``.

References
    RFC 8058 §4; RFC 6376 §5.4; RFC 7372 §3.2 (X.7.21)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtpguard.rules.rule import Case, Certainty, Finding, Rule

_COVERED = re.compile(r"(?:^|;)\s*h\s*=([^;]*)")


def check(case: Case) -> Iterator[Finding]:
    """Look for a signature that covers both fields, or a key of our own."""
    mail = case.mail
    names = {name for name in ("list-unsubscribe", "list-unsubscribe-post") if mail.named(name)}
    if "list-unsubscribe" not in names or any(map(case.brand.owns, case.signs)):
        return
    signatures = mail.named("dkim-signature")
    if any(names <= _covered(signature.value) for signature in signatures):
        return
    if signatures:
        yield Finding(RULE.id, found="no h= names both fields", where="DKIM-Signature")
    else:
        yield Finding(RULE.id, found="no DKIM signature", certainty=Certainty.HEURISTIC)


def _covered(signature: str) -> frozenset[str]:
    """The fields in ``h=`` (RFC 6376 §3.5), lower case."""
    found = _COVERED.search(signature)
    names = found.group(1).split(":") if found else ()
    return frozenset("".join(name.split()).lower() for name in names)


RULE = Rule(
    __name__,
    check,
    says={
        "en": "No DKIM signature covers the List-Unsubscribe headers. Sign them both.",
        "fr": "Aucune signature DKIM ne couvre les en-tetes List-Unsubscribe. Signez-les tous"
        " deux.",
        "it": "Nessuna firma DKIM copre le intestazioni List-Unsubscribe. Firmarle entrambe.",
    },
    status="7.21",
)

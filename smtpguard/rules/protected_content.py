"""Content that must not be altered.

Fault
    The message is signed or encrypted (S/MIME, PGP, at any depth), carries a DKIM signature that
    the guard cannot make again, is sealed by ARC, or is a report, an invitation, a TNEF or a
    partial message. The finding alone refuses nothing: it forbids the fixes of other rules.
Why
    A changed octet breaks the signature, and the reader is told that the mail was forged.
Fix
    None, ever. When another rule needs a fix here, the mail is refused with 5.6.2, or relayed as it
    came where the stream says so. Let the sending application satisfy the rule itself, or sign
    after the guard.

References
    RFC 5321 §6.4; RFC 6376 §5; RFC 8551 §3; RFC 3156 §5; RFC 8617 §5; RFC 3463 §3.7 (X.6.2)
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.rules.evidence.quote import quote
from smtpguard.rules.rule import COMMERCIAL, Case, Finding, Rule


def check(case: Case) -> Iterator[Finding]:
    """Name the first thing that forbids a change."""
    mail = case.mail
    if mail.protection:
        yield Finding(RULE.id, found=quote(mail.protection))
        return
    foreign = [domain for domain in mail.dkim_domains if domain not in case.signs]
    if foreign:
        yield Finding(
            RULE.id, "dkim", found=quote(f"signed by {foreign[0]}"), where="DKIM-Signature"
        )


RULE = Rule(
    __name__,
    check,
    says={
        "en": "A required change is not allowed because the message is signed or protected."
        " Complete the message before it is signed.",
        "fr": "Une correction necessaire est interdite car le message est signe ou protege."
        " Completez le message avant de le signer.",
        "it": "Una correzione necessaria non e permessa perche il messaggio e firmato o"
        " protetto. Completare il messaggio prima di firmarlo.",
    },
    status="6.2",
    kinds=COMMERCIAL,
    invariant=True,
)

"""A link to unsubscribe that leads nowhere.

Fault
    A link that says it unsubscribes has no usable target: empty, ``#``, ``javascript:``, relative,
    a host that is not public (localhost, a private address, ``.test``, ``example.com``), a user
    name in front of the host, a mailbox that nobody reads. Hosts that the policy declares are
    believed. A target over plain http is only warned of. Nothing is fetched to find out.
Why
    A way out that does not work is none; the law asks for a functioning one.
Fix
    None: a working link beside a dead one misleads. Correct the template; mostly a variable was
    not filled in.

References
    CPCE art. L.34-5; 15 USC 7704(a)(3); RFC 2606 §2; RFC 6761 §6; RFC 8058 §1
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.rules.evidence.exits import exits
from smtpguard.rules.evidence.quote import quote
from smtpguard.rules.evidence.target import fault_of
from smtpguard.rules.evidence.view import places
from smtpguard.rules.rule import Case, Certainty, Finding, Rule


def check(case: Case) -> Iterator[Finding]:
    """Judge the targets of all links that unsubscribe; one finding for each part."""
    for found in exits(case):
        links = found.among(found.targets.doubted(case.brand))
        if not links:
            continue
        where = places([found.reading.part.number])
        faults = [fault_of(link.target, case.brand) for link in links]
        fault = next(filter(None, faults), "")
        # Of links that are guessed, one that leads somewhere may be the right one.
        open_ = found.guessed and (len(links) < len(found.links) or not all(faults))
        if fault and not open_:
            yield Finding(RULE.id, found=quote(fault), where=where)
        elif any(link.target[:5].lower() == "http:" for link in links):
            yield Finding(
                RULE.id,
                "insecure",
                found="the link is http, not https",
                where=where,
                certainty=Certainty.HEURISTIC,
            )


RULE = Rule(
    __name__,
    check,
    says={
        "en": "The unsubscribe link does not lead anywhere. Fix its target and send again.",
        "fr": "Le lien de desinscription ne mene nulle part. Corrigez sa cible et renvoyez.",
        "it": "Il link di disiscrizione non porta da nessuna parte. Correggerne la destinazione e"
        " reinviare.",
    },
)

"""Marketing mail without a usable List-Unsubscribe field.

Fault
    There is no List-Unsubscribe field, or none of its URIs lets anybody leave: empty brackets, no
    brackets, http only, a dead target (see dead-unsubscribe-link). With ``existing: replace`` a
    field that names somebody else's exit counts as missing.
Why
    Mail programs show their own unsubscribe button for this field. Google and Yahoo ask
    for it from who sends in bulk, and the law lets readers object by automated means.
Fix
    List-Unsubscribe and List-Unsubscribe-Post with the reader's own link are put at the top;
    unusable fields of both names are taken out. A usable field is never touched
    unless the policy says ``existing: replace``.

References
    RFC 2369 §2, §3.2; RFC 8058 §3.1; GDPR art. 21(5)
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.edit.fix import Change
from smtpguard.rules.evidence.listed import foreign, listed, offer_exit
from smtpguard.rules.evidence.quote import quote
from smtpguard.rules.evidence.target import fault_of
from smtpguard.rules.rule import Case, Finding, Rule


def check(case: Case) -> Iterator[Finding]:
    """Whether the header lets nobody leave."""
    header = listed(case)
    if not header.fields:
        detail, found = "", "no List-Unsubscribe field"
    elif not header.usable:
        faults = (fault_of(uri, case.brand) for uri in header.uris)
        why = next(filter(None, (*header.faults, *faults)), "neither https nor mailto")
        detail, found = "unusable", quote(why)
    elif foreign(case, header):
        detail, found = "foreign", "an exit that is not ours, which the policy replaces"
    else:
        return
    yield Finding(
        RULE.id,
        detail,
        found=found,
        where="List-Unsubscribe" if header.fields else "",
        fixes=offer_exit(case, header),
    )


RULE = Rule(
    __name__,
    check,
    says={
        "en": "The List-Unsubscribe header is missing or unusable. Add one with an https and a"
        " mailto URI.",
        "fr": "L'en-tete List-Unsubscribe est absent ou inutilisable. Ajoutez-le avec une URI"
        " https et une URI mailto.",
        "it": "L'intestazione List-Unsubscribe e assente o inutilizzabile. Aggiungerla con un URI"
        " https e un URI mailto.",
    },
    change=Change.HEADERS,
)

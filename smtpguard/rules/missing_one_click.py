"""Marketing mail that cannot be unsubscribed from with one click.

Fault
    The header does not hold exactly one List-Unsubscribe with exactly one https URI and exactly
    one ``List-Unsubscribe-Post: List-Unsubscribe=One-Click``.
Why
    Google and Yahoo ask for it from who sends more than 5,000 mails a day. A mail program may
    then unsubscribe its reader with one POST, without a page in between.
Fix
    Where there is no usable List-Unsubscribe, both fields with the reader's own link are put at
    the top. Where there is one on a host that the policy declares, only the missing
    List-Unsubscribe-Post is added. It is never added to anybody else's URI: who does
    not expect a POST would not unsubscribe. With ``existing: replace`` both fields become ours.

References
    RFC 8058 §3.1, §5; RFC 2369 §3.2
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.edit.fix import AddField, Change, Fix, RemoveField
from smtpguard.policy.controller import Existing
from smtpguard.rules.evidence.listed import Listed, listed, offer_exit
from smtpguard.rules.evidence.target import ours
from smtpguard.rules.rule import Case, Finding, Rule
from smtpguard.unsubscribe.fields import ONE_CLICK


def check(case: Case) -> Iterator[Finding]:
    """Compare the header with what RFC 8058 §3.1 asks for."""
    header = listed(case)
    found = _fault(case, header)
    if found:
        yield Finding(RULE.id, found=found, fixes=_fixes(case, header))


def _fault(case: Case, header: Listed) -> str:
    if not header.fields:
        return "no List-Unsubscribe field"
    if header.contradictory:
        return "two fields contradict each other"
    if not header.https:
        return "no https URI in List-Unsubscribe"
    if len(header.web) > 1:
        return "more than one web URI in List-Unsubscribe"
    if header.https[0] not in header.usable:
        return "the https URI of List-Unsubscribe leads nowhere"
    if not header.posts:
        return "no List-Unsubscribe-Post field"
    if header.posts[0].value.strip().casefold() != ONE_CLICK.casefold():
        return f"List-Unsubscribe-Post is not {ONE_CLICK}"
    return ""


def _fixes(case: Case, header: Listed) -> tuple[Fix, ...]:
    replaced = case.brand.unsubscribe.existing is Existing.REPLACE
    if replaced or header.contradictory or not header.usable:
        return offer_exit(case, header)
    if len(header.web) != 1 or not header.https or not ours(header.web[0], case.brand):
        return ()
    fields = case.mail.fields
    wrong = (RemoveField(index) for index, field in enumerate(fields) if field in header.posts)
    return (*wrong, AddField("List-Unsubscribe-Post", ONE_CLICK))


RULE = Rule(
    __name__,
    check,
    says={
        "en": "One-click unsubscribe headers (RFC 8058) are missing or faulty. Send one https"
        " URI and List-Unsubscribe-Post: List-Unsubscribe=One-Click.",
        "fr": "Les en-tetes de desinscription en un clic (RFC 8058) sont absents ou"
        " incorrects. Envoyez une URI https et List-Unsubscribe-Post:"
        " List-Unsubscribe=One-Click.",
        "it": "Le intestazioni di disiscrizione con un clic (RFC 8058) mancano o sono errate."
        " Inviare un URI https e List-Unsubscribe-Post: List-Unsubscribe=One-Click.",
    },
    change=Change.HEADERS,
)

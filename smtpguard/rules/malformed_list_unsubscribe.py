"""Mailing-list fields that stand there twice, or that cannot be read.

Fault
    A List-* field stands there more than once; List-Unsubscribe is not a list of URIs in angle
    brackets, hides them in an RFC 2047 encoded word, or is folded inside a URI. A List-Id of
    another domain, left over from a list in between, is only warned of.
Why
    Each field may occur once. Mail programs take the first, the last or none, and a signer that
    covers one leaves the other open to whoever adds it.
Fix
    Copies of one field with equal value are taken out but for the first. A List-Unsubscribe
    that is malformed, or that contradicts another one, is replaced by the reader's own, where
    the brand has exits; otherwise nothing is changed.

References
    RFC 2369 §2, §3; RFC 2047 §5; RFC 2919 §2; RFC 8058 §3.1, §4
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtpguard.edit.fix import Change, Fix, RemoveField
from smtpguard.mail.field import Field
from smtpguard.rules.evidence.listed import Listed, listed, offer_exit
from smtpguard.rules.evidence.quote import quote
from smtpguard.rules.rule import Case, Certainty, Finding, Rule

LONGEST_ID = 255
"""Octets of a List-Id (RFC 2919 §2)."""

_NAMESPACE = re.compile(r"<[^<>@\s]*?([^<>@.\s]+\.[^<>@.\s]+)>\s*$")
_FOLDED_URI = re.compile(rb"<[^<>\r\n]*\r\n[^<>]*>")


def check(case: Case) -> Iterator[Finding]:
    """Look at every List-* field."""
    header = listed(case)
    yield from _duplicates(case, header)
    if header.fields:
        fault = next((f for f in header.faults if f != "more than one field"), "")
        if fault:
            yield Finding(
                RULE.id,
                "unreadable",
                found=quote(fault),
                where="List-Unsubscribe",
                fixes=offer_exit(case, header),
            )
        elif _FOLDED_URI.search(_octets(case, header.fields[0])):
            yield Finding(
                RULE.id,
                "folded",
                found="a line break inside a URI",
                where="List-Unsubscribe",
                certainty=Certainty.HEURISTIC,
            )
    yield from _left_over(case)


def _duplicates(case: Case, header: Listed) -> Iterator[Finding]:
    found: dict[str, list[tuple[int, Field]]] = {}
    for index, field in enumerate(case.mail.fields):
        if field.key.startswith("list-"):
            found.setdefault(field.key, []).append((index, field))
    for key, fields in found.items():
        first, *rest = fields
        if rest:
            fixes: tuple[Fix, ...] = ()
            if all(field.raw == first[1].raw for _, field in rest):
                fixes = tuple(RemoveField(index) for index, _ in rest)
            elif key in ("list-unsubscribe", "list-unsubscribe-post"):
                fixes = offer_exit(case, header)
            name = first[1].name
            yield Finding(
                RULE.id, "duplicate", found=f"{len(fields)} {name} fields", where=name, fixes=fixes
            )


def _left_over(case: Case) -> Iterator[Finding]:
    identity = case.mail.first("list-id")
    namespace = _NAMESPACE.search(identity.value[-LONGEST_ID:]) if identity else None
    if namespace is None:
        return
    domain = namespace.group(1).lower()
    if not any(own == domain or own.endswith(f".{domain}") for own in case.brand.from_domains):
        yield Finding(
            RULE.id,
            "left-over",
            found=quote(f"the list belongs to {domain}"),
            where="List-Id",
            certainty=Certainty.HEURISTIC,
        )


def _octets(case: Case, field: Field) -> bytes:
    return case.mail.raw[field.start : field.end]


RULE = Rule(
    __name__,
    check,
    says={
        "en": "Mailing-list headers are duplicated or malformed. Send each field once, its"
        " URIs in angle brackets.",
        "fr": "Les en-tetes de liste sont dupliques ou mal formes. Envoyez chaque champ une"
        " fois, ses URI entre chevrons.",
        "it": "Le intestazioni di lista sono duplicate o malformate. Inviare ogni campo una"
        " volta, i suoi URI tra parentesi angolari.",
    },
    change=Change.HEADERS,
)

"""A From field that does not say, or lies about, who writes.

Fault
    From is missing, stands there twice, has no or more than one mailbox, or is a group; its domain
    is not the brand's; its display name shows another mail address, imitates the brand with
    letters of another script, or holds invisible or direction-changing characters. A display name
    without a declared name, or with the name of an authority, is only warned of.
Why
    The From field is what readers trust and what DMARC protects. Mail that conceals who
    commissioned it is forbidden everywhere, and phishing looks the same.
Fix
    None: an identity is never rewritten. Use one declared address, and declare the names of
    the people who write under ``names``.

References
    RFC 5322 §3.6.2; RFC 6854; CPCE art. L.34-5; 15 USC 7704(a)(1); DDG §6(2); Unicode TR 39
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from smtpguard.mail.address import Address
from smtpguard.mail.field import Mailbox, mailboxes
from smtpguard.mail.lexicon import normalise
from smtpguard.policy.controller import Brand
from smtpguard.policy.stream import Kind
from smtpguard.rules.evidence.quote import quote
from smtpguard.rules.rule import COMMERCIAL, Case, Certainty, Finding, Rule

_INVISIBLE = re.compile("[\u00ad\u180e\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]")
"""Zero-width and bidirectional controls; joiners are left out, because emoji need them."""
_SHOWN = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@((?:[\w-]{1,63}\.){1,8}[\w-]{1,63})")
_AUTHORITY = re.compile(
    r"\b(?:finanzamt|bundesamt|amtsgericht|tribunal|tribunale|prefettura|agenzia delle entrate"
    r"|guardia di finanza|inps|dgfip|impots|urssaf|prefecture|gendarmerie|agencia tributaria"
    r"|seguridad social|belastingdienst|hmrc|internal revenue service)\b"
)
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһвкмнтգսοαενρτυικ"
    "АВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdhbkmhtgsoaevptyik"
    "abekmhopctyxijsabezhikmnoptyx",
)  # fmt: skip
"""Cyrillic, Armenian and Greek letters that look Latin; folded here only, to find a fraud."""


def check(case: Case) -> Iterator[Finding]:
    """Look at the field, then at the domain, then at the name."""
    fields = case.mail.named("from")
    value = fields[0].value if fields else ""
    writers = mailboxes(value) if fields else ()
    fault = _fault(case, len(fields), value, writers)
    if fault:
        detail, found = fault
        yield Finding(RULE.id, detail, found=found, where="From")
        return
    writer = writers[0]
    assert writer.address is not None
    domain = writer.address.domain_key
    if not case.brand.owns(domain):
        yield Finding(
            RULE.id, "domain", found=quote(f"{domain} is no domain of the brand"), where="From"
        )
    if writer.display:
        yield from _name(writer.display, writer.address, case.brand)


def _fault(
    case: Case, count: int, value: str, writers: tuple[Mailbox, ...]
) -> tuple[str, str] | None:
    if count != 1:
        return ("missing", "no From field") if not count else ("duplicate", f"{count} From fields")
    if not writers or None in [writer.address for writer in writers]:
        return "malformed", "From without a mail address"
    if value.rstrip().endswith(";"):
        return "group", "a group instead of a mailbox"
    if len(writers) > 1 and (case.stream.kind is Kind.MARKETING or not case.mail.named("sender")):
        return "several", f"{len(writers)} mailboxes in From"
    return None


def _name(display: str, address: Address, brand: Brand) -> Iterator[Finding]:
    where = "From"
    if display in brand.names and display.isascii() and "@" not in display:
        return  # as most are
    if _INVISIBLE.search(display):
        yield Finding(RULE.id, "invisible", found="invisible characters in the name", where=where)
    for shown in _SHOWN.finditer(display):
        same = shown.group().casefold() == bytes(address).decode("utf-8", "replace").casefold()
        if not same and not brand.owns(shown.group(1).lower()):
            found = quote(f"the name shows an address at {shown.group(1)}")
            yield Finding(RULE.id, "address", found=found, where=where)
    said = normalise(display)
    names = _normalised(brand.names)
    if any(name in said for name in names):
        return
    if any(name in said.translate(_LOOKALIKES) for name in names):
        found = "letters of a foreign script imitate the brand"
        yield Finding(RULE.id, "look-alike", found=found, where=where)
        return
    sure = Certainty.HEURISTIC
    if _AUTHORITY.search(said):
        yield Finding(RULE.id, "authority", found=quote(display), where=where, certainty=sure)
    elif names and not _SHOWN.search(display):
        found = quote(f"{display!r} is no declared name")
        yield Finding(RULE.id, "undeclared", found=found, where=where, certainty=sure)


@lru_cache(maxsize=64)
def _normalised(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, map(normalise, names)))


RULE = Rule(
    __name__,
    check,
    says={
        "en": "The From header is missing, duplicated or misleading. Use one declared sender"
        " identity.",
        "fr": "L'en-tete From est absent, duplique ou trompeur. Utilisez une seule identite"
        " d'expediteur declaree.",
        "it": "L'intestazione From e assente, duplicata o ingannevole. Usare una sola identita di"
        " mittente dichiarata.",
    },
    kinds=COMMERCIAL,
)

"""Marketing mail without the sender's postal address.

Fault
    No alternative shows the declared postal address: at least four fifths of its words, in order,
    within 200 characters. Another address that looks like one is only warned of, because it
    may be a customer's or a venue's.
Why
    Readers must be able to reach who writes to them by post. CAN-SPAM and CASL ask for it in
    each mail, and the German imprint for a full address.
Fix
    A paragraph with the declared address at the end of each alternative. Without an address in
    the policy there is none.

References
    15 USC 7704(a)(5)(A)(iii); SOR/2012-36 s. 2 (CASL); DDG §5
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from smtpguard.edit import wording
from smtpguard.edit.fix import Change, Paragraph, Place
from smtpguard.rules.evidence.identity import gives_address, spells_address
from smtpguard.rules.evidence.view import alternatives, certainty_of_absence, parts_of, text_of
from smtpguard.rules.rule import Case, Certainty, Finding, Rule

MANY = 200
"""Numbers of a text beyond which no address is looked for."""
BEFORE, AFTER = 90, 30
"""Characters around a postal code in which street and town stand."""

_STREET_AND_TOWN = re.compile(
    r"\b(?:rue|avenue|av\.|boulevard|bd|place|chemin|route|quai|allee|impasse|cours)\b"
    r".{2,60}?\b(?:0[1-9]|[1-8]\d|9[0-8])\d{3} [a-z]{2}"
    r"|\b(?:via|viale|piazza|corso|largo|strada|vicolo)\b.{2,60}?\b\d{5} [a-z]{2}"
    r"|(?:strasse|str\.|weg|platz|allee|gasse|ring|damm)\s?\d.{0,30}?\b\d{5} [a-z]{2}"
    r"|\b(?:calle|c/|avda|avenida|plaza|paseo)\b.{2,60}?\b(?:0[1-9]|[1-4]\d|5[0-2])\d{3} [a-z]{2}"
    r"|\b(?:rua|praca|av\.|avenida)\b.{2,60}?\b\d{4}-\d{3}\b"
    r"|\b[a-z]+(?:straat|laan|weg|plein|kade|gracht) \d.{0,30}?\b\d{4} ?[a-z]{2}\b"
    r"|\b\d{1,5} [a-z].{2,60}?\b[a-z]{2} \d{5}(?:-\d{4})?\b|\bp\.? ?o\.? box \d"
    r"|\b\d{1,4} [a-z].{2,60}?\b[a-z]{1,2}\d[a-z\d]? \d[a-z]{2}\b"
)
"""Street and town of nine countries, in normalised text."""
_CODE = re.compile(r"\d(?:\d{3}|[a-z]{2})")
"""What every one of them has; the rest is looked for around it only."""


def check(case: Case) -> Iterator[Finding]:
    """Whether a reader finds the address."""
    address = case.controller.address
    if address and any(spells_address(each.visible, address) for each in case.mail.readings):
        return
    seen = alternatives(case)
    texts = [text_of(view) for view in seen]
    if address and any(gives_address(text, address) for text in texts):
        return
    lookalike = any(map(_looks_like_one, texts))
    fixes: tuple[Paragraph, ...] = ()
    if address and (parts := parts_of(seen)):
        fixes = (Paragraph(Place.ADDRESS, wording.address(case.language, address), parts),)
    yield Finding(
        RULE.id,
        "undeclared" if lookalike else "",
        found="an address other than the declared one" if lookalike else "no postal address",
        fixes=fixes,
        certainty=Certainty.HEURISTIC if lookalike else certainty_of_absence(case.mail),
    )


def _looks_like_one(text: str) -> bool:
    return any(
        _STREET_AND_TOWN.search(text, max(0, code.start() - BEFORE), code.end() + AFTER)
        for code in islice(_CODE.finditer(text), MANY)
    )


RULE = Rule(
    __name__,
    check,
    says={
        "en": "The sender's postal address is missing. Add the declared one to the visible text.",
        "fr": "L'adresse postale de l'expediteur est absente. Ajoutez-la dans le texte visible.",
        "it": "Manca l'indirizzo postale del mittente. Aggiungerlo nel testo visibile.",
    },
    change=Change.BODY,
)

"""A first mail that does not say where the reader's address came from.

Fault
    The recipient was not yet informed by this controller, the address did not come from
    themselves, and no alternative names the source. The name counts in a sentence about the
    source, or within 300 characters of the word data. A source called "partners" is no source.
    Where neither a trusted header nor the register names one, the mail has no notice to give.
Why
    Who was not asked for their data must be told from which source it originates, with the
    first message at the latest.
Fix
    A paragraph with the name of the source at the end of each alternative that lacks it. It is
    never invented: an unknown source is refused. Import the register, or let the sender say
    ``X-SmtpGuard-Source``.

References
    GDPR art. 14(2)(f), 14(3)(b); RFC 3463 §3.8 (X.7.1)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtpguard.edit import wording
from smtpguard.edit.fix import Change, Paragraph, Place
from smtpguard.mail.lexicon import normalise, says
from smtpguard.rules.evidence.first_contact import informed, source_of
from smtpguard.rules.evidence.quote import quote
from smtpguard.rules.evidence.view import alternatives, lacking, parts_of, places, text_of
from smtpguard.rules.rule import Case, Certainty, Effect, Fact, Finding, Rule, Scope

SELF = "self"
"""The origin of data that the person gave themselves (GDPR art. 13)."""
NEAR = 300
"""Characters around the name of the source in which the word data stands."""
MANY = 50
"""Mentions of the source beyond which no sentence about it is looked for."""
UNKNOWN = (550, "7.1")
_REMEDY = "Import where this contact came from, or name it in X-SmtpGuard-Source."

_VAGUE = re.compile(
    r"(?:(?:our|nos|un|una|uno|i|dei|nostri|unsere?|nuestros|onze|commercial\w*|business|some)\s)*"
    r"(?:partners?|partenaires?|partnern|parceiros?|socios?|third parties|tiers|terzi)"
    r"(?:\s(?:commercia\w+|comerciales|terzi))*"
)
_DATA = re.compile(r"\b(?:data|dati|donnees|coordonnees|\w*daten|datos|dados|\w*gegevens)\b")


def check(case: Case) -> Iterator[Finding]:
    """Whether somebody new is told the source of their data."""
    source = source_of(case)
    if (source and source.origin == SELF) or informed(case):
        return
    sure = Certainty.CERTAIN if case.person else Certainty.INDETERMINATE
    if source is None:
        found = "first contact, and no source is known"
        yield Finding(
            RULE.id, "unknown", found=found, remedy=_REMEDY, certainty=sure, reply=UNKNOWN
        )
        return
    name = normalise(source.name)
    if not name or _VAGUE.fullmatch(name):
        found = quote(f"source {source.id} is called {source.name!r}")
        yield Finding(RULE.id, "vague", found=found, remedy=_REMEDY, certainty=sure, reply=UNKNOWN)
        return
    seen = alternatives(case)
    without = lacking(seen, lambda view: _tells(text_of(view), name))
    if seen and len(without) < len(seen):
        return
    parts = parts_of(without)
    text = wording.source(case.language, source.name)
    yield Finding(
        RULE.id,
        found=quote(f"first contact, and source {source.id} stays unnamed"),
        where=places(parts),
        fixes=(Paragraph(Place.SOURCE, text, parts),) if parts else (),
        certainty=sure,
    )


def _tells(text: str, name: str) -> bool:
    """Whether normalised ``text`` names the source as the source of the reader's data."""
    at = -1
    for _ in range(MANY):
        at = text.find(name, at + 1)
        if at < 0:
            return False
        around = text[max(0, at - NEAR) : at + len(name) + NEAR]
        if _DATA.search(around) or says("source", around):
            return True
    return False


RULE = Rule(
    __name__,
    check,
    says={
        "en": "First message must say where the contact data came from.",
        "fr": "Le premier message doit indiquer la source des donnees du contact.",
        "it": "Il primo messaggio deve indicare la fonte dei dati del contatto.",
    },
    scope=Scope.RECIPIENT,
    facts=frozenset({Fact.CONTACT, Fact.SOURCE}),
    effects=frozenset({Effect.INFORM}),
    change=Change.BODY,
)

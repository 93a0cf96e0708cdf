"""Mail that does not say who sends it.

Fault
    An alternative of the message names neither the legal entity nor a name of the brand in its
    visible text. The company form (SAS, S.r.l., GmbH ...) may be left out. A name of fewer than
    five letters counts only beside a declared identifier. A logo whose ``alt`` text has the name
    is only warned of; hidden and quoted text is no evidence.
Why
    Concealing on whose behalf commercial mail is sent is forbidden wherever such mail has a law.
Fix
    A paragraph with the legal name at the end of each alternative that lacks it.

References
    CPCE art. L.34-5; dir. 2002/58 art. 13(4); D.lgs. 196/2003 art. 130(5); UWG §7(2)
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.edit import wording
from smtpguard.edit.fix import Change, Paragraph, Place
from smtpguard.mail.lexicon import normalise
from smtpguard.rules.evidence.identity import names_sender, spells_sender
from smtpguard.rules.evidence.view import (
    View,
    alternatives,
    certainty_of_absence,
    parts_of,
    places,
    text_of,
)
from smtpguard.rules.rule import COMMERCIAL, Case, Certainty, Finding, Rule


def check(case: Case) -> Iterator[Finding]:
    """Whether every reader is told who writes."""
    without = [view for view in alternatives(case) if not _named(view, case)]
    if not without:
        return
    by_logo = all(_shown(view, case) for view in without)
    parts = parts_of(without)
    text = wording.sender(case.language, case.controller.legal_name)
    yield Finding(
        RULE.id,
        "logo" if by_logo else "",
        found="only a logo names the sender" if by_logo else "no declared name in the text",
        where=places(parts),
        fixes=(Paragraph(Place.SENDER, text, parts),) if parts else (),
        certainty=Certainty.HEURISTIC if by_logo else certainty_of_absence(case.mail),
    )


def _named(view: View, case: Case) -> bool:
    """Whether the text of a view names them."""
    controller, brand = case.controller, case.brand
    if any(spells_sender(reading.visible, controller, brand) for reading in view):
        return True
    return names_sender(text_of(view), controller, brand)


def _shown(view: View, case: Case) -> bool:
    """Whether a picture with words does."""
    alts = (normalise(image.alt) for image in view[0].images)
    return any(names_sender(alt, case.controller, case.brand) for alt in alts)


RULE = Rule(
    __name__,
    check,
    says={
        "en": "It is unclear who writes. Add the company name to the visible text.",
        "fr": "Le message n'indique pas l'identite de l'expediteur. Ajoutez le nom de la societe"
        " dans le texte visible.",
        "it": "Il messaggio non indica l'identita del mittente. Aggiungere il nome dell'azienda"
        " nel testo visibile.",
    },
    change=Change.BODY,
    kinds=COMMERCIAL,
)

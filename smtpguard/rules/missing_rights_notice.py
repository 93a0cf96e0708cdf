"""A first mail that does not say how to exercise one's rights.

Fault
    The recipient was not yet informed by this controller, and no alternative both names rights
    over personal data (access, objection, erasure ...) and gives the declared contact or privacy
    notice. Informed is who was sent a notice of the same source and purpose that the next server
    accepted, or whom a register knew before ``assume_known_before``.
Why
    Who did not give their data themselves must be told of their rights with the first message
    at the latest.
Fix
    A paragraph with rights, contact, privacy notice and authority at the end of each
    alternative that lacks it. It needs ``rights_contact`` or ``privacy_url``.

References
    GDPR art. 12, 13, 14(3)(b); CNIL, Prospection commerciale
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.edit import wording
from smtpguard.edit.fix import Change, Paragraph, Place
from smtpguard.mail.lexicon import normalise, says
from smtpguard.policy.controller import Controller
from smtpguard.rules.evidence.first_contact import informed
from smtpguard.rules.evidence.view import View, alternatives, lacking, parts_of, places, text_of
from smtpguard.rules.rule import Case, Certainty, Effect, Fact, Finding, Rule, Scope


def check(case: Case) -> Iterator[Finding]:
    """Whether somebody new is told of their rights."""
    if informed(case):
        return
    seen = alternatives(case)
    without = lacking(seen, lambda view: _tells(view, case))
    if seen and len(without) < len(seen):
        return
    parts = parts_of(without)
    yield Finding(
        RULE.id,
        found="first contact, and no word about the reader's rights",
        where=places(parts),
        fixes=_notice(case, parts),
        certainty=Certainty.CERTAIN if case.person else Certainty.INDETERMINATE,
    )


def _tells(view: View, case: Case) -> bool:
    text = text_of(view)
    return _gives_contact(view, text, case.controller) and says("rights", text)


def _gives_contact(view: View, text: str, controller: Controller) -> bool:
    targets = [link.target for reading in view for link in reading.links]
    declared = filter(None, (controller.rights_contact, controller.privacy_url))
    contacts = [contact.casefold() for contact in declared]
    if not contacts:
        return bool(targets)
    clickable = "\n".join(targets).casefold()
    return any(normalise(contact) in text or contact in clickable for contact in contacts)


def _notice(case: Case, parts: frozenset[str]) -> tuple[Paragraph, ...]:
    controller = case.controller
    if not parts or not (controller.rights_contact or controller.privacy_url):
        return ()
    text = wording.rights(
        case.language, controller.rights_contact, controller.privacy_url, controller.country
    )
    return (Paragraph(Place.RIGHTS, text, parts),)


RULE = Rule(
    __name__,
    check,
    says={
        "en": "First message to this contact must explain how to exercise data rights.",
        "fr": "Le premier message a ce contact doit expliquer comment exercer ses droits.",
        "it": "Il primo messaggio a questo contatto deve spiegare come esercitare i suoi diritti.",
    },
    scope=Scope.RECIPIENT,
    facts=frozenset({Fact.CONTACT, Fact.SOURCE}),
    effects=frozenset({Effect.INFORM}),
    change=Change.BODY,
)

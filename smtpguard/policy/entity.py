"""Who answers for the mail, from the shape of a policy file to what is in force."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from smtpguard.policy.controller import (
    Bounces,
    Brand,
    Controller,
    DkimKey,
    Feedback,
    Incoming,
    Unsubscribe,
    Webhook,
)
from smtpguard.policy.shape import BrandShape, PolicyShape


def controller(shape: PolicyShape) -> Controller:
    """The legal entity."""
    known = shape.assume_known_before
    return Controller(
        name=shape.controller,
        legal_name=shape.legal_name,
        address=shape.address,
        identifiers={name: value for name, value in shape.identifiers if value},
        privacy_url=shape.privacy_url or "",
        rights_contact=shape.rights_contact,
        country=shape.country,
        assume_known_before=epoch(known) if known else None,
        feedback=Feedback(**shape.feedback.model_dump()) if shape.feedback else Feedback(),
        opt_out_within=int(shape.opt_out_within),
        webhooks=tuple(Webhook(**one.model_dump()) for one in shape.webhooks),
        incoming=tuple(Incoming(**one.model_dump()) for one in shape.incoming),
    )


def brand(name: str, given: BrandShape, shape: PolicyShape) -> Brand:
    """One of its names; what it does not say itself is the controller's."""
    exits = given.unsubscribe
    bounces = given.bounces or shape.bounces
    return Brand(
        name=name,
        names=given.names or (shape.legal_name, name.replace("-", " ").replace("_", " ")),
        from_domains=frozenset(given.from_domains),
        dkim=tuple(DkimKey(key.domain, key.selector, key.key) for key in given.dkim),
        unsubscribe=Unsubscribe(
            exits.url or "", exits.mailto or "", frozenset(exits.hosts), exits.existing
        ),
        bounces=Bounces(bounces.hard, bounces.soft, int(bounces.window)),
        suppression_lists=tuple(
            dict.fromkeys((*shape.suppression_lists, *given.suppression_lists))
        ),
        languages=given.languages or ("en",),
        colour=given.look.colour,
        logo=given.look.logo,
    )


def epoch(day: date) -> int:
    """Its first second, UTC, since the epoch."""
    return int(datetime.combine(day, time(), UTC).timestamp())

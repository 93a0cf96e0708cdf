"""A link to unsubscribe that cannot be seen or read.

Fault
    A readable part has links to unsubscribe, but each is hidden (``display:none``, no size,
    off-screen, the colour of its background ...), illegible (smaller than 8 px, contrast
    below 2.0), or a picture without words on a host that is not declared. Inline styles,
    ``<style>`` with simple selectors and inheritance are read; clipping paths and stacking are
    not. Text over a background picture is only warned of.
Why
    The way out must be clear and conspicuous. A link in grey on grey is found by nobody, so
    that readers use the spam button instead.
Fix
    A legible paragraph with the reader's own link at the end of the part. The hidden link
    stays as it is.

References
    15 USC 7704(a)(3), (5); GDPR art. 12(1); WCAG 2.2 §1.4.3 (the contrast formula)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtpguard.edit.fix import Change
from smtpguard.mail.reading import Link
from smtpguard.rules.evidence.exits import Exits, Way, exits, offer, unlabelled, ways
from smtpguard.rules.evidence.quote import quote
from smtpguard.rules.evidence.view import View, parts_of, places
from smtpguard.rules.rule import Case, Certainty, Finding, Rule


def check(case: Case) -> Iterator[Finding]:
    """Whether some readers have a way out that they cannot see."""
    obscured = [view for view, way in ways(case) if way is Way.OBSCURED]
    unsure = [view for view, way in ways(case) if way is Way.UNSURE]
    if obscured:
        parts = parts_of(obscured)
        why = _reason(obscured, exits(case))
        yield Finding(
            RULE.id,
            _word(why),
            found=quote(why),
            where=places(parts),
            fixes=offer(case, parts),
        )
    if unsure:
        yield Finding(
            RULE.id,
            "background",
            found="the link stands over a picture",
            where=places(parts_of(unsure)),
            certainty=Certainty.INDETERMINATE,
        )


def _reason(obscured: list[View], found: tuple[Exits, ...]) -> str:
    numbers = {reading.part.number for view in obscured for reading in view}
    links = (link for e in found if e.reading.part.number in numbers for link in e.links)
    return next(filter(None, map(_why, links)), "hidden")


def _why(link: Link) -> str:
    return link.why or ("image without words" if unlabelled(link) else "")


def _word(why: str) -> str:
    """The first word of the reason, as the suffix of the rule's id."""
    word = re.match(r"[a-z-]+", why)
    return word.group().strip("-") if word else ""


RULE = Rule(
    __name__,
    check,
    says={
        "en": "The unsubscribe link is hidden or illegible. Make it readable.",
        "fr": "Le lien de desinscription est masque ou illisible. Rendez-le lisible.",
        "it": "Il link di disiscrizione e nascosto o illeggibile. Renderlo leggibile.",
    },
    change=Change.BODY,
)

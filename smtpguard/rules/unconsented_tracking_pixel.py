"""A picture that reports who reads.

Fault
    A remote image of at most 3 x 3 pixels, or a hidden one, whose URL carries an identifier, or
    any image on a host that the stream declares as tracking. A spacer without an identifier
    passes. A picture without a size whose URL looks like an opening counter is only warned of.
    Pixels in style sheets, and logos with a URL for each reader, are not seen.
Why
    CNIL and Garante ask for a consent of its own, in B2B as well, before an individual pixel is
    read. The guard knows of no such consent, so that there is none.
Fix
    The ``<img>`` is taken out of the HTML; nothing else changes.

References
    CNIL deliberation 2026-042; Garante provv. 284/2026; dir. 2002/58 art. 5(3)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtpguard.edit.fix import Change, RemoveImage
from smtpguard.mail.reading import Image
from smtpguard.rules.evidence.target import host_of
from smtpguard.rules.evidence.view import places
from smtpguard.rules.rule import COMMERCIAL, Case, Certainty, Finding, Rule

TINY = 3
"""Pixels; a picture that small shows nothing."""

_REMOTE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_QUERY = re.compile(r"\?[^#]{6}")
"""Less than six characters (``?v=2``) tell nobody apart."""
_LONG_SEGMENT = re.compile(r"/(?=[^/?#]*\d)(?=[^/?#]*[a-z])[\w.=~-]{16,}", re.IGNORECASE)
"""A path segment of letters and digits that is no word."""
_COUNTER = re.compile(
    r"/(?:wf/)?(?:open|pixel|track\w*|beacon|impression)s?(?:[./?]|$)", re.IGNORECASE
)


def check(case: Case) -> Iterator[Finding]:
    """Look at the images of every HTML part; one finding for each part and degree."""
    hosts = case.stream.tracking_hosts
    for reading in case.mail.readings:
        number = reading.part.number
        certain: list[Image] = []
        likely: list[Image] = []
        for image in reading.images:
            if not hosts and _shows(image):
                continue  # as most do
            if _tracks(image, hosts):
                certain.append(image)
            elif _might(image):
                likely.append(image)
        sources = dict.fromkeys(image.source for image in certain)
        if certain:
            yield Finding(
                RULE.id,
                found=_found(certain),
                where=places([number]),
                fixes=tuple(RemoveImage(number, source) for source in sources),
            )
        if likely:
            yield Finding(
                RULE.id,
                "likely",
                found=_found(likely),
                where=places([number]),
                certainty=Certainty.HEURISTIC,
            )


def _tracks(image: Image, tracking_hosts: frozenset[str]) -> bool:
    if not _REMOTE.match(image.source):
        return False
    if tracking_hosts and _host(image) in tracking_hosts:
        return True
    return (image.hidden or _tiny(image)) and _identifies(image.source)


def _might(image: Image) -> bool:
    unsized = image.width is None and image.height is None
    return unsized and bool(
        _REMOTE.match(image.source)
        and _identifies(image.source)
        and _COUNTER.search(image.source.partition("?")[0])
    )


def _shows(image: Image) -> bool:
    """It is a picture to look at, of a size that is known."""
    width, height = image.width, image.height
    return not image.hidden and (width or 0) > TINY and (height is None or height > 0)


def _tiny(image: Image) -> bool:
    sides = [side for side in (image.width, image.height) if side is not None]
    return bool(sides) and (max(sides) <= TINY or min(sides) == 0)


def _identifies(source: str) -> bool:
    return bool(_QUERY.search(source) or _LONG_SEGMENT.search(source.partition("?")[0]))


def _host(image: Image) -> str:
    source = image.source.strip()
    return host_of(f"https:{source}" if source.startswith("//") else source)


def _found(images: list[Image]) -> str:
    hosts = sorted({_host(image) for image in images})
    count = f"{len(images)} images" if len(images) > 1 else "an image"
    return f"{count} on {', '.join(hosts[:3])}"[:120]


RULE = Rule(
    __name__,
    check,
    says={
        "en": "The message contains an individual tracking pixel without recorded consent."
        " Remove the image.",
        "fr": "Le message contient un pixel de suivi individuel sans consentement enregistre."
        " Retirez l'image.",
        "it": "Il messaggio contiene un pixel di tracciamento individuale senza consenso"
        " registrato. Rimuovere l'immagine.",
    },
    change=Change.BODY,
    status="7.1",
    kinds=COMMERCIAL,
)

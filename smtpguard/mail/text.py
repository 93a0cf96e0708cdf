"""What a person sees of one part: its visible text, its links and its pictures.

Reads decoded text and judges nothing. What a hostile page may cost is bounded (``bounds``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpguard.mail import markup, plain, tidy
from smtpguard.mail.reading import Image, Link, Reading, Seen

if TYPE_CHECKING:
    from smtpguard.mail.part import Part

__all__ = ["HTML", "Image", "Link", "Reading", "Seen", "read"]

HTML = frozenset(("text/html", "text/x-amp-html"))
"""The types that are read as HTML."""


def read(part: Part) -> Reading:
    """What a person sees of a readable part; never raises."""
    text = part.text
    if text is None:
        return Reading(part, complete=False)
    if part.type in HTML:
        page, complete = tidy.gather(text) or markup.gather(text)
        return page.reading(part, complete=complete)
    shown = plain.gather(text)
    return Reading(
        part,
        shown.visible,
        shown.visible,
        shown.links,
        complete=shown.complete,
        below=shown.below,
    )

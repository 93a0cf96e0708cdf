"""What a person sees of one part: its visible text, its links and its pictures.

Reads decoded text and judges nothing. What a hostile page may cost is bounded (``bounds``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpguard.mail import markup, tidy
from smtpguard.mail.plain import Plain
from smtpguard.mail.reading import Image, Link, Reading, Seen

if TYPE_CHECKING:
    from smtpguard.mail.part import Part

__all__ = ["HTML", "Image", "Link", "Reading", "Seen", "read"]

HTML = frozenset(("text/html", "text/x-amp-html"))
"""The types that are read as HTML."""


def read(part: Part) -> Reading:
    """What a person sees of a readable part; never raises."""
    if part.type in HTML:
        page = part.utf8
        if page is not None and (reading := tidy.read(part, page)):
            return reading
    text = part.text
    if text is None:
        return Reading(part, complete=False)
    if part.type not in HTML:
        return Plain(text).reading(part)
    gathered, complete = markup.gather(text)
    return gathered.reading(part, complete=complete)

"""What a person sees of one part: the values, whatever engine read them.

Nothing is read here; ``smtpguard.mail.text`` does that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from smtpguard.mail.lexicon import normalise

if TYPE_CHECKING:
    from smtpguard.mail.part import Part


class Seen(IntEnum):
    """How well a person can see something, from worst to best."""

    HIDDEN = 0
    """Not shown at all, or so small, pale or far away that nobody finds it."""
    ILLEGIBLE = 1
    """There, but too small or too pale to read."""
    UNKNOWN = 2
    """Text on a picture: the contrast cannot be told."""
    VISIBLE = 3


class Page(Protocol):
    """What links stand on."""

    def context(self, place: Any) -> str:
        """The text around one of them."""


@dataclass(slots=True)
class Link:
    """Somewhere a person can go: an anchor, an area, a form, or a URL or address in the text.

    A value, though not frozen: there are dozens in every mail, and it would double their cost.
    """

    target: str
    """As a browser reads it: entities decoded, control characters taken out, joined to <base>."""
    text: str = ""
    """Its own words: text, title, aria-label and the alt of its images."""
    seen: Seen = Seen.VISIBLE
    why: str = ""
    """Why it is not visible: ``display:none``, ``contrast 1.1`` ..."""
    quoted: bool = False
    """It stands in a quoted message."""
    image_only: bool = False
    """Nothing but pictures to click on."""
    page: Page | None = field(default=None, compare=False, repr=False)
    """It reads the context; most links are never asked for it."""
    place: Any = field(default=None, compare=False, repr=False)
    """By which the page finds it."""

    @property
    def context(self) -> str:
        """Its own text amid that of its block, up to 200 characters each way.

        The text of other links is left out.
        """
        return self.page.context(self.place) if self.page else ""


class Image(NamedTuple):
    """One picture."""

    source: str
    """``src`` as a browser reads it, not joined to anything."""
    width: int | None = None
    """In CSS pixels, from style or attribute; ``None`` when not given in pixels."""
    height: int | None = None
    hidden: bool = False
    alt: str = ""


@dataclass
class Reading:
    """What a person sees of one part: a value, though not frozen, for the same reason."""

    part: Part
    visible: str = ""
    """Without quoted messages; one line a block or <br>, spaces collapsed."""
    prose: str = ""
    """``visible`` without pre, code, kbd and samp, where a template tag may be meant."""
    links: tuple[Link, ...] = ()
    images: tuple[Image, ...] = ()
    language: str = ""
    """The ``lang`` of the document, as written."""
    complete: bool = True
    """False when a limit cut it, or when the characters could not be decoded."""

    below: bool = False
    """What was added at its end would count as part of the quoted message that ends it."""
    stretches: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """``visible``, cut at ends of lines. Of a campaign most are the same objects in every mail, so
    that what is asked of one is cheaply remembered."""

    @cached_property
    def said(self) -> str:
        """``visible``, normalised for comparison."""
        return normalise(self.visible)

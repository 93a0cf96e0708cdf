"""What a page shows, gathered from its elements in document order, whatever engine found them.

One pass: an engine keeps the stack of open elements, opens each in the frame of the one around it,
gives their text and closes them. Nothing is looked at twice, so the cost is linear in the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from smtpguard.mail import elements, href, quotation
from smtpguard.mail.anchor import CODED, HIDDEN, LINE, NOBODY, QUOTED, SHOWN, Anchor, Piece
from smtpguard.mail.declaration import HINTING, Hints, StyleRule, hints, inline, link_hints
from smtpguard.mail.elements import Attributes
from smtpguard.mail.reading import Image, Link, Reading, Seen
from smtpguard.mail.spacing import known_line, one_line
from smtpguard.mail.style import ROOT, Style, styled

if TYPE_CHECKING:
    from smtpguard.mail.part import Part

_PIXELS = re.compile(r"\s*(\d{1,5})(?:\.\d*)?\s*(?:px)?\s*")

_BUTTONS = frozenset(("submit", "button", "image"))

_PLAIN = elements.BLOCK
"""Kinds of which there is nothing to say beyond their attributes."""


class Frame(NamedTuple):
    """What an open element passes on to what is in it."""

    style: Style
    mark: int
    """Of its text."""
    anchor: int
    """Index of the link that it is in, or ``NOBODY``."""
    form: int
    links: Hints
    """How links look before any CSS."""


OUTERMOST: Final = Frame(ROOT, SHOWN, NOBODY, NOBODY, link_hints(""))


class Gatherer:
    """What a page has shown so far."""

    def __init__(self, base: str = "") -> None:
        self._base = base
        self.language = ""
        self.pieces: list[Piece] = [LINE]
        self.anchors: list[Anchor] = []
        self.images: list[Image] = []
        self.coded = False
        """Some of it is code."""
        self.below = False
        """What comes now is an earlier message."""
        self.matches = 0
        """How often a rule of a style sheet applied, where they were matched one by one."""

    # What an engine calls --------------------------------------------------------------------

    def open(
        self, frame: Frame, kind: int, attributes: Attributes, matched: tuple[StyleRule, ...] = ()
    ) -> Frame | None:
        """An element begins. ``matched``: what the style sheet says of it, weakest first.

        Gives the frame of what is in it, or ``None`` when nothing in it can be seen: then neither
        its content nor its end is wanted.
        """
        if kind & elements.BLOCK and self.pieces[-1] is not LINE:
            self.pieces.append(LINE)
        if not attributes and not matched and not kind & ~_PLAIN:
            return frame
        if kind & (elements.UNSEEN | elements.BREAK):
            if kind & elements.BREAK:
                self._piece(frame, "\0")
            return None
        style = frame.style
        own = attributes.get("style") or ""
        hinted: Hints = ()
        if kind & elements.ANCHOR and "href" in attributes:
            hinted = frame.links
        elif kind & elements.RESTYLED or not HINTING.isdisjoint(attributes):
            hinted = hints(kind, attributes)
        if own or hinted or matched:
            style = styled(style, hinted, matched, own)
        if kind & elements.CONCEALED:
            style = style.concealed("noscript")
        if "hidden" in attributes:
            style = style.concealed("hidden")
        if kind & elements.ALONE:
            self._alone(frame, kind, attributes, style)
            return None
        if kind & elements.TELLING or "class" in attributes or "id" in attributes:
            return self._entered(frame, kind, attributes, style)
        if style is frame.style:
            return frame
        return Frame(style, _seen(frame.mark, style), *frame[2:])

    def text(self, frame: Frame, words: str) -> None:
        """Text of an open element."""
        if words.isspace():
            if frame.anchor != NOBODY or self.pieces[-1] is not LINE:
                self._piece(frame, " ", frame.anchor)
            return
        if quotation.separates(words):
            self.below = True
        if frame.mark & CODED:
            words = words.replace("\n", "\0")
        if frame.anchor != NOBODY:
            self._piece(frame, words, frame.anchor)
            self.anchors[frame.anchor].shows(frame.style.seen, frame.style.why, words=True)
            return
        done = 0
        for start, end, target in href.standing(words):
            self._piece(frame, words[done:start])
            anchor = self._begin(frame, target, "")
            self._piece(frame, words[start:end], anchor)
            self.anchors[anchor].shows(frame.style.seen, frame.style.why, words=True)
            done = end
        self._piece(frame, words[done:] if done else words)

    def close(self, kind: int) -> None:
        """An element that was opened ends."""
        if kind & elements.BLOCK and self.pieces[-1] is not LINE:
            self.pieces.append(LINE)

    def context(self, place: Anchor) -> str:
        """The text around one of its links."""
        return place.context(self.pieces)

    def reading(self, part: Part, *, complete: bool) -> Reading:
        """All of it, as a value."""
        pieces = self.pieces
        visible = _lines([words for words, mark, _ in pieces if mark & SHOWN])
        prose = visible
        if self.coded:
            prose = _lines(
                [words for words, mark, _ in pieces if mark & SHOWN and not mark & CODED]
            )
        return Reading(
            part,
            visible,
            prose,
            tuple([Link(a.target, *a.tell(pieces), self, a) for a in self.anchors]),
            tuple(self.images),
            self.language,
            complete,
            self.below,
            (visible,),
        )

    # Text ------------------------------------------------------------------------------------

    def _piece(self, frame: Frame, words: str, owner: int = NOBODY) -> None:
        if not words:
            return
        mark = frame.mark
        if self.below:
            mark = mark & ~SHOWN | QUOTED
        if owner != NOBODY:
            self.anchors[owner].pieces.append(len(self.pieces))
        self.pieces.append((words, mark, owner))

    # Elements --------------------------------------------------------------------------------

    def _entered(self, frame: Frame, kind: int, attributes: Attributes, style: Style) -> Frame:
        """What the element passes on: mostly what it was given."""
        outer, mark, anchor, form, links = frame
        if quotation.precedes(attributes.get("id")):
            self.below = True
        classes = attributes.get("class")
        if kind & elements.QUOTE or (classes and quotation.encloses(classes)):
            mark |= QUOTED
        if kind & elements.CODE:
            mark |= CODED
            self.coded = True
        if kind & elements.ANCHOR and "href" in attributes:
            anchor = self._begin(frame, attributes["href"], _label(attributes))
        elif kind & elements.BUTTON and form != NOBODY:
            anchor = form
        elif kind & elements.FORM:
            action = attributes.get("action", attributes.get("action-xhr"))
            form = NOBODY if action is None else self._begin(frame, action, _label(attributes))
        elif kind & elements.PAGE:
            language = attributes.get("lang") or attributes.get("xml:lang") or ""
            self.language = self.language or language.strip()
            if colour := attributes.get("link"):
                links = link_hints(colour)
        elif style is outer and mark == frame.mark:
            return frame
        return Frame(style, _seen(mark, style), anchor, form, links)

    def _alone(self, frame: Frame, kind: int, attributes: Attributes, style: Style) -> None:
        """An image, a field of a form, or an area of an image map."""
        seen = Seen.HIDDEN if style.hidden or style.invisible else Seen.VISIBLE
        if kind & elements.IMAGE:
            self._image(frame, attributes, style, seen)
        elif kind & elements.AREA and "href" in attributes:
            area = self.anchors[self._begin(frame, attributes["href"], _label(attributes))]
            area.label += f" {attributes.get('alt') or ''}"
            area.shows(seen, style.why, picture=True)
        elif frame.form != NOBODY and (attributes.get("type") or "").lower() in _BUTTONS:
            form = self.anchors[frame.form]
            form.label += f" {attributes.get('value') or attributes.get('alt') or ''}"
            form.shows(seen, style.why, words=True)

    def _image(self, frame: Frame, attributes: Attributes, style: Style, seen: Seen) -> None:
        width = height = None
        for name, value, _ in inline(attributes.get("style") or ""):
            if name == "width":
                width = _pixels(value)
            elif name == "height":
                height = _pixels(value)
        if width is None:
            width = _pixels(attributes.get("width") or "")
        if height is None:
            height = _pixels(attributes.get("height") or "")
        alt = one_line(attributes.get("alt") or "")
        source = href.clean(attributes.get("src") or "")
        self.images.append(Image(source, width, height, seen is Seen.HIDDEN, alt))
        if frame.anchor != NOBODY:
            anchor = self.anchors[frame.anchor]
            if seen is Seen.HIDDEN:
                anchor.shows(seen, style.why)
            elif (width is not None and width <= 1) or (height is not None and height <= 1):
                anchor.shows(Seen.HIDDEN, "image of 1px")
            else:
                anchor.label += f" {alt}"
                anchor.shows(seen, "", picture=True)

    def _begin(self, frame: Frame, target: str | None, label: str) -> int:
        """A link begins: its index."""
        where = href.joined(self._base, href.clean(target or ""))
        quoted = self.below or frame.mark & QUOTED != 0
        index = len(self.anchors)
        self.anchors.append(Anchor(where, label, len(self.pieces), quoted=quoted))
        # Its place, so that a link without words stays in its own block.
        self.anchors[index].pieces.append(len(self.pieces))
        self.pieces.append(("", frame.mark, index))
        return index


def _seen(mark: int, style: Style) -> int:
    """The marks of text in an element of that style."""
    mark &= QUOTED | CODED
    if style.seen is Seen.HIDDEN:
        return mark | HIDDEN
    return mark if mark & QUOTED else mark | SHOWN


def _label(attributes: Attributes) -> str:
    """What a link says beside its text."""
    return f"{attributes.get('title') or ''} {attributes.get('aria-label') or ''}"


def _lines(pieces: Iterable[str]) -> str:
    lines = [known_line(line) for line in "".join(pieces).split("\0") if line]
    return "\n".join([line for line in lines if line])


@lru_cache(1024)
def _pixels(length: str) -> int | None:
    """A length in pixels; ``None`` for any other."""
    match = _PIXELS.fullmatch(length)
    return int(match[1]) if match else None

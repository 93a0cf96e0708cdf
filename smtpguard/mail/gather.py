"""What a page shows, gathered from its elements in document order, whatever engine found them.

One pass: an engine opens elements, gives their text and closes them. Nothing is looked at twice,
so the cost is linear in the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from smtpguard.mail import elements, href, quotation
from smtpguard.mail.anchor import CODED, EDGE, HIDDEN, LINE, NOBODY, QUOTED, SHOWN, Anchor, Piece
from smtpguard.mail.declaration import Declaration, StyleRule, hints, inline
from smtpguard.mail.elements import KINDS, Attributes
from smtpguard.mail.reading import Image, Reading, Seen
from smtpguard.mail.style import ROOT, Style, styled

if TYPE_CHECKING:
    from smtpguard.mail.part import Part

_PIXELS = re.compile(r"\s*(\d{1,5})(?:\.\d*)?\s*(?:px)?\s*")
_HINTING = frozenset(("bgcolor", "background", "color", "size", "text"))

_BUTTONS = frozenset(("submit", "button", "image"))


class _Frame(NamedTuple):
    """What an open element passes on to what is in it."""

    style: Style
    mark: int = SHOWN
    """Of its text."""
    anchor: int = NOBODY
    form: int = NOBODY
    link_colour: str = ""


class Gatherer:
    """Open elements on a stack, and what they have shown so far."""

    def __init__(self, base: str = "") -> None:
        self._base = base
        self._language = ""
        self._pieces: list[Piece] = [LINE]
        self._anchors: list[Anchor] = []
        self._images: list[Image] = []
        self._coded = False
        self._below = False
        self._frame = _Frame(ROOT)
        self._open: list[tuple[_Frame, bool]] = []

    # What an engine calls --------------------------------------------------------------------

    def open(self, tag: str, attributes: Attributes, matched: tuple[StyleRule, ...] = ()) -> bool:
        """An element begins. ``matched``: what the style sheet says of it, weakest first.

        False when nothing in it can be seen: then neither its content nor its end is wanted.
        """
        kind = KINDS.get(tag, 0)
        frame = outer = self._frame
        block = kind & elements.BLOCK != 0
        if block:
            self._edge()
        if attributes or matched or kind & ~elements.BLOCK:
            if kind & (elements.UNSEEN | elements.BREAK):
                if kind & elements.BREAK:
                    self._piece("\0")
                return False
            style = self._style(tag, kind, attributes, matched)
            if kind & elements.ALONE:
                self._alone(kind, attributes, style)
                return False
            if kind & elements.TELLING or "class" in attributes or "id" in attributes:
                frame = self._entered(kind, attributes, style)
            elif style is not outer.style:
                frame = _Frame(style, _seen(outer.mark, style), *outer[2:])
        self._open.append((outer, block))
        self._frame = frame
        return True

    def text(self, words: str) -> None:
        """Text of the innermost open element."""
        if words.isspace():
            self._piece(" ", self._frame.anchor)
            return
        if quotation.separates(words):
            self._below = True
        frame = self._frame
        if frame.mark & CODED:
            words = words.replace("\n", "\0")
        if frame.anchor != NOBODY:
            self._piece(words, frame.anchor)
            self._anchors[frame.anchor].shows(frame.style.seen, frame.style.why, words=True)
            return
        done = 0
        for start, end, target in href.standing(words):
            self._piece(words[done:start])
            anchor = self._begin(target, {})
            self._piece(words[start:end], anchor)
            self._anchors[anchor].shows(frame.style.seen, frame.style.why, words=True)
            done = end
        self._piece(words[done:] if done else words)

    def close(self) -> None:
        """The innermost open element ends."""
        self._frame, block = self._open.pop()
        if block:
            self._edge()

    def reading(self, part: Part, *, complete: bool) -> Reading:
        """All of it, as a value."""
        pieces = self._pieces
        visible = _lines(words for words, mark, _ in pieces if mark & SHOWN)
        prose = visible
        if self._coded:
            prose = _lines(words for words, mark, _ in pieces if mark & SHOWN and not mark & CODED)
        return Reading(
            part,
            visible,
            prose,
            tuple(anchor.link(index, pieces) for index, anchor in enumerate(self._anchors)),
            tuple(self._images),
            self._language,
            complete,
        )

    # Text ------------------------------------------------------------------------------------

    def _piece(self, words: str, owner: int = NOBODY) -> None:
        if not words:
            return
        mark = self._frame.mark
        if self._below:
            mark = mark & ~SHOWN | QUOTED
        if owner != NOBODY:
            self._anchors[owner].pieces.append(len(self._pieces))
        self._pieces.append((words, mark, owner))

    def _edge(self) -> None:
        if self._pieces[-1][2] != EDGE:
            self._pieces.append(LINE)

    # Elements --------------------------------------------------------------------------------

    def _entered(self, kind: int, attributes: Attributes, style: Style) -> _Frame:
        """What the element passes on: mostly what it was given."""
        _, mark, anchor, form, link_colour = self._frame
        if "id" in attributes and quotation.precedes(attributes):
            self._below = True
        if quotation.encloses(kind & elements.QUOTE != 0, attributes):
            mark |= QUOTED
        if kind & elements.CODE:
            mark |= CODED
            self._coded = True
        if kind & elements.ANCHOR and "href" in attributes:
            anchor = self._begin(attributes["href"], attributes)
        elif kind & elements.BUTTON and form != NOBODY:
            anchor = form
        elif kind & elements.FORM:
            action = attributes.get("action", attributes.get("action-xhr"))
            form = NOBODY if action is None else self._begin(action, attributes)
        elif kind & elements.PAGE:
            language = attributes.get("lang") or attributes.get("xml:lang") or ""
            self._language = self._language or language.strip()
            link_colour = attributes.get("link") or link_colour
        return _Frame(style, _seen(mark, style), anchor, form, link_colour)

    def _alone(self, kind: int, attributes: Attributes, style: Style) -> None:
        """An image, a field of a form, or an area of an image map."""
        seen = Seen.HIDDEN if style.hidden or style.invisible else Seen.VISIBLE
        if kind & elements.IMAGE:
            self._image(attributes, style, seen)
        elif kind & elements.AREA and "href" in attributes:
            area = self._anchors[self._begin(attributes["href"], attributes)]
            area.label += f" {attributes.get('alt') or ''}"
            area.shows(seen, style.why, picture=True)
        elif self._frame.form != NOBODY and (attributes.get("type") or "").lower() in _BUTTONS:
            form = self._anchors[self._frame.form]
            form.label += f" {attributes.get('value') or attributes.get('alt') or ''}"
            form.shows(seen, style.why, words=True)

    def _image(self, attributes: Attributes, style: Style, seen: Seen) -> None:
        own = {name: value for name, value, _ in inline(attributes.get("style") or "")}
        width = _pixels(own.get("width"), attributes.get("width"))
        height = _pixels(own.get("height"), attributes.get("height"))
        alt = " ".join((attributes.get("alt") or "").split())
        source = href.clean(attributes.get("src") or "")
        self._images.append(Image(source, width, height, seen is Seen.HIDDEN, alt))
        if self._frame.anchor != NOBODY:
            anchor = self._anchors[self._frame.anchor]
            if seen is Seen.HIDDEN:
                anchor.shows(seen, style.why)
            elif (width is not None and width <= 1) or (height is not None and height <= 1):
                anchor.shows(Seen.HIDDEN, "image of 1px")
            else:
                anchor.label += f" {alt}"
                anchor.shows(seen, "", picture=True)

    def _begin(self, target: str | None, attributes: Attributes) -> int:
        """A link begins: its index."""
        label = f"{attributes.get('title') or ''} {attributes.get('aria-label') or ''}"
        where = href.joined(self._base, href.clean(target or ""))
        quoted = self._below or self._frame.mark & QUOTED != 0
        self._anchors.append(Anchor(where, label, len(self._pieces), quoted=quoted))
        return len(self._anchors) - 1

    def _style(
        self, tag: str, kind: int, attributes: Attributes, matched: tuple[StyleRule, ...]
    ) -> Style:
        style = self._frame.style
        own = attributes.get("style") or ""
        hinted: tuple[Declaration, ...] = ()
        if kind & elements.ANCHOR and "href" in attributes:
            hinted = hints(tag, {"link": self._frame.link_colour})
        elif kind & elements.RESTYLED or not _HINTING.isdisjoint(attributes):
            hinted = hints(tag, attributes)
        if own or hinted or matched:
            style = styled(style, hinted, matched, own)
        if kind & elements.CONCEALED:
            style = style.concealed(tag)
        return style.concealed("hidden") if "hidden" in attributes else style


def _seen(mark: int, style: Style) -> int:
    """The marks of text in an element of that style."""
    mark &= QUOTED | CODED
    if style.seen is Seen.HIDDEN:
        return mark | HIDDEN
    return mark if mark & QUOTED else mark | SHOWN


def _lines(pieces: Iterable[str]) -> str:
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\0"))
    return "\n".join(line for line in lines if line)


def _pixels(*lengths: str | None) -> int | None:
    """The first that is in pixels."""
    for length in lengths:
        if length and (match := _PIXELS.fullmatch(length)):
            return int(match[1])
    return None

"""Where an element stands in a page whose tags nest as they are written.

HTML's parser moves, closes and invents elements (WHATWG HTML §13.2.6). In the pages that are read
here it does none of it, but for the tags that nearly everybody omits: html, head, body and tbody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from smtpguard.mail.bounds import MAX_DEPTH
from smtpguard.mail.declaration import RELEVANT
from smtpguard.mail.elements import KINDS, UNSEEN
from smtpguard.mail.gather import OUTERMOST, Frame, Gatherer
from smtpguard.mail.selector import NO_TRAIL, Sheets, Trail
from smtpguard.mail.written import Untidy

_HTML, _HEAD, _BODY, _PART, _WORDS, _PHRASE, _LINK = (1 << n for n in range(7))
_BLOCK, _HEADING, _ITEM, _TERM, _TABLE, _GROUP, _ROW, _CELL = (1 << n for n in range(7, 15))
_FLOW = _PART | _WORDS | _PHRASE | _LINK | _BLOCK | _HEADING | _TABLE


class Nature(NamedTuple):
    """Where elements of one name may begin, and what may begin in them."""

    needs: int
    holds: int = 0
    bans: int = 0
    """What nothing in it may hold: it would end the element, or be taken out of it."""
    cell: bool = False
    """What was banned around it may stand in it, but for links."""


_NATURES: Final[dict[str, Nature]] = {}
for _names, _nature in {
    "html": Nature(_HTML, _HEAD | _BODY),
    "head": Nature(_HEAD, _PART),
    "body": Nature(_BODY, _FLOW),
    "base link meta script style title": Nature(_PART),
    "a": Nature(_LINK, _FLOW, bans=_LINK),
    "p": Nature(_BLOCK, _FLOW, bans=_BLOCK | _HEADING | _TABLE),
    "h1 h2 h3 h4 h5 h6": Nature(_HEADING, _FLOW, bans=_HEADING),
    "ol ul": Nature(_BLOCK, _FLOW | _ITEM),
    "li": Nature(_ITEM, _FLOW),
    "dl": Nature(_BLOCK, _FLOW | _TERM),
    "dd dt": Nature(_TERM, _FLOW),
    "table": Nature(_TABLE, _GROUP),
    "tbody tfoot thead": Nature(_GROUP, _ROW),
    "tr": Nature(_ROW, _CELL),
    "td th": Nature(_CELL, _FLOW, cell=True),
    "hr": Nature(_BLOCK),
    "br img wbr": Nature(_PHRASE),
    "address article aside blockquote center div figcaption figure footer header main nav"
    " section": Nature(_BLOCK, _FLOW),
    "abbr b big cite del dfn em font i ins mark q s small span strike strong sub sup tt u var": (
        Nature(_PHRASE, _FLOW)
    ),
}.items():
    _NATURES.update(dict.fromkeys(_names.split(), _nature))
_FOREIGN = Nature(_PHRASE, _FLOW)
"""Of a name like ``o:p``, which HTML has not."""

_IMPLIED = {
    "": ((~0, "html"),),
    "html": ((_PART, "head"), (_FLOW & ~_PART, "body")),
    "table": ((_ROW, "tbody"),),
}
"""What begins by itself in an element, before something that it does not hold."""
_UNENDED = frozenset(("head", "tbody"))
"""What ends by itself if it began so."""
_ENDING = {
    "p": _BLOCK | _HEADING | _ITEM | _TERM,
    "li": _ITEM,
    "dt": _TERM,
    "dd": _TERM,
}
"""What ends by itself before something that needs so much; and with what it stands in."""
_AROUND = _BLOCK | _HEADING | _ITEM | _TERM | _CELL


class Place:
    """An open element, or the page itself.

    Elements that what is in them cannot tell apart share one place.
    """

    def __init__(
        self,
        name: str,
        frame: Frame,
        holds: int,
        sheets: Sheets,
        outer: Place | None = None,
        trail: Trail = NO_TRAIL,
    ) -> None:
        self.name = name
        self.frame = frame
        self.holds = holds
        self.sheets = sheets
        self.outer = outer
        """Where its end tag leads."""
        self.attributes: Mapping[str, str] = {}
        self.implied = False
        self.resumes: Place | None = None
        """The <body> that has ended, and goes on where anything but text follows."""
        self._banned = 0
        self._depth: int = outer._depth + 1 if outer else 0
        self._trail = trail
        self._inside: dict[object, Place] = {}
        self._restyled: dict[str, Place] = {}

    def start(self, name: str, attributes: Mapping[str, str], gatherer: Gatherer) -> Place:
        """An element begins: where that stands which follows its tag."""
        if name == "base" and "href" in attributes:
            raise Untidy
        place = self._admitting(_nature_of(name).needs, gatherer)
        return place._start(name, attributes, gatherer)

    def end(self, name: str, gatherer: Gatherer) -> Place:
        """An element ends."""
        if self.name == name:
            return self._left(gatherer)
        if (
            (self.implied and self.name in _UNENDED)
            or (self.name in _ENDING and _nature_of(name).needs & _AROUND)
            or (self.name == "body" and name == "html")
        ):
            return self._left(gatherer).end(name, gatherer)
        raise Untidy

    def text(self, words: str, gatherer: Gatherer) -> Place:
        """Text stands here: where that stands which follows it."""
        place = self._admitting(_WORDS, gatherer) if words.strip(" \t\n\f") else self
        gatherer.text(place.frame, words)
        return place

    def declared(self, doctype: str) -> Place:
        """The same place, the beginning of a page, after that declaration."""
        if self.name or self.resumes or self.sheets.quirks is not None:
            raise Untidy
        return page(Sheets((), quirks=quirks(doctype)))

    def restyled(self, text: str) -> Place:
        """The same place in a page with one more style sheet, which ends here."""
        if self.name != "head":
            # What came before would have to be read again.
            if self.sheets.texts or RELEVANT.search(text):
                raise Untidy
            return self
        place = self._restyled.get(text)
        if place is None:
            sheets = Sheets((*self.sheets.texts, text), quirks=self.sheets.quirks)
            attributes = self.outer.attributes if self.outer else {}
            html = page(sheets)._start("html", attributes, Gatherer())
            place = html._start("head", {}, Gatherer(), implied=self.implied)
            self._restyled[text] = place
        return place

    def _left(self, gatherer: Gatherer) -> Place:
        if self.outer is None:
            raise Untidy
        if self.name not in ("html", "head", "body"):
            gatherer.close(KINDS.get(self.name, 0))
        return self.outer

    def _admitting(self, needs: int, gatherer: Gatherer) -> Place:
        """Where something begins that needs so much."""
        if self.holds & needs:
            return self
        if self.resumes and needs != _WORDS:
            return self.resumes._admitting(needs, gatherer)
        if (self.implied and self.name in _UNENDED) or needs & _ENDING.get(self.name, 0):
            return self._left(gatherer)._admitting(needs, gatherer)
        for wanted, name in _IMPLIED.get(self.name, ()):
            if needs & wanted and self.holds & _NATURES[name].needs:
                begun = self._start(name, {}, gatherer, implied=True)
                return begun._admitting(needs, gatherer)
        raise Untidy

    def _start(
        self, name: str, attributes: Mapping[str, str], gatherer: Gatherer, *, implied: bool = False
    ) -> Place:
        kind = KINDS.get(name, 0)
        element = self.sheets.element(name, attributes)
        frame: Frame | None = self.frame
        trail = self.sheets.trail(element, self._trail)
        matched = self.sheets.matched(trail) if element else ()
        gatherer.matches += len(matched)
        if not kind & UNSEEN:
            frame = gatherer.open(self.frame, kind, attributes, matched)
        if frame is None:
            return self
        if not _nature_of(name).holds:
            if not kind & UNSEEN:
                gatherer.close(kind)
            return self
        # What a style sheet will ask of <html> may not be known yet.
        asked = tuple(attributes.items()) if name == "html" else element
        known = (name, frame, asked, implied)
        place = self._inside.get(known)
        if place is None:
            place = self._inside[known] = self._begun(name, frame, trail)
            place.implied = implied
            place.attributes = attributes
        return place

    def _begun(self, name: str, frame: Frame, trail: Trail) -> Place:
        if self._depth >= MAX_DEPTH:
            raise Untidy
        nature = _nature_of(name)
        banned = (self._banned & _LINK if nature.cell else self._banned) | nature.bans
        place = Place(name, frame, nature.holds & ~banned, self.sheets, self, trail)
        place._banned = banned
        if name == "html":
            place.outer = None
        elif name == "head":
            place.outer = after = Place("html", self.frame, _BODY, self.sheets, None, self._trail)
            after.attributes = self.attributes
        elif name == "body":
            place.outer = ended = Place("html", frame, 0, self.sheets)
            ended.outer = Place("", frame, 0, self.sheets)
            ended.resumes = ended.outer.resumes = place
        return place


def page(sheets: Sheets) -> Place:
    """Where a page begins."""
    return Place("", OUTERMOST, _HTML, sheets)


def _nature_of(name: str) -> Nature:
    nature = _NATURES.get(name, _FOREIGN if ":" in name else None)
    if nature is None:
        raise Untidy
    return nature


def quirks(doctype: str) -> bool:
    """Whether the declaration, ``!doctype ...``, is one of old pages (WHATWG HTML §13.2.6.4.1)."""
    said = re.sub(r"[ \t\n\r\f]+", " ", doctype.lower()).strip(" ")
    if said == "!doctype html" or said.startswith('!doctype html public "-//w3c//dtd xhtml 1.0 '):
        return False
    if said.startswith('!doctype html public "-//w3c//dtd html 4.01 transitional//en"'):
        return said.count('"') < 4
    if said.startswith('!doctype html public "-//w3c//dtd html 4.0 transitional//en"'):
        return True
    raise Untidy

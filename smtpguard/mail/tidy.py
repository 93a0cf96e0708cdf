"""HTML without a parser, where its tags nest as they are written: what most tools send.

The same as ``markup`` gathers, or nothing. A page is cut at each ``<``. What a piece of it shows
depends only on the piece and on where it stands, so each is looked at closely once (``move``), and
remembered from one mail of a campaign to the next: without the links, since everybody gets others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from smtpguard.mail import href, move, written
from smtpguard.mail.anchor import Anchor
from smtpguard.mail.bounds import MAX_NODES, MAX_TEXT
from smtpguard.mail.gather import Gatherer
from smtpguard.mail.move import TARGET, Act
from smtpguard.mail.reading import Image, Reading
from smtpguard.mail.sheet import MAX_MATCHES
from smtpguard.mail.written import Untidy

if TYPE_CHECKING:
    from smtpguard.mail.part import Part

_MARK = '="http'
"""So begin the links that every reader gets for himself."""
LESSONS = 40
"""Pieces that are learnt for one page; where more are new, a parser is cheaper."""


class Page:
    """What a page shows."""

    def __init__(self) -> None:
        self._gatherer = Gatherer()
        self._links: list[tuple[Anchor, str, int]] = []
        """Each as it was learnt, where it leads, and the number of its first piece."""
        self.complete = True

    def read(self, text: str, lessons: int) -> None:
        """Gather what it shows, in its order; ``Untidy`` where that takes a parser."""
        shown = self._gatherer.pieces
        state = move.begin()
        matches = 0
        for passage, target in _passages(text):
            known = state.passages.get(passage)
            if known is None:
                known, lessons = state.walk(passage, lessons)
            state, new, acts, more = known
            matches += more
            for act, number in acts:
                self._act(act, len(shown) + number, target)
            if new:
                shown += new
        if matches > MAX_MATCHES:
            raise Untidy
        self.complete = state.ended()

    def _act(self, act: Act, number: int, target: str) -> None:
        links, gatherer = self._links, self._gatherer
        if act.mine is not None:
            anchor, aim, first = links[-1]
            links[-1] = anchor.with_more(act.mine, number - first), aim, first
        for anchor in act.links:
            aim = _aimed(target) if anchor.target == TARGET else anchor.target
            links.append((anchor, aim, number))
        for image in act.images:
            aimed = image.source == TARGET
            gatherer.images.append(Image(_aimed(target), *image[1:]) if aimed else image)
        if act.language and not gatherer.language:
            gatherer.language = act.language

    def reading(self, part: Part, *, complete: bool) -> Reading:
        """All of it, as a value."""
        gatherer = self._gatherer
        pieces = gatherer.pieces
        links = [anchor.link(pieces, aim, first) for anchor, aim, first in self._links]
        return gatherer.shown(part, links, complete=complete)


def gather(text: str, lessons: int = LESSONS) -> tuple[Page, bool] | None:
    """What the page shows, and whether it was read to its end; ``None``: a parser must read it."""
    if len(text) > MAX_NODES and (len(text) > MAX_TEXT or text.count("<") > MAX_NODES):
        return None
    if "\0" in text or TARGET in text:
        return None
    page = Page()
    try:
        page.read(text, lessons)
    except Untidy:
        return None
    return page, page.complete


def _passages(text: str) -> Iterator[tuple[str, str]]:
    """The page, cut before each tag in which a URL is, and that URL, which is taken out of it.

    A passage begins behind a ``<``, as if a declaration began each page.
    """
    first, *behind = text.split(_MARK)
    target = ""
    passage, cut, begun = f"!>{first}".rpartition("<")
    if cut:
        yield passage, target
    for rest in behind:
        if cut:
            url, closed, rest = rest.partition('"')
            if not closed:
                raise Untidy
            target = f"http{url}"
            rest = f'{begun}="{TARGET}"{rest}'
        else:  # another one of the same tag
            rest = f"{begun}{_MARK}{rest}"
        passage, cut, begun = rest.rpartition("<")
        if cut:
            yield passage, target
    yield begun, "" if cut else target


def _aimed(target: str) -> str:
    return href.clean(written.value(target) if "&" in target else target)

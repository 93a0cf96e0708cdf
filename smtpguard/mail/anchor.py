"""One link while a page is gathered, and what stands around it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from smtpguard.mail.reading import Link, Seen
from smtpguard.mail.spacing import one_line

AROUND = 200
"""Characters of context on each side of a link."""
PIECES = 64
"""Pieces of text looked at on each side of a link."""

MAX_GROWN = 64
"""Ways in which one link goes on that are remembered."""

Piece = tuple[str, int, int]
"""Some text, its marks, and the index of the link it belongs to. NUL is a line's end."""
SHOWN, HIDDEN, QUOTED, CODED = 1, 2, 4, 8
NOBODY, EDGE = -1, -2
"""In the place of a link: no link's text; the edge of a block."""
EMPTY: Final = "empty"
"""Why a link in which nothing is cannot be seen."""
LINE: Final[Piece] = ("\0", SHOWN, EDGE)


class Anchor:
    """A link that grows as the page is read."""

    __slots__ = (
        "best", "first", "grown", "label", "picture", "pieces", "quoted", "target", "text", "why",
        "words",
    )  # fmt: skip

    def __init__(self, target: str, label: str, first: int, *, quoted: bool) -> None:
        self.target = target
        self.label = label
        """Words that are not text of the page: title, aria-label, alt."""
        self.first = first
        """Index of the first piece that can be its own."""
        self.pieces: list[int] = []
        self.quoted = quoted
        self.best = Seen.HIDDEN
        self.why = EMPTY
        self.picture = False
        self.words = False
        self.text: str | None = None
        """All that it says, once asked for."""
        self.grown: dict[tuple[Anchor, int], Anchor] = {}
        """What it became elsewhere with more in it."""

    def shows(self, seen: Seen, why: str, *, words: bool = False, picture: bool = False) -> None:
        """Something of it is seen so well; the best counts."""
        if seen > self.best or self.why == EMPTY:
            self.best, self.why = seen, why
        if words:
            self.words = True
        if picture:
            self.picture = True

    def moved(self, by: int) -> Anchor:
        """The same, that many pieces later."""
        return Anchor(self.target, "", self.first + by, quoted=self.quoted)._with(self, by)

    def with_more(self, more: Anchor, by: int) -> Anchor:
        """The same with more in it, gathered by itself, that many pieces later."""
        grown = self.grown.get((more, by))
        if grown is None:
            if len(self.grown) == MAX_GROWN:
                self.grown.clear()
            grown = self.grown[more, by] = self.moved(0)._with(more, by)
        return grown

    def _with(self, more: Anchor, by: int) -> Anchor:
        self.label += more.label
        self.pieces += [number + by for number in more.pieces]
        if more.why != EMPTY:
            self.shows(more.best, more.why, words=more.words, picture=more.picture)
        return self

    def link(self, pieces: Sequence[Piece], target: str, by: int = 0) -> Link:
        """The finished link; what is hidden in one that is seen is not its text.

        ``by``: its pieces stand that much later among ``pieces`` than it knows.
        """
        if self.text is None:
            self.text = _one_line(f"{self._own(pieces, by)} {self.label}")
        return Link(
            target,
            self.text,
            self.best,
            "" if self.best is Seen.VISIBLE else self.why,
            self.quoted,
            self.picture and not self.words,
            partial(self._context, pieces, by),
        )

    def _own(self, pieces: Sequence[Piece], by: int) -> str:
        unwanted = 0 if self.best is Seen.HIDDEN else HIDDEN
        return "".join([pieces[i + by][0] for i in self.pieces if not pieces[i + by][1] & unwanted])

    def _context(self, pieces: Sequence[Piece], by: int) -> str:
        """Its own text amid that of its block."""
        unwanted = 0 if self.best is Seen.HIDDEN else HIDDEN
        unwanted |= 0 if self.quoted else QUOTED
        first, last = self.first + by, self.pieces[-1] + by + 1
        before = _around(pieces, range(first - 1, max(first - 1 - PIECES, -1), -1), unwanted)
        after = _around(pieces, range(last, min(last + PIECES, len(pieces))), unwanted)
        own = self._own(pieces, by)
        return _one_line(f"{''.join(before[::-1])[-AROUND:]}{own}{''.join(after)[:AROUND]}")


def _around(pieces: Sequence[Piece], places: range, unwanted: int) -> list[str]:
    """The text of the same block, other links' words left out."""
    found: list[str] = []
    room = AROUND
    for place in places:
        words, mark, owner = pieces[place]
        if owner == EDGE or room <= 0:
            break
        if words:
            room -= len(words)
            found.append(" " if owner != NOBODY or mark & unwanted else words)
    return found


def _one_line(text: str) -> str:
    return one_line(text.replace("\0", " "))

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

Piece = tuple[str, int, int]
"""Some text, its marks, and the index of the link it belongs to. NUL is a line's end."""
SHOWN, HIDDEN, QUOTED, CODED = 1, 2, 4, 8
NOBODY, EDGE = -1, -2
"""In the place of a link: no link's text; the edge of a block."""
LINE: Final[Piece] = ("\0", SHOWN, EDGE)


class Anchor:
    """A link that grows as the page is read."""

    __slots__ = ("best", "first", "label", "picture", "pieces", "quoted", "target", "why", "words")

    def __init__(self, target: str, label: str, first: int, *, quoted: bool) -> None:
        self.target = target
        self.label = label
        """Words that are not text of the page: title, aria-label, alt."""
        self.first = first
        """Index of the first piece that can be its own."""
        self.pieces: list[int] = []
        self.quoted = quoted
        self.best = Seen.HIDDEN
        self.why = "empty"
        self.picture = False
        self.words = False

    def shows(self, seen: Seen, why: str, *, words: bool = False, picture: bool = False) -> None:
        """Something of it is seen so well; the best counts."""
        if seen > self.best or self.why == "empty":
            self.best, self.why = seen, why
        if words:
            self.words = True
        if picture:
            self.picture = True

    def link(self, pieces: Sequence[Piece]) -> Link:
        """The finished link; what is hidden in one that is seen is not its text."""
        return Link(
            self.target,
            _one_line(f"{self._own(pieces)} {self.label}"),
            self.best,
            "" if self.best is Seen.VISIBLE else self.why,
            self.quoted,
            self.picture and not self.words,
            partial(self._context, pieces),
        )

    def _own(self, pieces: Sequence[Piece]) -> str:
        unwanted = 0 if self.best is Seen.HIDDEN else HIDDEN
        return "".join([pieces[i][0] for i in self.pieces if not pieces[i][1] & unwanted])

    def _context(self, pieces: Sequence[Piece]) -> str:
        """Its own text amid that of its block."""
        unwanted = 0 if self.best is Seen.HIDDEN else HIDDEN
        unwanted |= 0 if self.quoted else QUOTED
        first, last = self.first, self.pieces[-1] + 1
        before = _around(pieces, range(first - 1, max(first - 1 - PIECES, -1), -1), unwanted)
        after = _around(pieces, range(last, min(last + PIECES, len(pieces))), unwanted)
        own = self._own(pieces)
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

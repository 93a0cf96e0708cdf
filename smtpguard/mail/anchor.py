"""One link while a page is gathered, and what stands around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from smtpguard.mail.reading import Seen
from smtpguard.mail.spacing import one_line
from smtpguard.mail.written import Untidy

AROUND = 200
"""Characters of context on each side of a link."""
PIECES = 64
"""Pieces of text looked at on each side of a link."""

MAX_GROWN = 64
"""Ways in which one link goes on that are remembered."""
MAX_PIECES, MAX_LABEL = 128, 4096
"""Of a link that goes on; the characters of its label."""

Piece = tuple[str, int, int]
"""Some text, its marks, and the index of the link it belongs to. NUL is a line's end."""
SHOWN, HIDDEN, QUOTED, CODED = 1, 2, 4, 8
NOBODY, EDGE = -1, -2
"""In the place of a link: no link's text; the edge of a block."""
EMPTY: Final = "empty"
"""Why a link in which nothing is cannot be seen."""
LINE: Final[Piece] = ("\0", SHOWN, EDGE)
Told = tuple[str, Seen, str, bool, bool]
"""What a ``Link`` says that is the same for everybody who gets it."""


class Anchor:
    """A link that grows as the page is read."""

    __slots__ = (
        "_grown", "best", "first", "label", "picture", "pieces", "quoted", "target", "told", "why",
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
        self.told: Told | None = None
        self._grown: dict[tuple[Anchor, int], Anchor] = {}
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
        return Anchor(self.target, "", self.first + by, quoted=self.quoted).grow(self, by)

    def grown(self, more: Anchor, by: int) -> Anchor:
        """The same with more in it, gathered by itself, that many pieces later.

        ``Untidy``: it is too large to be made anew whenever it grows.
        """
        grown = self._grown.get((more, by))
        if grown is None:
            if len(self.pieces) > MAX_PIECES or len(self.label) > MAX_LABEL:
                raise Untidy
            if len(self._grown) == MAX_GROWN:
                self._grown.clear()
            grown = self._grown[more, by] = self.moved(0).grow(more, by)
        return grown

    def grow(self, more: Anchor, by: int) -> Anchor:
        """Itself, after it has grown so."""
        self.label += more.label
        self.pieces += [number + by for number in more.pieces]
        if more.why != EMPTY:
            self.shows(more.best, more.why, words=more.words, picture=more.picture)
        return self

    def tell(self, pieces: Sequence[Piece], by: int = 0) -> Told:
        """What its ``Link`` says, which is kept as ``told``.

        ``by``: its pieces stand that much later among these than it knows.
        """
        # What is hidden in a link that is seen is not its text.
        text = _one_line(f"{self._own(pieces, by)} {self.label}")
        why = "" if self.best is Seen.VISIBLE else self.why
        self.told = text, self.best, why, self.quoted, self.picture and not self.words
        return self.told

    def _own(self, pieces: Sequence[Piece], by: int) -> str:
        unwanted = 0 if self.best is Seen.HIDDEN else HIDDEN
        return "".join([pieces[i + by][0] for i in self.pieces if not pieces[i + by][1] & unwanted])

    def context(self, pieces: Sequence[Piece], by: int = 0) -> str:
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

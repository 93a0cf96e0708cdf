"""What a stretch of a tidy page shows: one piece of it, or as many as are known in a row.

The URLs in it are left out, since everybody gets others: links and images say which one was theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from smtpguard.mail.anchor import SHOWN, Anchor, Piece
from smtpguard.mail.reading import Image
from smtpguard.mail.spacing import known_line

T = TypeVar("T")
Aimed = tuple[T, int | None]
"""A link or an image, and how many URLs behind the first of the stretch its own stands; ``None``
where it stands in what was learnt. It may stand before: a tag can have several."""


class Act(NamedTuple):
    """What a stretch shows beyond text; numbers of pieces are counted from its first one on."""

    mine: Anchor | None = None
    """Of the link that it begins in."""
    links: tuple[Aimed[Anchor], ...] = ()
    images: tuple[Aimed[Image], ...] = ()
    language: str = ""


class Lines(NamedTuple):
    """The text that is seen of a stretch, which may begin and end within a line."""

    first: str
    whole: str | None
    """The lines between as they are read; ``None``: no line ends, and all is in ``first``."""
    last: str = ""


class Shown:
    """What a passage shows, or some in a row."""

    __slots__ = ("act", "lines", "links", "matches", "pieces", "urls")

    def __init__(
        self, pieces: Sequence[Piece], acts: Sequence[tuple[Act, int, int]], matches: int, urls: int
    ) -> None:
        """``acts``: each with the numbers of the piece and of the URL where it begins."""
        self.pieces = tuple(pieces)
        self.act = acts[0][0] if len(acts) == 1 and acts[0][1:] == (0, 0) else one(acts)
        self.links = tuple(
            [(a, aim, a.told or a.tell(pieces)) for a, aim in (self.act.links if self.act else ())]
        )
        """Its links with what they say, if it is not the last that goes on behind it."""
        self.matches = matches
        """How often rules of style sheets apply in it."""
        self.urls = urls
        """As many passages are in it: each stands behind one."""
        self.lines = _lines([words for words, mark, _ in pieces if mark & SHOWN])


def together(stretches: Sequence[Shown]) -> Shown:
    """Some in a row, as one."""
    pieces: list[Piece] = []
    acts: list[tuple[Act, int, int]] = []
    matches = urls = 0
    for shown in stretches:
        if shown.act:
            acts.append((shown.act, len(pieces), urls))
        pieces += shown.pieces
        matches += shown.matches
        urls += shown.urls
    return Shown(pieces, acts, matches, urls)


def seen(stretches: Iterable[Shown]) -> list[str]:
    """The text that is seen of them, cut at ends of lines where they know it."""
    found: list[str] = []
    line = ""
    for shown in stretches:
        first, whole, last = shown.lines
        line += first
        if whole is not None:
            found += (known_line(line), whole)
            line = last
    found.append(known_line(line))
    return [lines for lines in found if lines]


def _lines(words: Iterable[str]) -> Lines:
    first, *whole = "".join(words).split("\0")
    if not whole:
        return Lines(first, None)
    last = whole.pop()
    read = [known_line(line) for line in whole if line]
    return Lines(first, "\n".join([line for line in read if line]), last)


def one(acts: Iterable[tuple[Act, int, int]]) -> Act | None:
    """All of them, counted from the first piece and URL on."""
    mine: Anchor | None = None
    links: list[Aimed[Anchor]] = []
    images: list[Aimed[Image]] = []
    language = ""
    for act, by, urls in acts:
        if act.mine:
            if links:
                links[-1][0].grow(act.mine, by)
            else:
                mine = mine.grow(act.mine, by) if mine else act.mine.moved(by)
        links += [(anchor.moved(by), _later(aim, urls)) for anchor, aim in act.links]
        images += [(image, _later(aim, urls)) for image, aim in act.images]
        language = language or act.language
    if mine or links or images or language:
        return Act(mine, tuple(links), tuple(images), language)
    return None


def _later(aim: int | None, urls: int) -> int | None:
    return None if aim is None else aim + urls

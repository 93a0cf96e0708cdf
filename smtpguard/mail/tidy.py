"""HTML without a parser, where its tags nest as they are written: what most tools send.

The same as ``markup`` gathers, or nothing. What a page shows between two of its URLs depends only
on what stands there and on where that stands, so it is looked at closely once (``move``), and
remembered from one mail of a campaign to the next (``passage``).

It is read in UTF-8, and what is known is not even decoded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from smtpguard.mail import href, passage, written
from smtpguard.mail.anchor import Anchor, Piece
from smtpguard.mail.bounds import MAX_NODES, MAX_TEXT
from smtpguard.mail.passage import RUN
from smtpguard.mail.reading import Image, Link, Reading
from smtpguard.mail.sheet import MAX_MATCHES
from smtpguard.mail.shown import Shown, seen
from smtpguard.mail.written import Untidy

if TYPE_CHECKING:
    from smtpguard.mail.part import Part

_URL = re.compile(rb'="(http[^"]*)"')
"""So stand the links that every reader gets for himself."""
_ODD = bytes([*range(0x0A), *range(0x0B, 0x21), 0x3C, 0x3E, *range(0x7F, 0x100)])
"""What no URL has, or it takes a closer look."""
_ENDS = re.compile(rb"--!?>|<[/!]")
"""What ends a comment or a script in which a URL began, or opens a comment in a script."""
LESSONS = 40
"""Pieces that are learnt for one page; where more are new, a parser is cheaper."""


class Page:
    """What a page shows; ``Untidy`` where reading it takes a parser."""

    def __init__(self, octets: bytes, lessons: int) -> None:
        passages = _URL.split(octets)
        self._targets = _cleaned(passages[1::2])
        passages = passages[::2]
        # So it begins as behind a URL, and ends as before one: see ``passage``.
        passages[0] = b">" + passages[0]
        passages[-1] += b"<"
        cut = passage.begin()
        self._shown: list[Shown] = []
        for at in range(0, len(passages), RUN):
            run = tuple(passages[at : at + RUN])
            known = cut.runs.get(run)
            if known is None:
                known, lessons = cut.walk(run, lessons)
            cut, shown = known
            self._shown += shown
        if sum([shown.matches for shown in self._shown]) > MAX_MATCHES:
            raise Untidy
        self.complete = cut.ended()
        """It was read to its end."""

    def reading(self, part: Part) -> Reading:
        """All of it, as a value."""
        stretches = seen(self._shown)
        visible = "\n".join(stretches)
        links, images, language = self._gathered()
        return Reading(
            part,
            visible,
            visible,
            tuple(links),
            tuple(images),
            language,
            self.complete,
            stretches=tuple(stretches),
        )

    def _gathered(self) -> tuple[list[Link], list[Image], str]:
        links: list[Link] = []
        grown: dict[int, tuple[Anchor, int]] = {}
        """Links that went on in what was learnt by itself."""
        images: list[Image] = []
        language = ""
        targets = self._targets
        by = url = 0
        for shown in self._shown:
            if shown.act:
                mine, _, pictures, said = shown.act
                if mine:
                    number = len(links) - 1
                    anchor, first = grown.get(number) or links[-1].place
                    grown[number] = anchor.grown(mine, by - first), first
                links += [
                    Link(a.target if aim is None else targets[url + aim], *told, self, (a, by))
                    for a, aim, told in shown.links
                ]
                images += [
                    image if aim is None else Image(targets[url + aim], *image[1:])
                    for image, aim in pictures
                ]
                language = language or said
            by += len(shown.pieces)
            url += shown.urls
        for number, (anchor, first) in grown.items():
            told = anchor.told or anchor.tell(self.pieces, first)
            links[number] = Link(links[number].target, *told, self, (anchor, first))
        return links, images, language

    @cached_property
    def pieces(self) -> Sequence[Piece]:
        """All that it shows, in order."""
        return [piece for shown in self._shown for piece in shown.pieces]

    def context(self, place: tuple[Anchor, int]) -> str:
        """The text around one of its links, by how it was learnt and where that begins."""
        anchor, by = place
        return anchor.context(self.pieces, by)


def read(part: Part, page: bytes, lessons: int = LESSONS) -> Reading | None:
    """What a part shows that is this page; ``None``: a parser must read it."""
    if len(page) > MAX_NODES and (len(page) > MAX_TEXT or page.count(b"<") > MAX_NODES):
        return None
    try:
        return Page(page, lessons).reading(part)
    except Untidy:
        return None


def _cleaned(urls: list[bytes]) -> list[str]:
    """The URLs as a browser reads them, behind one for the passage that begins the page."""
    together = b"\n".join([b"", *urls])
    if len(together.translate(None, _ODD)) == len(together):
        # From the right Python is twice as fast.
        pieces = together.rsplit(b"&amp;")
        if b"&" not in b"".join(pieces):  # no other reference
            targets = b"&".join(pieces).decode("ascii").split("\n")
            if len(targets) == len(urls) + 1:  # no line end but ours
                return targets
    return ["", *[_clean(url) for url in urls]]


def _clean(url: bytes) -> str:
    try:
        target = url.decode()
    except UnicodeDecodeError:
        raise Untidy from None
    # It may have begun in a comment or a script that ends within it.
    if "\0" in target or _ENDS.search(url):
        raise Untidy
    return href.clean(written.value(target))

"""text/plain: its words, and the URLs and addresses that mail programs make clickable.

A campaign sends everybody the same lines, but for those with a URL: so what stands between these
is remembered as one block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from smtpguard.mail import href, quotation
from smtpguard.mail.anchor import AROUND
from smtpguard.mail.bounds import MAX_NODES, MAX_TEXT
from smtpguard.mail.reading import Link, Reading, Seen
from smtpguard.mail.spacing import known_line, one_line

if TYPE_CHECKING:
    from smtpguard.mail.part import Part

LONG = 2_000
"""Characters of a block that is not remembered."""

_URL = re.compile(r"(https?://[!#-;=?-~]{1,2000})")
"""So stand most links; ``href`` knows them all, and whole."""


class Block(NamedTuple):
    """Some lines."""

    words: str
    """As they are read, one a line."""
    own: str
    """Without those that are empty or quoted."""
    links: tuple[tuple[int, int, str, bool], ...]
    """From where to where in ``words``, where it leads, and whether it is quoted."""
    doubtful: bool = False
    """Some may be quoted."""
    colon: bool = False
    """The first line ends with one: it may say, with the line above, who wrote what follows."""


class Plain:
    """What a plain text shows."""

    def __init__(self, text: str) -> None:
        self._complete = len(text) <= MAX_TEXT
        self._below = False
        text = text[:MAX_TEXT]
        self._blocks = _blocks(text)
        if _doubtful(self._blocks):
            every = text.splitlines()
            quoted, self._below = quotation.quoted(every)
            self._blocks = [_block(every, quoted)]

    def reading(self, part: Part) -> Reading:
        """All of it, as a value."""
        stretches = tuple([block.own for block in self._blocks if block.own])
        visible = "\n".join(stretches)
        links: list[Link] = []
        for words, _, found, _, _ in self._blocks:
            for start, end, target, quoted in found:
                shown, number = words[start:end], len(links)
                links.append(Link(target, shown, Seen.VISIBLE, "", quoted, False, self, number))
        complete = self._complete and len(links) <= MAX_NODES
        del links[MAX_NODES:]
        return Reading(
            part,
            visible,
            visible,
            tuple(links),
            complete=complete,
            below=self._below,
            stretches=stretches,
        )

    def context(self, place: int) -> str:
        """A link amid the text between the end of the one before and the start of the next."""
        text, spots = self._whole
        start, end = spots[place]
        previous = spots[place - 1][1] if place else 0
        following = spots[place + 1][0] if place + 1 < len(spots) else len(text)
        before = text[max(previous, start - AROUND) : start]
        after = text[end : min(end + AROUND, following)]
        # A label stands before its link; only where there is none may it stand below.
        labelled = any(character.isalnum() for character in before)
        after = after.partition("\n" if labelled else "\n\n")[0]
        return one_line(f"{before}{text[start:end]}{after}")

    @cached_property
    def _whole(self) -> tuple[str, list[tuple[int, int]]]:
        """The text, line by line, and where its links begin and end."""
        spots: list[tuple[int, int]] = []
        begun = 0
        for block in self._blocks:
            spots += [(begun + start, begun + end) for start, end, _, _ in block.links]
            begun += len(block.words) + 1
        return "\n".join([block.words for block in self._blocks]), spots[:MAX_NODES]


def _blocks(text: str) -> list[Block]:
    """Each line in which a URL is, and the lines between as one."""
    pieces = _URL.split(text)
    lines, ended, line = pieces[0].rpartition("\n")
    blocks = [_known(lines)] if ended else []
    for url, rest in zip(pieces[1::2], pieces[2::2], strict=True):
        first, between, last = _between(rest)
        if between is None:
            line = f"{line}{url}{first}"
            continue
        if not line and not first and url[-1].isalnum():  # as mostly
            blocks.append(Block(url, url, ((0, len(url), url, False),)))
        else:
            blocks.append(_line(f"{line}{url}{first}"))
        blocks += between
        line = last
    if line:
        blocks.append(_line(line))
    return blocks


Between = tuple[str, tuple[Block, ...] | None, str]
"""The end of a line, lines, and the beginning of one; ``None``: it does not even end."""


def _between(text: str) -> Between:
    return (_remembered if len(text) <= LONG else _remembered.__wrapped__)(text)


@lru_cache(1024)
def _remembered(text: str) -> Between:
    first, ended, rest = text.partition("\n")
    if not ended:
        return text, None, ""
    lines, ended, last = rest.rpartition("\n")
    return first.removesuffix("\r"), (_known(lines),) if ended else (), last


def _known(lines: str) -> Block:
    return (_known_block if len(lines) <= LONG else _known_block.__wrapped__)(lines)


@lru_cache(1024)
def _known_block(lines: str) -> Block:
    return _block(f"{lines}\n".splitlines())


def _line(line: str) -> Block:
    """A line with a URL, of which everybody gets another."""
    line = line.removesuffix("\r")
    if not line.isprintable():
        return _block(f"{line}\n".splitlines())
    words = one_line(line)
    links = tuple([(*spot, False) for spot in href.standing(words)])
    colon = words[-1:] == ":"
    doubtful = (colon or line[:1] == ">" or "---" in line) and quotation.doubtful([line])
    return Block(words, words, links, doubtful, colon)


def _block(every: Sequence[str], quoted: Sequence[bool] = ()) -> Block:
    """Those lines. If it is not said which are quoted, none is."""
    lines = [known_line(line) for line in every]
    words = "\n".join(lines)
    own = lines
    if quoted:
        own = [line for line, not_own in zip(lines, quoted, strict=True) if not not_own]
    links: list[tuple[int, int, str, bool]] = []
    if any(mark in words for mark in href.MARKS):
        begun = 0
        for number, line in enumerate(lines):
            not_own = bool(quoted) and quoted[number]
            for start, end, target in href.standing(line):
                links.append((begun + start, begun + end, target, not_own))
            begun += len(line) + 1
    colon = lines[:1] != [] and lines[0][-1:] == ":"
    doubtful = quotation.doubtful(every)
    return Block(words, "\n".join(filter(None, own)), tuple(links), doubtful, colon)


def _doubtful(blocks: Sequence[Block]) -> bool:
    """Whether some lines may be quoted."""
    above = ""
    for block in blocks:
        if block.doubtful or (block.colon and quotation.attributes(above)):
            return True
        above = block.words
    return False

"""text/plain: its words, and the URLs and addresses that mail programs make clickable."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from itertools import repeat
from typing import NamedTuple

from smtpguard.mail import href, quotation
from smtpguard.mail.anchor import AROUND
from smtpguard.mail.bounds import MAX_NODES, MAX_TEXT
from smtpguard.mail.reading import Link
from smtpguard.mail.spacing import LONG, one_line


class Plain(NamedTuple):
    """What a plain text shows."""

    visible: str
    links: tuple[Link, ...]
    complete: bool
    below: bool
    """What was added at its end would be quoted."""


class _Spot(NamedTuple):
    """A link's place in the text."""

    start: int
    end: int
    target: str
    quoted: bool


def gather(text: str) -> Plain:
    """What a person sees, the links, and whether the whole was read."""
    complete = len(text) <= MAX_TEXT
    every = text[:MAX_TEXT].splitlines()
    lines = [_looked(line) for line in every]
    below, quoted = False, _NEVER
    if any(doubtful for _, doubtful, _ in lines):
        quoted, below = quotation.quoted(every)
    own: list[str] = []
    spots: list[_Spot] = []
    length = 0
    for (words, _, marked), not_own in zip(lines, quoted, strict=False):
        if words and not not_own:
            own.append(words)
        if marked:
            for start, end, target in href.standing(words):
                spots.append(_Spot(length + start, length + end, target, not_own))
        length += len(words) + 1
    if len(spots) > MAX_NODES:
        complete = False
        del spots[MAX_NODES:]
    whole = "\n".join([words for words, _, _ in lines])
    return Plain("\n".join(own), _links(whole, spots), complete, below)


Look = tuple[str, bool, bool]
"""The words of a line, whether it may be quoted, and whether something in it may be a link."""
_NEVER: Iterable[bool] = repeat(False)


def _looked(line: str) -> Look:
    """A campaign sends most of its lines to everybody."""
    return (_known if len(line) <= LONG else _known.__wrapped__)(line)


@lru_cache(2048)
def _known(line: str) -> Look:
    words = one_line(line)
    return words, quotation.doubtful(line), any(mark in words for mark in href.MARKS)


def _links(text: str, spots: list[_Spot]) -> tuple[Link, ...]:
    links = []
    previous = 0
    ends = [spot.start for spot in spots[1:]] + [len(text)]
    for spot, end in zip(spots, ends, strict=False):
        shown = text[spot.start : spot.end]
        around = partial(_context, text, previous, spot, end)
        links.append(Link(spot.target, shown, quoted=spot.quoted, around=around))
        previous = spot.end
    return tuple(links)


def _context(text: str, previous: int, spot: _Spot, following: int) -> str:
    """The link amid the text between the end of the one before and the start of the next."""
    before = text[max(previous, spot.start - AROUND) : spot.start]
    after = text[spot.end : min(spot.end + AROUND, following)]
    # A label stands before its link; only where there is none may it stand below.
    labelled = any(character.isalnum() for character in before)
    after = after.partition("\n" if labelled else "\n\n")[0]
    return one_line(f"{before}{text[spot.start : spot.end]}{after}")

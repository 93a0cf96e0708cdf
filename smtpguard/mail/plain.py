"""text/plain: its words, and the URLs and addresses that mail programs make clickable."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from smtpguard.mail import href, quotation
from smtpguard.mail.anchor import AROUND
from smtpguard.mail.bounds import MAX_NODES, MAX_TEXT
from smtpguard.mail.reading import Link
from smtpguard.mail.spacing import one_line


class _Spot(NamedTuple):
    """A link's place in the text."""

    start: int
    end: int
    target: str
    quoted: bool


def gather(text: str) -> tuple[str, tuple[Link, ...], bool]:
    """What a person sees, the links, and whether the whole was read."""
    complete = len(text) <= MAX_TEXT
    own: list[str] = []
    every: list[str] = []
    spots: list[_Spot] = []
    length = 0
    for line, quoted in quotation.lines(text[:MAX_TEXT]):
        words = one_line(line)
        if words and not quoted:
            own.append(words)
        for start, end, target in href.standing(words):
            spots.append(_Spot(length + start, length + end, target, quoted))
        every.append(words)
        length += len(words) + 1
    if len(spots) > MAX_NODES:
        complete = False
        del spots[MAX_NODES:]
    return "\n".join(own), _links("\n".join(every), spots), complete


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

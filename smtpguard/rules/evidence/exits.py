"""The unsubscribe links of a mail: which links lead out, and whether a reader can see them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from weakref import WeakKeyDictionary

from smtpguard.edit import wording
from smtpguard.edit.fix import Paragraph, Place
from smtpguard.mail.lexicon import heard, mentions, says
from smtpguard.mail.message import Message
from smtpguard.mail.reading import Link, Reading, Seen
from smtpguard.policy.controller import Brand, Existing
from smtpguard.rules.evidence.target import declared, leads_to, ours
from smtpguard.rules.evidence.view import View
from smtpguard.rules.rule import Case

_KNOWN: WeakKeyDictionary[Message, tuple[Brand, tuple[Exits, ...]]] = WeakKeyDictionary()
"""Several rules ask about one message; what was read goes when the message goes."""


class Way(IntEnum):
    """The best way out that somebody finds."""

    NONE = 0
    OBSCURED = 1
    """There is one, but it cannot be seen or read."""
    UNSURE = 2
    """There is one; whether it can be seen depends on a picture behind it."""
    OPEN = 3


@dataclass(frozen=True, slots=True)
class Exits:
    """The unsubscribe links of one readable part."""

    reading: Reading
    links: tuple[Link, ...]
    guessed: bool
    """They were found by the words around them only; one of them may be something else."""
    way: Way
    """The best of those that count on this stream: all, or our own where ``existing`` says so."""


def exits(case: Case) -> tuple[Exits, ...]:
    """The unsubscribe links of each readable part of the message."""
    brand, found = _KNOWN.get(case.mail, (None, ()))
    if brand is not case.brand:
        found = tuple([_read(reading, case.brand) for reading in case.mail.readings])
        _KNOWN[case.mail] = case.brand, found
    return found


def way_of(view: View, found: Iterable[Exits]) -> Way:
    """The best way out that the reader of one view finds."""
    numbers = {reading.part.number for reading in view}
    return max((e.way for e in found if e.reading.part.number in numbers), default=Way.NONE)


def offer(case: Case, parts: frozenset[str]) -> tuple[Paragraph, ...]:
    """The paragraph with the reader's own exit, where the brand has exits to offer."""
    if not case.brand.unsubscribe.url or not parts:
        return ()
    text, label = wording.unsubscribe(case.language), wording.label(case.language)
    return (Paragraph(Place.UNSUBSCRIBE, text, parts, label),)


def _read(reading: Reading, brand: Brand) -> Exits:
    """The links through which the part lets its reader leave.

    A link counts by its own words, its URL, or because its host is declared. Only where no link
    of the part does, those count that stand beside the words: "to leave our list, click here".
    """
    links = [link for link in reading.links if not link.quoted]
    by_url = sayers("unsub_url", [link.target for link in links])
    by_word = sayers("unsub", [link.text for link in links])
    hosts = declared(brand)
    by_host = {i for i, link in enumerate(links) if leads_to(link.target, hosts)}
    named = by_host | by_url | by_word
    counted = named or sayers("unsub", [link.context for link in links])
    chosen = tuple(links[i] for i in sorted(counted))
    return Exits(reading, chosen, not named, _best(chosen, brand))


def _best(links: Iterable[Link], brand: Brand) -> Way:
    only_ours = brand.unsubscribe.existing is not Existing.KEEP and bool(brand.unsubscribe.url)
    ways = (
        _way(link, declared)
        for link in links
        if (declared := ours(link.target, brand)) or not only_ours
    )
    return max(ways, default=Way.NONE)


def _way(link: Link, declared: bool) -> Way:
    if link.seen is Seen.UNKNOWN:
        return Way.UNSURE
    if link.seen is not Seen.VISIBLE or (unlabelled(link) and not declared):
        return Way.OBSCURED
    return Way.OPEN


def unlabelled(link: Link) -> bool:
    """A picture without words: whoever does not load it sees no link."""
    return link.image_only and not link.text.strip()


def sayers(topic: str, texts: Sequence[str]) -> set[int]:
    """Indices of the texts that say it: all are searched at once, then the lexicon confirms."""
    distinct = list(dict.fromkeys(texts))
    said = "\n".join(distinct)
    if _is_plain(said.replace("\n", "")) and said.count("\n") < len(distinct):
        said = said.lower()
    else:
        said = "\n".join([heard(topic, text) for text in distinct])
    likely = [match.start() for match in mentions(topic, said)]
    if not likely:
        return set()
    ends = list(accumulate(len(line) + 1 for line in said.split("\n")))
    lines = {bisect_right(ends, start) for start in likely}
    sure = {distinct[line] for line in lines if says(topic, distinct[line])}
    return {index for index, text in enumerate(texts) if text in sure}


def _is_plain(text: str) -> bool:
    """Whether the lexicon hears nothing but its lower case; most are plain."""
    return (
        text.isascii() and text.isprintable() and not ("%" in text or "  " in text or "`" in text)
    )

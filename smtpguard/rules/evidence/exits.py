"""The unsubscribe links of a mail: which links lead out, and whether a reader can see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from weakref import WeakKeyDictionary

from smtpguard.edit import wording
from smtpguard.edit.fix import Paragraph, Place
from smtpguard.mail.lexicon import clues, heard, says
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
    by_word = worded([link.text for link in links])
    hosts = declared(brand)
    by_host = {i for i, link in enumerate(links) if leads_to(link.target, hosts)}
    named = by_host | by_url | by_word
    counted = named or worded([link.context for link in links])
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


def worded(texts: Sequence[str]) -> set[int]:
    """Indices of the texts that speak of unsubscribing."""
    urls = [i for i, text in enumerate(texts) if "://" in text]
    said = {i for i, text in enumerate(texts) if "://" not in text and says("unsub", text)}
    return said | {urls[i] for i in sayers("unsub", [texts[i] for i in urls])}


def sayers(topic: str, urls: Sequence[str]) -> set[int]:
    """Indices of the texts with URLs that say it: few hold a clue, the rest are asked no further.

    Everybody gets links of their own, so that nothing said of one is worth remembering.
    """
    said = [_heard(topic, url) for url in urls]
    found = clues(topic, "\n".join(said))
    likely = {i for clue in found for i, text in enumerate(said) if clue in text}
    return {i for i in likely if says(topic, urls[i])}


def _heard(topic: str, url: str) -> str:
    """What the lexicon hears but for spaces, which no clue to a URL has."""
    if topic == "unsub_url" and url.isascii() and "%" not in url:
        return url.lower()
    return heard(topic, url)

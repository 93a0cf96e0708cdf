"""The unsubscribe links of a mail: which links lead out, and whether a reader can see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import cache, cached_property, lru_cache
from itertools import chain
from urllib.parse import unquote

from smtpguard.edit import wording
from smtpguard.edit.fix import Paragraph, Place
from smtpguard.mail.lexicon import TOPICS, clues, heard, normalise, says
from smtpguard.mail.reading import Link, Reading, Seen
from smtpguard.policy.controller import Brand, Existing
from smtpguard.rules.evidence.target import Targets, declared
from smtpguard.rules.evidence.view import View, alternatives
from smtpguard.rules.rule import Case, once

LONG = 1000
"""Characters of text that is not remembered."""


class Way(IntEnum):
    """The best way out that somebody finds."""

    NONE = 0
    OBSCURED = 1
    """There is one, but it cannot be seen or read."""
    UNSURE = 2
    """There is one; whether it can be seen depends on a picture behind it."""
    OPEN = 3


class Exits:
    """The unsubscribe links of one readable part, looked for no further than somebody asks.

    A link counts by its host, which is declared, by its own words, or by its URL. Only where no
    link of the part does, those count that stand beside the words: "to leave our list, click here".
    """

    def __init__(self, reading: Reading, brand: Brand) -> None:
        self.reading = reading
        self.candidates = [link for link in reading.links if not link.quoted]
        """All that may be one."""
        self.targets = Targets([link.target for link in self.candidates])
        self._brand = brand
        self._ours = self.targets.led(declared(brand))

    @cached_property
    def _speaks(self) -> bool:
        """Whether words of leaving may stand somewhere in the part, its hidden text aside."""
        if self._plain:
            return any(map(_hints, (self.reading.part.text or "").split("\n")))
        shown = self.reading.stretches or (self.reading.visible,)
        return any(map(_hints, shown)) or any(_hints(link.text) for link in self.candidates)

    @property
    def _plain(self) -> bool:
        return self.reading.part.type == "text/plain"

    @cached_property
    def _worded(self) -> set[int]:
        if self._plain and not self._speaks:
            return set()  # the words of a link stand in the text
        others = [i for i in range(len(self.candidates)) if i not in self._ours]
        return {others[i] for i in worded([self.candidates[i].text for i in others])}

    @cached_property
    def _spelt(self) -> set[int]:
        return sayers("unsub_url", self.targets.urls)

    @cached_property
    def guessed(self) -> bool:
        """They were found by the words around them only; one of them may be something else."""
        return not (self._ours or self._worded or self._spelt)

    @cached_property
    def _beside(self) -> set[int]:
        """Those beside which words of leaving stand.

        What stands around a link is made of the text of the part, and read only where a word
        stands there without which nobody speaks of leaving; or where the link is hidden.
        """
        links = self.candidates
        asked = [i for i, link in enumerate(links) if self._speaks or link.seen is Seen.HIDDEN]
        return {asked[i] for i in worded([links[i].context for i in asked])}

    @cached_property
    def _counted(self) -> list[int]:
        return sorted((self._ours | self._worded | self._spelt) or self._beside)

    @property
    def links(self) -> tuple[Link, ...]:
        """All of them."""
        return tuple([self.candidates[i] for i in self._counted])

    def among(self, indices: Sequence[int]) -> list[Link]:
        """Those of the candidates at ``indices``."""
        if not indices:
            return []
        if self.guessed:
            return [self.candidates[i] for i in indices if i in self._counted]
        spelt = {indices[i] for i in sayers("unsub_url", [self.targets.urls[i] for i in indices])}
        named = self._ours | self._worded | spelt
        return [self.candidates[i] for i in indices if i in named]

    @cached_property
    def way(self) -> Way:
        """The best of those that count on this stream: all, or our own where ``existing`` says so.

        Where one is open to everybody, it does not matter how many more there are.
        """
        if Seen.VISIBLE in [self.candidates[i].seen for i in self._ours]:
            return Way.OPEN  # as mostly
        found = self._best(self._ours)
        exits = self._brand.unsubscribe
        if exits.existing is not Existing.KEEP and exits.url:
            return found
        found = self._best(self._ours | self._worded)
        return found if found is Way.OPEN else self._best(self._counted)

    def _best(self, indices: Iterable[int]) -> Way:
        ways = [way_through(self.candidates[i], i in self._ours) for i in indices]
        return max(ways, default=Way.NONE)


@once
def exits(case: Case) -> tuple[Exits, ...]:
    """The unsubscribe links of each readable part of the message."""
    return tuple([Exits(reading, case.brand) for reading in case.mail.readings])


@once
def ways(case: Case) -> tuple[tuple[View, Way], ...]:
    """The best way out that the reader of each view finds."""
    way = {found.reading.part.number: found.way for found in exits(case)}
    return tuple(
        [(view, max([way[reading.part.number] for reading in view])) for view in alternatives(case)]
    )


def offer(case: Case, parts: frozenset[str]) -> tuple[Paragraph, ...]:
    """The paragraph with the reader's own exit, where the brand has exits to offer."""
    if not case.brand.unsubscribe.url or not parts:
        return ()
    text, label = wording.unsubscribe(case.language), wording.label(case.language)
    return (Paragraph(Place.UNSUBSCRIBE, text, parts, label),)


def _hints(lines: str) -> bool:
    """Whether words of leaving may stand there. Most lines of a mail go to everybody."""
    return (_known_hints if len(lines) <= LONG else _known_hints.__wrapped__)(lines)


@lru_cache(4096)
def _known_hints(lines: str) -> bool:
    said = normalise(lines)
    return any(word in said for word in _needed_words())


@cache
def _needed_words() -> tuple[str, ...]:
    """The longest word of each clue: whatever is left out between, a word stands in one piece.

    One that holds another is not needed beside it.
    """
    phrases = chain.from_iterable(TOPICS["unsub"].values())
    needles = (needle for phrase in phrases for needle in phrase.needles)
    words = {max(needle.split(), key=len) for needle in needles}
    return tuple(sorted(w for w in words if not any(v in w for v in words - {w})))


def way_through(link: Link, declared: bool) -> Way:
    """How well a link leads out; a picture without words only where its host is ``declared``."""
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
    return said | {urls[i] for i in sayers("unsub", [texts[i] for i in urls])} if urls else said


def sayers(topic: str, urls: Sequence[str]) -> set[int]:
    """Indices of the texts with URLs that say it: few hold a clue, the rest are asked no further.

    Everybody gets links of their own, so that nothing said of one is worth remembering.
    """
    found = clues(topic, _heard(topic, "\n".join(urls)))
    if not found:
        return set()
    said = [_heard(topic, url) for url in urls]
    likely = {i for clue in found for i, text in enumerate(said) if clue in text}
    return {i for i in likely if says(topic, urls[i])}


def _heard(topic: str, urls: str) -> str:
    """What the lexicon hears but for spaces, which no clue to a URL has."""
    if topic != "unsub_url":
        return heard(topic, urls)
    plain = unquote(urls) if "%" in urls else urls
    return plain.lower() if plain.isascii() else normalise(plain)

"""The words of leaving, of sources and of rights, in seven languages; and what templates leave.

The patterns are data (``lexicon.json``): for each topic and language a list of phrases, to be
found in normalised text. All are linear: every repetition is bounded, or of one kind of character.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Final
from urllib.parse import unquote

_DATA = json.loads(resources.files("smtpguard.mail").joinpath("lexicon.json").read_text("utf-8"))

# Normalisation --------------------------------------------------------------------------------

_DROPPED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]+"
)
"""Zero-width characters, soft hyphens and direction marks: they split words unseen."""
_ACCENTS = re.compile("[\u0300-\u036f]+")
_QUOTES = re.compile("[\u2018\u2019\u201a\u201b\u02bc\u00b4\u2032`]")
_DOUBLE_QUOTES = re.compile("[\u201c-\u201f\u00ab\u00bb\u2033]")
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_FOREIGN = re.compile("[\u0370-\u03ff\u0400-\u052f\u0530-\u058f]")
"""Greek, Cyrillic, Armenian: scripts with letters that look Latin."""


def normalise(text: str) -> str:
    """NFKC, without zero-width characters and accents, case-folded; quotes, dashes, spaces unified.

    Look-alikes of other scripts are kept: they are no evidence.
    """
    text = text.casefold()
    if not text.isascii():
        # The quotes first: NFKC takes the acute accent apart.
        text = _DASHES.sub("-", _DOUBLE_QUOTES.sub('"', _QUOTES.sub("'", text)))
        text = _DROPPED.sub("", unicodedata.normalize("NFKC", text))
        text = _ACCENTS.sub("", unicodedata.normalize("NFD", text)).casefold()
    return " ".join(text.replace("`", "'").split())


_normalised = lru_cache(16)(normalise)

# Phrases --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Phrase:
    """One regular expression, and literals of which one stands in all that it matches."""

    pattern: str

    @cached_property
    def needles(self) -> tuple[str, ...]:
        """Looked for first: a text without them costs next to nothing."""
        return needles(self.pattern)

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """Compiled when first needed; some are never."""
        return re.compile(self.pattern, re.IGNORECASE)

    def find(self, text: str, lowered: str) -> Iterator[re.Match[str]]:
        """Its matches in the text; ``lowered`` is the same in lower case."""
        if any(needle in lowered for needle in self.needles):
            yield from self.compiled.finditer(text)


def needles(pattern: str) -> tuple[str, ...]:
    """Literals of which at least one stands in every match: the longest run, or one group's."""
    best: tuple[str, ...] = ()
    run = ""
    for item, repeat in _tokens(pattern):
        required = not repeat.startswith(("?", "*", "{0"))
        if len(item) == 1 and item not in ".^$" and required:
            run += item
            if not repeat:
                continue
        best = max(best, (run,), key=_worth)
        run = ""
        if item.startswith("(") and not item.startswith(("(?=", "(?!", "(?<")) and required:
            inside = item[1:-1].removeprefix("?:")
            options = tuple(found for branch in alternatives(inside) for found in needles(branch))
            if len(options) >= len(alternatives(inside)):
                best = max(best, options, key=_worth)
    return max(best, (run,), key=_worth)


def _worth(literals: tuple[str, ...]) -> int:
    return min(map(len, literals), default=0)


_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<set>\[[^\]]+\])|(?P<repeat>[?*+]|\{\d+(?:,\d*)?\})|(?P<plain>.)"
)


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """Each item of a branch with its repetition: a character, ``.`` for others, a ``(group)``."""
    item = ""
    depth = start = 0
    for match in _TOKEN.finditer(pattern):
        character = match["plain"]
        if character == "(":
            if depth == 0:
                if item:
                    yield item, ""
                item, start = "", match.start()
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                item = pattern[start : match.end()]
        elif depth == 0:
            if match["repeat"]:
                yield item, match["repeat"]
                item = ""
                continue
            if item:
                yield item, ""
            escaped = match["escaped"]
            item = character or (escaped if escaped and not escaped.isalnum() else ".")
    if item:
        yield item, ""


def alternatives(pattern: str) -> list[str]:
    """The branches of a pattern that stand between bars outside of all groups."""
    found = [""]
    depth = 0
    for match in _TOKEN.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(match["plain"] or "", 0)
        if match["plain"] == "|" and depth == 0:
            found.append("")
        else:
            found[-1] += match.group()
    return found


TOPICS: Final[dict[str, dict[str, tuple[Phrase, ...]]]] = {
    topic: {language: tuple(map(Phrase, phrases)) for language, phrases in languages.items()}
    for topic, languages in _DATA["patterns"].items()
}
"""By topic and language: unsub, unsub_weak, unsub_url, why, source, rights, privacy, friction."""
PLACEHOLDERS: Final = {family: Phrase(pattern) for family, pattern in _DATA["placeholders"].items()}
_JUNK = re.compile(_DATA["junk_target"], re.IGNORECASE | re.DOTALL)

# What others ask ------------------------------------------------------------------------------


def says(topic: str, text: str) -> bool:
    """Whether the text says it in any of the seven languages. KeyError for an unknown topic."""
    phrases = TOPICS[topic]
    if topic.endswith("_url"):
        text = unquote(text)
    said = _normalised(text) if len(text) <= 65536 else normalise(text)
    return any(
        not _FOREIGN.search(match.group())
        for spoken in phrases.values()
        for phrase in spoken
        for match in phrase.find(said, said)
    )


def placeholders(text: str) -> list[str]:
    """Template tags that nobody filled in, also percent- and entity-encoded; in families' order."""
    readings = dict.fromkeys((text, unquote(text) if "%" in text else text, html.unescape(text)))
    return list(
        dict.fromkeys(
            match.group()
            for reading in readings
            for lowered in (reading.lower(),)
            for phrase in PLACEHOLDERS.values()
            for match in phrase.find(reading, lowered)
        )
    )


def junk_target(href: str) -> bool:
    """Whether a link target is one that tools and templates leave where there is none."""
    return _JUNK.fullmatch(href.strip()) is not None

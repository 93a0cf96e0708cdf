"""The words of leaving, of sources and of rights, in seven languages; and what templates leave.

The patterns are data (``lexicon.json``): for each topic and language a list of phrases, to be
found in normalised text. All are linear: every repetition is bounded, or of one kind of character.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from html.entities import html5
from importlib import resources
from itertools import chain
from typing import Final
from urllib.parse import unquote

from smtpguard.mail.spacing import one_line

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
    if text.isascii():
        return _spelled(text.replace("\n", " "))
    # No white space meets a neighbour's accent, so each line is its own, and each word.
    lines = [_line(line) for line in text.split("\n")]
    return " ".join([line for line in lines if line])


def _line(line: str) -> str:
    """One line, normalised. A campaign sends most of its lines to everybody."""
    return _known_line(line) if len(line) <= 1000 else _known_line.__wrapped__(line)


@lru_cache(2048)
def _known_line(line: str) -> str:
    return _spelled(" ".join([word if word.isascii() else _word(word) for word in line.split()]))


def _spelled(text: str) -> str:
    return one_line(text.casefold().replace("`", "'"))


def _word(word: str) -> str:
    """A word with characters beyond ASCII, normalised. Short ones come again and again."""
    return _known_word(word) if len(word) <= 24 else _known_word.__wrapped__(word)


@lru_cache(4096)
def _known_word(word: str) -> str:
    # The quotes first: NFKC takes the acute accent apart.
    word = _QUOTES.sub("'", word.casefold())
    word = _DASHES.sub("-", _DOUBLE_QUOTES.sub('"', word))
    word = _DROPPED.sub("", unicodedata.normalize("NFKC", word))
    return _ACCENTS.sub("", unicodedata.normalize("NFD", word)).casefold()


# Phrases --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
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

_MARKS = ("{", "|", "[", "<", "\u00ab")
_PERCENT_MARK = re.compile(
    "%(?![0-9a-f]{2})|%(?:2[35]|3c|5b|7[bc]|c2%ab)", re.IGNORECASE | re.ASCII
)
"""A percent sign that encodes nothing, as one of every tag's does; or a mark, encoded."""
_ENTITIES = sorted(name.rstrip(";") for name, c in html5.items() if set(c) & {*_MARKS, *"#%"})
_ENTITY_MARK = re.compile(
    f"&(?=[{''.join({name[0] for name in _ENTITIES})}])(?:{'|'.join(_ENTITIES)})"
)
"""Links are full of ``&``: few are followed by one of so few letters."""

# What others ask ------------------------------------------------------------------------------


def mentions(topic: str, said: str) -> Iterator[re.Match[str]]:
    """Where normalised text says it in any of the seven languages. KeyError: unknown topic."""
    return _matches(_TOPICS[topic](), said, said)


def heard(topic: str, text: str) -> str:
    """The text as a topic is looked for in it: normalised, and a URL without percent-encoding."""
    return normalise(unquote(text) if topic.endswith("_url") else text)


def clues(topic: str, heard: str) -> list[str]:
    """Literals that stand in normalised text, one of which is in every mention of the topic."""
    return [needle for needle in _CLUES[topic]() if needle in heard]


def says(topic: str, text: str) -> bool:
    """Whether the text says it, in letters of our own scripts. KeyError for an unknown topic."""
    return (_known_to_say if len(text) <= 600 else _known_to_say.__wrapped__)(topic, text)


@lru_cache(4096)
def _known_to_say(topic: str, text: str) -> bool:
    return any(not _FOREIGN.search(match.group()) for match in mentions(topic, heard(topic, text)))


def placeholders(text: str) -> list[str]:
    """Template tags that nobody filled in, also percent- and entity-encoded; in families' order."""
    if not _marked(text):
        return []
    # No tag goes beyond its line.
    tagged = [line for line in text.split("\n") if _marked(line) and _is_tagged(line)]
    return _tags("\n".join(tagged)) if tagged else []


def _marked(text: str) -> bool:
    """Whether anything stands there that every tag has, as it is or encoded."""
    for mark in _MARKS:
        if mark in text:
            return True
    # A single character is found many times faster than two.
    return (
        ("#" in text and ("##" in text or "&#" in text))
        or ("%" in text and _PERCENT_MARK.search(text) is not None)
        or ("&" in text and _ENTITY_MARK.search(text) is not None)
    )


def _is_tagged(line: str) -> bool:
    return _known_tagged(line) if len(line) <= 1000 else _known_tagged.__wrapped__(line)


@lru_cache(2048)
def _known_tagged(line: str) -> bool:
    return bool(_tags(line))


def _tags(text: str) -> list[str]:
    readings = dict.fromkeys((text, unquote(text) if "%" in text else text, html.unescape(text)))
    return list(
        dict.fromkeys(
            match.group()
            for reading in readings
            for match in _matches(_TAGS(), reading, reading.lower())
        )
    )


Needled = tuple[tuple[str, Phrase], ...]
"""Phrases, each under every literal of which it needs one."""


def _matches(needled: Needled, text: str, lowered: str) -> Iterator[re.Match[str]]:
    """All matches in the text, phrase by phrase; ``lowered`` is the same in lower case."""
    likely = [phrase for needle, phrase in needled if needle in lowered]
    for phrase in dict.fromkeys(likely):
        yield from phrase.compiled.finditer(text)


def _needled(phrases: Iterable[Phrase]) -> Callable[[], Needled]:
    """Sorted out when first asked for."""
    return cache(lambda: tuple((needle, p) for p in phrases for needle in p.needles))


def _distinct(needled: Callable[[], Needled]) -> Callable[[], tuple[str, ...]]:
    return cache(lambda: tuple(dict.fromkeys(needle for needle, _ in needled())))


_TOPICS = {topic: _needled(tuple(chain(*spoken.values()))) for topic, spoken in TOPICS.items()}
_CLUES = {topic: _distinct(needled) for topic, needled in _TOPICS.items()}
_TAGS = _needled(tuple(PLACEHOLDERS.values()))


def junk_target(href: str) -> bool:
    """Whether a link target is one that tools and templates leave where there is none."""
    return _JUNK.fullmatch(href.strip()) is not None

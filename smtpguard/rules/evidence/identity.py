"""Whether a text names who sends it: legal entity, brand, postal address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from smtpguard.mail.lexicon import normalise
from smtpguard.policy.controller import Brand, Controller

SHORT = 5
"""Letters below which a name ("One") is an ordinary word and proves nothing alone."""
WINDOW = 200
"""Characters within which a postal address stands."""
ENOUGH = 0.8
"""Share of an address's words that must be there, in order."""
MANY = 2000
"""Mentions of its words beyond which no address is looked for."""

_FORM = re.compile(
    r"[\s,]+(?:s\.?\s?a\.?\s?s\.?(?:\s?u\.?)?|s\.?\s?a\.?(?:\s?r\.?\s?l\.?)?|s\.?\s?r\.?\s?l\.?(?:\s?s\.?)?"
    r"|s\.?\s?p\.?\s?a\.?|e\.?u\.?r\.?l\.?|s\.?n\.?c\.?|gmbh(?: & co\.? kg)?|ag|kg|ug|e\.?k\.?"
    r"|ltd\.?|limited|plc|llp|llc|inc\.?|corp\.?|s\.?l\.?u?\.?|lda\.?|b\.?v\.?|n\.?v\.?)$"
)
"""Company forms at the end of a legal name, normalised; they may be left out in a text."""
_WORD = re.compile(r"\w+")


def spells_sender(visible: str, controller: Controller, brand: Brand) -> bool:
    """Whether text as a person sees it names them as the policy spells them.

    A quick look: what it finds, ``names_sender`` finds in the normalised text, and more.
    """
    return any(_spells(name, visible) for name in _spellings(controller.legal_name, brand.names))


def names_sender(text: str, controller: Controller, brand: Brand) -> bool:
    """Whether normalised ``text`` names the legal entity or the brand."""
    long, short = _names(controller.legal_name, brand.names)
    if any(_stands(name, text) for name in long):
        return True
    identified = (
        re.sub(r"\W", "", value) in re.sub(r"\W", "", text)
        for value in map(normalise, controller.identifiers.values())
        if value
    )
    return any(_stands(name, text) for name in short) and any(identified)


def spells_address(visible: str, address: str) -> bool:
    """The same quick look for a postal address, before ``gives_address``."""
    return _spells(address, visible)


def gives_address(text: str, address: str) -> bool:
    """Whether normalised ``text`` gives that postal address: most of its words, in order."""
    return _verbatim(address, text) or gives_words(text, address)


def gives_words(text: str, address: str) -> bool:
    """The same, found by the words alone."""
    wanted = _words(address)
    needed = max(1, round(ENOUGH * len(wanted)))
    if sum([word in text for word in wanted]) < needed:
        return False
    places = [(at, word) for word in dict.fromkeys(wanted) for at in whole_words(word, text)]
    found = sorted(places)[:MANY]
    window = max(WINDOW, 2 * len(address))
    last = 0
    for first, (start, _) in enumerate(found):
        while last < len(found) and found[last][0] - start <= window:
            last += 1
        words = [word for _, word in found[first:last]]
        if len(words) >= needed and _in_order(words, wanted) >= needed:
            return True
    return False


def _spells(words: str, visible: str) -> bool:
    """Whether US-ASCII words stand there letter for letter, and nothing beyond it beside them.

    No normalisation joins such words to what stands beside them, or takes them apart.
    """
    # Whoever signs does so at the end.
    at = visible.rfind(words) if words.isascii() and _WORD.search(words) else -1
    if at < 0:
        return False
    end = at + len(words)
    beside = visible[max(at - 1, 0) : at] + visible[end : end + 1]
    return beside.isascii() and not _WORD.search(beside)


def _verbatim(address: str, text: str) -> bool:
    """Whether it stands there letter for letter, where it stands first; most do."""
    written = _written(address)
    before, found, after = text.partition(written) if written else ("", "", "")
    return bool(found and _words(address)) and not _WORD.search(before[-1:] + after[:1])


@lru_cache(maxsize=64)
def _written(address: str) -> str:
    return normalise(address)


@lru_cache(maxsize=64)
def _words(address: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(normalise(address)))


@lru_cache(maxsize=64)
def _spellings(legal_name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that prove enough alone, as they are written."""
    return (legal_name, *(name for name in names if len(normalise(name)) >= SHORT))


@lru_cache(maxsize=64)
def _names(legal_name: str, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names that prove enough alone, and those that do not; normalised."""
    legal = normalise(legal_name)
    brands = [name for name in map(normalise, names) if name]
    long = [name for name in brands if len(name) >= SHORT]
    short = [name for name in brands if len(name) < SHORT]
    entity = _FORM.sub("", legal)
    (long if len(entity) >= SHORT else short).append(entity)
    return tuple(filter(None, (legal, *long))), tuple(filter(None, short))


def _stands(name: str, text: str) -> bool:
    """Whether ``name`` stands in ``text`` as whole words."""
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
        if not (before.isalnum() and name[0].isalnum()) and not (
            after.isalnum() and name[-1].isalnum()
        ):
            return True
        at = text.find(name, at + 1)
    return False


def whole_words(word: str, text: str) -> Iterator[int]:
    """Where a word of letters and digits stands in ``text``, as a whole; the first ``MANY``."""
    size = len(word)
    at = -1
    for _ in range(MANY):
        at = text.find(word, at + 1)
        if at < 0:
            return
        around = text[max(at - 1, 0) : at] + text[at + size : at + size + 1]
        if not _WORD.search(around):
            yield at


def _in_order(words: Sequence[str], wanted: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(wanted) + 1)
    for word in words:
        before = 0
        for i, want in enumerate(wanted, 1):
            before, row[i] = row[i], before + 1 if word == want else max(row[i], row[i - 1])
    return row[-1]

"""Link targets, as a browser reads them, and those that stand as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urljoin

_CONTROLS = dict.fromkeys([*range(0x20), 0x7F])
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,40}:")
_LOCAL = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]"
_URL = r"(?:https?://|www\.(?=\w)|mailto:(?=\S))[^\s<>\"“”«»]{1,2000}"
_MAILBOX = rf"(?<!{_LOCAL}){_LOCAL}{{1,64}}@(?:[\w-]{{1,63}}\.){{1,8}}[a-zA-Z][\w-]{{1,62}}"
_PUNCTUATION = ".,;:!?'*"
_BRACKETS = {")": "(", "]": "["}
_URLS = re.compile(_URL, re.IGNORECASE)
_STANDING = re.compile(f"{_URL}|{_MAILBOX}", re.IGNORECASE)
MARKS = ("://", "@", "www.")
"""One of them stands in every line with something to click on."""


def clean(href: str) -> str:
    r"""The target without surrounding space and without control characters.

    WHATWG URL §4.4 drops tabs and newlines anywhere: ``java\tscript:`` is a scheme.
    """
    return (href if href.isprintable() else href.translate(_CONTROLS)).strip()


def joined(base: str, target: str) -> str:
    """A relative target joined to <base>; anything else as it is."""
    if not base or not target or target.startswith("#") or _SCHEME.match(target):
        return target
    try:
        return urljoin(base, target)
    except ValueError:
        return target


def standing(text: str) -> Sequence[tuple[int, int, str]]:
    """URLs and mail addresses that stand in the text, which mail programs make clickable.

    Gives start, end and target: ``www.`` is completed with ``http://``, an address with
    ``mailto:``.
    """
    if "@" in text:
        return [_spot(match) for match in _STANDING.finditer(text)]
    if "://" in text or "www." in text:
        return [_spot(match) for match in _URLS.finditer(text)]
    return ()


def _spot(match: re.Match[str]) -> tuple[int, int, str]:
    shown = match[0] if match[0][-1].isalnum() else _without_punctuation(match[0])
    begun = shown[:4].lower()
    if begun == "http" or _SCHEME.match(shown):
        target = shown
    else:
        target = ("http://" if begun == "www." else "mailto:") + shown
    start = match.start()
    return start, start + len(shown), clean(target)


def _without_punctuation(shown: str) -> str:
    """A sentence's own punctuation is not part of the URL that ends it."""
    for _ in range(8):
        last = shown[-1:]
        opening = _BRACKETS.get(last)
        if last not in _PUNCTUATION and not (opening and shown.count(opening) < shown.count(last)):
            break
        shown = shown[:-1]
    return shown

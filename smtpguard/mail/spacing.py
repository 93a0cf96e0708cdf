"""White space, as nobody sees it."""

from __future__ import annotations

from functools import lru_cache

LONG = 1_000
"""Characters of a line that is not remembered."""


def one_line(text: str) -> str:
    """The words with one space between them, and none around them."""
    text = text.strip()
    # Of all white space only the space is printable.
    if text.isprintable() and "  " not in text:
        return text
    return " ".join(text.split())


def known_line(text: str) -> str:
    """The same of a line of a mail. A campaign sends most of its lines to everybody."""
    return _known_line(text) if len(text) <= LONG else one_line(text)


_known_line = lru_cache(2048)(one_line)

"""White space, as nobody sees it."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The words with one space between them, and none around them."""
    text = text.strip()
    # Of all white space only the space is printable.
    if text.isprintable() and "  " not in text:
        return text
    return " ".join(text.split())

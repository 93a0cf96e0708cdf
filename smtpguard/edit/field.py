"""Header fields written (RFC 5322 §2.2, RFC 2047), and the charset of a Content-Type changed."""

from __future__ import annotations

import re
from base64 import b64encode

from smtpguard.edit.transfer import LONGEST_LINE, Change

FOLD = 76
"""Octets of a folded line without its CRLF, as RFC 2047 §2 wants where encoded words stand."""
_ENCODED_WORD = "=?utf-8?b?{}?="
_ON_ONE_LINE = frozenset({"list-unsubscribe", "list-unsubscribe-post"})
"""Fields not folded while that is legal: some receivers read only their first line."""

_TYPE = re.compile(rb"[^:]*:\s*+[^\s;]*+")
# {1,99}: a repeated group keeps each of its turns in memory until it is left.
_PARAMETER = re.compile(
    rb';\s*+([^\s=;"]++)\s*+=\s*+("(?>(?:[^"\\]++|\\.){1,99})*"?|[^\s;"]*+)',
    re.DOTALL,
)


def field(name: str, value: str) -> bytes:
    """One header field with its CRLF.

    Controls and line ends in ``value`` become spaces. Text outside US-ASCII becomes UTF-8 encoded
    words, so such a value is for unstructured fields only.
    """
    if not value.isprintable():
        value = "".join(c if c.isprintable() else " " for c in value)
    words = value.split()
    if not value.isascii():
        words = _encoded_words(" ".join(words), len(name) + 2)
    line = f"{name}: {' '.join(words)}"
    if len(line) > (LONGEST_LINE if name.lower() in _ON_ONE_LINE else FOLD):
        line = "\r\n".join(_folded(name, words))
    return line.encode("ascii") + b"\r\n"


def _folded(name: str, words: list[str]) -> list[str]:
    """Lines of at most ``FOLD`` octets where the words allow it."""
    lines = [f"{name}: {words[0]}"]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > FOLD:
            lines.append("")
        lines[-1] += f" {word}"
    return lines


def _encoded_words(text: str, indent: int) -> list[str]:
    """``text`` as encoded words, no character cut in two (RFC 2047 §5)."""
    room = (FOLD - indent - len(_ENCODED_WORD) + 2) // 4 * 3
    chunks = [b""]
    for character in text:
        octets = character.encode("utf-8", "replace")
        if chunks[-1] and len(chunks[-1]) + len(octets) > room:
            chunks.append(b"")
        chunks[-1] += octets
    return [_ENCODED_WORD.format(b64encode(chunk).decode("ascii")) for chunk in chunks]


def charset_change(content_type: bytes, charset: bytes) -> Change:
    """What to change in a whole Content-Type field so that it declares ``charset``.

    Only the value of its charset parameter is touched; where there is none, one is put behind
    the type.
    """
    for parameter in _PARAMETER.finditer(content_type):
        if parameter[1].lower() == b"charset":
            return Change(*parameter.span(2), charset)
    match = _TYPE.match(content_type)
    at = match.end() if match else len(content_type)
    return Change(at, at, b"; charset=" + charset)

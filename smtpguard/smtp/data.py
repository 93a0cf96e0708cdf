"""The octets of a message as the protocol sees them: line ends, NUL, line length. No I/O."""

from __future__ import annotations

import re

_BARE_CR = re.compile(rb"\r(?!\n)")


def stray(content: bytes) -> str:
    """What is in the message that no line may hold (RFC 5321 §2.3.8): a few words, or nothing."""
    if _BARE_CR.search(content):
        return "a bare carriage return"
    if content.count(b"\n") != content.count(b"\r"):
        return "a bare line feed"
    return "a NUL" if b"\0" in content else ""


def normalise(content: bytes) -> bytes:
    """Every bare CR and LF made CRLF."""
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def overlong(content: bytes, limit: int) -> bool:
    """Whether any line, CRLF excluded, has more than ``limit`` octets. Cheap for large limits."""
    at = 0
    while len(content) - at > limit:
        end = content.rfind(b"\r\n", at, at + limit + 2)
        if end < 0:
            return True
        at = end + 2
    return False

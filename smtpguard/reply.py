"""What the client is told (RFC 5321 §4.2, RFC 2034, RFC 3463)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LINE = 512
"""Octets of one reply line, CRLF included (RFC 5321 §4.5.3.1.5)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of one or more lines of US-ASCII text.

    ``status`` is the *subject.detail* of the enhanced code; its class digit is the code's own,
    so that the two cannot disagree. Text over the line limit is folded into more lines.
    """

    code: int
    status: str
    text: tuple[str, ...]

    @property
    def enhanced(self) -> str:
        """The whole enhanced status code."""
        return f"{self.code // 100}.{self.status}"

    @property
    def transient(self) -> bool:
        """The client may try again."""
        return self.code // 100 == 4

    def __bytes__(self) -> bytes:
        prefix = f"{self.code}-{self.enhanced} "
        room = LINE - 2 - len(prefix)
        lines = [piece for line in self.text or ("",) for piece in _fold(_ascii(line), room)]
        head = [prefix + line for line in lines[:-1]]
        last = f"{self.code} {self.enhanced} {lines[-1]}"
        return "".join(line.rstrip() + "\r\n" for line in [*head, last]).encode("ascii")


def _ascii(text: str) -> str:
    """``text`` in printable US-ASCII: accents dropped, the rest as ``?``."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = plain.replace("’", "'").replace("«", '"').replace("»", '"').replace("–", "-")
    return "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in plain)


def _fold(line: str, room: int) -> Sequence[str]:
    pieces = []
    while len(line) > room:
        cut = line.rfind(" ", 1, room + 1)
        cut = cut if cut > 0 else room
        pieces.append(line[:cut])
        line = line[cut:].lstrip(" ")
    return [*pieces, line]

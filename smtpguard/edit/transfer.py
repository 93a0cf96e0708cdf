"""Transfer encodings (RFC 2045 §6), changed in place.

``splice`` turns changes of the decoded octets into changes of the encoded ones, and names no more
than it must: a few lines of quoted-printable, the tail of base64, the very octets otherwise.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass

IDENTITY = frozenset({"", "7bit", "8bit", "binary"})
ENCODED = frozenset({"quoted-printable", "base64"})
LONGEST_LINE = 998
"""Octets of a line without its CRLF (RFC 5322 §2.1.1)."""
WIDTH = 76
"""Octets of an encoded line without its CRLF (RFC 2045 §6.7, §6.8)."""

_STRIDE = 4096


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Replace ``octets[start:end]`` with ``new``."""

    start: int
    end: int
    new: bytes


def changed(octets: bytes, changes: Sequence[Change]) -> bytes:
    """``octets`` with ``changes`` made, which are in order and do not overlap."""
    pieces = []
    at = 0
    for change in changes:
        pieces += [octets[at : change.start], change.new]
        at = change.end
    return b"".join([*pieces, octets[at:]])


def decode(octets: bytes, encoding: str) -> bytes:
    """What ``octets`` encode. Raises ``ValueError`` for base64 that is none."""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(octets)
    if encoding == "base64":
        return binascii.a2b_base64(b"".join(octets.split()), strict_mode=True)
    return octets


def encode(octets: bytes, encoding: str) -> bytes:
    """Encode the whole body of a part; lines end with CRLF and hold at most 76 octets."""
    if encoding == "quoted-printable":
        return _quoted_printable(octets)
    if encoding == "base64":
        return _base64(octets, WIDTH)
    return octets


def splice(octets: bytes, encoding: str, changes: Sequence[Change], size: int) -> list[Change]:
    """Changes of the encoded ``octets`` that amount to ``changes`` of the decoded ones.

    ``changes`` are in order and do not overlap; ``size`` octets are what is decoded.
    """
    if not changes:
        return []
    if encoding == "quoted-printable":
        return _splice_quoted_printable(octets, changes, size)
    if encoding == "base64":
        return [_splice_base64(octets, changes)]
    return list(changes)


def longest_line(octets: bytes) -> int:
    """Octets of the longest line, without its line end."""
    return max(map(len, octets.replace(b"\r\n", b"\n").split(b"\n")))


def _quoted_printable(octets: bytes) -> bytes:
    breaks = octets.count(b"\r\n")
    if octets.count(b"\n") == breaks == octets.count(b"\r"):
        encoded = binascii.b2a_qp(octets).replace(b"=\n", b"=\r\n")
    else:
        # A bare CR or LF is data here; on the wire it would be a line end of doubtful meaning.
        lines = (binascii.b2a_qp(line, istext=False) for line in octets.split(b"\r\n"))
        encoded = b"\r\n".join(line.replace(b"=\n", b"=\r\n") for line in lines)
    return _narrowed(encoded)


def _narrowed(encoded: bytes) -> bytes:
    """``encoded`` with the lines cut that are an octet or two too long, as some of binascii's."""
    if longest_line(encoded) <= WIDTH:
        return encoded
    return b"\r\n".join(map(_cut, encoded.split(b"\r\n")))


def _cut(line: bytes) -> bytes:
    if len(line) <= WIDTH:
        return line
    escape = line.rfind(b"=", WIDTH - 3, WIDTH - 1)
    at = escape if escape > 0 else WIDTH - 1
    return line[:at] + b"=\r\n" + line[at:]


def _base64(octets: bytes, width: int) -> bytes:
    text = binascii.b2a_base64(octets, newline=False)
    return b"\r\n".join(text[i : i + width] for i in range(0, len(text), width))


def _splice_base64(octets: bytes, changes: Sequence[Change]) -> Change:
    """Re-encode from the line of the first change on, where all lines are of one width."""
    text = octets.rstrip()
    end_of_lines = octets[len(text) :]
    lines = text.split(b"\r\n")
    width = len(lines[0])
    even = 0 < width <= WIDTH and not width % 4 and all(len(line) == width for line in lines[:-1])
    whole = not even or len(lines[-1]) > width
    width = WIDTH if whole else width
    skipped = 0 if whole else min(changes[0].start // (width // 4 * 3), len(lines) - 1)
    start = skipped * (width + 2)
    shift = skipped * (width // 4 * 3)
    tail = decode(octets[start:], "base64")
    moved = [Change(c.start - shift, c.end - shift, c.new) for c in changes]
    return Change(start, len(octets), _base64(changed(tail, moved), width) + end_of_lines)


def _splice_quoted_printable(octets: bytes, changes: Sequence[Change], size: int) -> list[Change]:
    """Re-encode the lines that a change touches."""
    done: list[Change] = []
    cursor = _Cursor.before(changes[0].start, octets, size)
    waiting = list(reversed(changes))
    while waiting:
        cursor.seek(waiting[-1].start)
        start, shift = cursor.encoded, cursor.decoded
        touching: list[Change] = []
        while waiting and (not touching or cursor.stands_behind(waiting[-1].start)):
            change = waiting.pop()
            touching.append(Change(change.start - shift, change.end - shift, change.new))
            cursor.pass_over(change.end)
        new = _quoted_printable(
            changed(decode(octets[start : cursor.encoded], "quoted-printable"), touching)
        )
        if new and not new.endswith(b"\n") and cursor.encoded < len(octets):
            new = _narrowed(new + b"=") + b"\r\n"
        done.append(Change(start, cursor.encoded, new))
    return done


@dataclass(slots=True)
class _Cursor:
    """A place between two lines of quoted-printable, counted in both forms; it moves forward."""

    octets: bytes
    encoded: int = 0
    decoded: int = 0

    @classmethod
    def before(cls, target: int, octets: bytes, size: int) -> _Cursor:
        """At the start of a line before the decoded octet ``target``: near it, where it is near
        the end, else at the start of all. ``size`` octets are what is decoded.
        """
        # An octet takes three at most, but for the breaks of lines.
        near = len(octets) - 4 * (size - target) - WIDTH
        if near > 0:
            start = octets.rfind(b"\n", 0, near) + 1
            decoded = size - len(binascii.a2b_qp(octets[start:]))
            if 0 <= decoded <= target:
                return cls(octets, start, decoded)
        return cls(octets)

    def seek(self, target: int) -> None:
        """Move to the start of the line in which the decoded octet ``target`` stands."""
        stride = _STRIDE if target - self.decoded > 4 * WIDTH else 0
        while self.encoded < len(self.octets):
            end, size = self._measure(stride)
            if self.decoded + size <= target and end < len(self.octets):
                self.encoded, self.decoded = end, self.decoded + size
            elif stride:
                stride //= 16
            else:
                return

    def stands_behind(self, target: int) -> bool:
        """Whether the decoded octet ``target`` stands before the cursor, or nothing is left."""
        return target < self.decoded or self.encoded == len(self.octets)

    def pass_over(self, target: int) -> None:
        """Move behind the line in which ``target`` stands."""
        self.seek(target)
        end, size = self._measure(0)
        self.encoded, self.decoded = end, self.decoded + size

    def _measure(self, stride: int) -> tuple[int, int]:
        """Where the line ends that is ``stride`` octets on, and how many it decodes to there."""
        end = self.octets.find(b"\n", self.encoded + stride) + 1 or len(self.octets)
        return end, len(binascii.a2b_qp(self.octets[self.encoded : end]))

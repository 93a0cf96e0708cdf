"""Exactly the octets that changed, as lines a person can read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.text import Text

from smtpguard.edit.edit import Edit

WIDEST = 160
"""Characters of one line shown; what is longer is cut and says so."""

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
"""What would move the cursor, turn the line round, or hide: shown as an escape."""


def diff(raw: bytes, edits: Sequence[Edit]) -> Iterator[Text]:
    """One block for each edit: where, why, what went and what came."""
    for edit in edits:
        yield Text(f"@@ {_place(raw, edit)}  {edit.why}", style="cyan")
        before, after = raw[edit.start : edit.end], edit.new
        kept = _common(before, after)
        gone, came = before[kept[0] : len(before) - kept[1]], after[kept[0] : len(after) - kept[1]]
        yield from (Text(f"- {line}", style="red") for line in _lines(gone))
        yield from (Text(f"+ {line}", style="green") for line in _lines(came))


def _place(raw: bytes, edit: Edit) -> str:
    line = raw.count(b"\n", 0, edit.start) + 1
    span = f"octets {edit.start}-{edit.end}" if edit.end > edit.start else f"octet {edit.start}"
    return f"line {line}, {span}"


def _common(before: bytes, after: bytes) -> tuple[int, int]:
    """Octets of whole lines that an edit of a part leaves alike, at its beginning and its end."""
    shortest = min(len(before), len(after))
    head = next((i for i in range(shortest) if before[i] != after[i]), shortest)
    head = before.rfind(b"\n", 0, head) + 1
    rest = shortest - head
    tail = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    while tail and not _begins_line(before, head, tail) & _begins_line(after, head, tail):
        line = before.find(b"\n", len(before) - tail)
        tail = len(before) - line - 1 if line >= 0 else 0
    return head, tail


def _begins_line(octets: bytes, head: int, tail: int) -> bool:
    """Whether the last ``tail`` octets begin where a line or the edit itself begins."""
    start = len(octets) - tail
    return start == head or octets[start - 1 : start] == b"\n"


def _lines(octets: bytes) -> Iterator[str]:
    if not octets:
        return
    text = octets.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    for line in _UNSEEN.sub(_named, text.removesuffix("\n")).split("\n"):
        yield line if len(line) <= WIDEST else f"{line[:WIDEST]}... ({len(line)} characters)"


def _named(unseen: re.Match[str]) -> str:
    return unseen[0].encode("unicode_escape").decode("ascii")

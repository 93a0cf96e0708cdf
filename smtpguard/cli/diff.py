"""Exactly the octets that changed, as lines a person can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from smtpguard.edit.edit import Edit

WIDEST = 160
"""Characters of one line shown; what is longer is cut and says so."""


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
    """Octets that an edit of a whole part leaves alike, at its beginning and at its end."""
    shortest = min(len(before), len(after))
    head = next((i for i in range(shortest) if before[i] != after[i]), shortest)
    head = before.rfind(b"\n", 0, head) + 1
    rest = shortest - head
    tail = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    return head, tail


def _lines(octets: bytes) -> Iterator[str]:
    if not octets:
        return
    for line in octets.decode("utf-8", "backslashreplace").splitlines():
        yield line if len(line) <= WIDEST else f"{line[:WIDEST]}... ({len(line)} characters)"

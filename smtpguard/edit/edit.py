"""Edits on octets: applied, inverted, described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace ``raw[start:end]`` with ``new``; an insertion where ``start == end``.

    Offsets refer to the message as received. ``why`` is a few words for the log and the diff:
    a rule's id, ``trace``, ``dkim`` ...
    """

    start: int
    end: int
    new: bytes
    why: str


def misplaced(size: int, edits: Sequence[Edit]) -> Edit | None:
    """The first that overlaps the one before it, or stands outside of ``size`` octets."""
    at = 0
    for edit in edits:
        if edit.start < at or edit.end < edit.start or edit.end > size:
            return edit
        at = edit.end
    return None


def apply(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """``raw`` with ``edits`` made. Edits are in order and do not overlap, else ``ValueError``.

    Insertions at one place are made in the order given.
    """
    if (wrong := misplaced(len(raw), edits)) is not None:
        raise ValueError(f"edit {wrong.start}-{wrong.end} overlaps or is out of place")
    pieces: list[bytes] = []
    at = 0
    for edit in edits:
        pieces.append(raw[at : edit.start])
        pieces.append(edit.new)
        at = edit.end
    pieces.append(raw[at:])
    return b"".join(pieces)


def invert(raw: bytes, edits: Sequence[Edit]) -> list[Edit]:
    """The edits that lead from ``apply(raw, edits)`` back to ``raw``."""
    back: list[Edit] = []
    shift = 0
    for edit in edits:
        start = edit.start + shift
        back.append(Edit(start, start + len(edit.new), raw[edit.start : edit.end], edit.why))
        shift += len(edit.new) - (edit.end - edit.start)
    return back

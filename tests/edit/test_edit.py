"""Edits of octets: made, taken back, refused where they quarrel."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.edit import Edit, apply, invert


@st.composite
def edited(draw: st.DrawFn) -> tuple[bytes, list[Edit]]:
    raw = draw(st.binary(max_size=60))
    places = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=10)))
    pairs = zip(places[::2], places[1::2], strict=False)
    return raw, [Edit(start, end, draw(st.binary(max_size=8)), "test") for start, end in pairs]


@settings(deadline=None)
@given(edited())
def test_edits_taken_back_give_the_original(case: tuple[bytes, list[Edit]]) -> None:
    raw, edits = case
    assert apply(apply(raw, edits), invert(raw, edits)) == raw


@settings(deadline=None)
@given(edited())
def test_octets_outside_the_edits_stay(case: tuple[bytes, list[Edit]]) -> None:
    raw, edits = case
    at = 0
    rest = apply(raw, edits)
    for edit in edits:
        kept = raw[at : edit.start]
        assert rest.startswith(kept + edit.new)
        rest, at = rest[len(kept) + len(edit.new) :], edit.end
    assert rest == raw[at:]


def test_insertions_at_one_place_keep_their_order() -> None:
    assert apply(b"c", [Edit(0, 0, b"a", ""), Edit(0, 0, b"b", "")]) == b"abc"


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(0, 2, b"", ""), Edit(1, 3, b"", "")],
        [Edit(2, 3, b"", ""), Edit(0, 1, b"", "")],
        [Edit(2, 1, b"", "")],
        [Edit(0, 9, b"", "")],
    ],
)
def test_edits_that_quarrel_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="overlaps or is out of place"):
        apply(b"abcd", edits)

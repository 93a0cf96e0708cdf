"""What stands between two URLs is learnt, then known, then known with what stands around it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smtpguard.mail import passage
from smtpguard.mail.move import LONG, MEMORY, ONCE, WEIGHT
from smtpguard.mail.passage import Cut
from smtpguard.mail.shown import Shown
from smtpguard.mail.written import Untidy

RUN = (b"><p>Hello <a href", b">first</a> and <a href", b">second</a></p><")


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    MEMORY.forget()
    yield
    MEMORY.forget()


def walk(run: tuple[bytes, ...], lessons: int = 100) -> tuple[Cut, list[Shown], int]:
    known = passage.begin().runs.get(run)
    if known is None:
        known, lessons = passage.begin().walk(run, lessons)
    cut, shown = known
    return cut, list(shown), lessons


def texts(shown: list[Shown]) -> list[str]:
    return ["".join(words for words, _, _ in each.pieces) for each in shown]


def test_it_is_learnt_then_known_then_known_in_one() -> None:
    cut, shown, left = walk(RUN)
    assert cut.ended()
    assert texts(shown) == ["Hello ", "first and ", "second\0"]
    assert left < 100
    for _ in range(2):  # met, and remembered
        assert walk(RUN, 0) == (cut, walk(RUN, 0)[1], 0)
        assert texts(walk(RUN, 0)[1]) in (texts(shown), ["".join(texts(shown))])
    assert texts(walk(RUN, 0)[1]) == ["".join(texts(shown))]
    assert [each.urls for each in walk(RUN, 0)[1]] == [3]


def test_what_only_one_reader_gets_is_not_kept() -> None:
    for number in range(5):
        walk((RUN[0].replace(b"Hello", b"Dear %d" % number), *RUN[1:]))
    begin = passage.begin()
    assert not begin.runs
    assert not begin._passages
    assert len(MEMORY._met) == 5 + 2
    for number in range(ONCE):
        assert not MEMORY.met(b"%d" % number)
    assert len(MEMORY._met) < ONCE


def test_nothing_more_is_learnt_than_may_be() -> None:
    with pytest.raises(Untidy):
        walk(RUN, 2)
    assert walk(RUN, 8)


def test_a_tag_is_learnt_apart_from_its_text() -> None:
    walk(RUN)
    state = MEMORY.begin
    for piece in ("!x>", "p>"):
        state = state.get(piece, (state, (), None, 0))[0]
    assert "p>" in MEMORY.begin
    assert "p>Hello " in MEMORY.begin


def test_a_page_that_is_not_utf8() -> None:
    with pytest.raises(Untidy):
        walk((b"><p>\xe9</p><",))


def test_memory_counts_what_it_keeps() -> None:
    before = MEMORY._room
    for _ in range(3):
        walk(RUN)
    assert before - MEMORY._room > 2 * sum(map(len, RUN))
    room = MEMORY._room
    walk(RUN)
    assert MEMORY._room == room


def test_memory_counts_style_sheets_whatever_their_length() -> None:
    before = MEMORY._room
    rules = "".join(f".c{n}{{display:none}}" for n in range(3000))
    assert len(rules) > LONG
    walk((f"><style>{rules}</style><p>x</p><".encode(),))
    assert before - MEMORY._room > len(rules) + 400 * WEIGHT

"""Stretches of a page put together show what they show one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail.anchor import HIDDEN, LINE, NOBODY, SHOWN, Anchor, Piece
from smtpguard.mail.reading import Image, Seen
from smtpguard.mail.shown import Act, Shown, one, seen, together
from smtpguard.mail.spacing import one_line

PIECES: list[Piece] = [
    LINE,
    ("a", SHOWN, NOBODY),
    (" ", SHOWN, NOBODY),
    ("b  c\n", SHOWN, NOBODY),
    ("unseen", HIDDEN, NOBODY),
]
STRETCHES = st.lists(st.lists(st.sampled_from(PIECES), max_size=4), max_size=6)


def link(target: str, words: str) -> Anchor:
    anchor = Anchor(target, "", 0, quoted=False)
    anchor.pieces.append(0)
    anchor.label = words
    anchor.shows(Seen.VISIBLE, "", words=True)
    return anchor


@settings(max_examples=200, deadline=None, database=None)
@given(STRETCHES)
def test_lines(stretches: list[list[Piece]]) -> None:
    text = "".join(words for each in stretches for words, mark, _ in each if mark & SHOWN)
    lines = "\n".join(filter(None, map(one_line, text.split("\0"))))
    each = [Shown(pieces, [], 0, 1) for pieces in stretches]
    assert "\n".join(seen(each)) == lines
    assert "\n".join(seen([together(each)])) == lines
    assert "\n".join(seen([*each[:2], together(each[2:])])) == lines


def test_whole_lines_are_the_same_text_every_time() -> None:
    known = Shown([LINE, ("a", SHOWN, NOBODY), LINE, ("b", SHOWN, NOBODY)], [], 0, 1)
    own = [Shown([(name, SHOWN, NOBODY)], [], 0, 1) for name in ("Ann", "Bob")]
    one_, other = (seen([mine, known, mine]) for mine in own)
    assert (one_, other) == (["Ann", "a", "bAnn"], ["Bob", "a", "bBob"])
    assert one_[1] is other[1]


def test_places_and_urls_are_counted_from_the_first() -> None:
    image = Image("i")
    first = Act(None, ((link("", "x"), 0), (link("u", "y"), None)), ((image, -1),), "")
    later = Act(link("", " more"), ((link("", "z"), 0),), ((image, None),), "fr")
    whole = one([(first, 0, 0), (later, 5, 2)])
    assert whole is not None
    assert whole.mine is None
    assert [(a.label, a.first, aim) for a, aim in whole.links] == [
        ("x", 0, 0),
        ("y more", 0, None),
        ("z", 5, 2),
    ]
    assert whole.images == ((image, -1), (image, None))
    assert whole.language == "fr"


def test_what_goes_on_in_a_link_from_before() -> None:
    acts = [(Act(link("", word)), number, number) for number, word in enumerate("ab")]
    whole = one(acts)
    assert whole is not None
    assert whole.mine is not None
    assert (whole.mine.label, whole.mine.pieces, whole.links) == ("ab", [0, 1], ())
    assert one([]) is None
    assert one([(Act(), 0, 0)]) is None

"""What changed, no more and no less, and safe to look at."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.cli.diff import WIDEST, diff
from smtpguard.edit.edit import Edit

RAW = b"Subject: x\r\n\r\none\r\ntwo\r\nthree\r\n"
BODY = RAW.index(b"one")


def shown(*edits: Edit, raw: bytes = RAW) -> list[str]:
    return [line.plain for line in diff(raw, edits)]


def test_an_insertion_names_its_place_and_its_rule() -> None:
    assert shown(Edit(0, 0, b"Date: now\r\nX: y\r\n", "malformed-headers")) == [
        "@@ line 1, octet 0  malformed-headers",
        "+ Date: now",
        "+ X: y",
    ]


def test_a_removal_shows_what_went() -> None:
    assert shown(Edit(0, 12, b"", "trusted-fields")) == [
        "@@ line 1, octets 0-12  trusted-fields",
        "- Subject: x",
    ]


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        (b"one\r\nTWO\r\nthree\r\n", ["- two", "+ TWO"]),
        (b"one\r\ntwo\r\nthree\r\nfour\r\n", ["+ four"]),
        (b"zero\r\none\r\ntwo\r\nthree\r\n", ["+ zero"]),
        (b"one\r\nthree\r\n", ["- two"]),
        (b"one\r\ntwo\r\ntwo\r\nthree\r\n", ["+ two"]),
        (b"one\r\nand two\r\nthree\r\n", ["- two", "+ and two"]),
        (b"one\r\n\r\ntwo\r\nthree\r\n", ["+ "]),
        (b"one\r\ntwo\r\nthree", ["- three", "+ three"]),
        (b"one\r\ntwo\r\nthree\r\n", []),
    ],
)
def test_lines_that_stay_are_not_shown_and_lines_that_change_are_whole(
    new: bytes, lines: list[str]
) -> None:
    assert shown(Edit(BODY, len(RAW), new, "x"))[1:] == lines


@given(st.lists(st.sampled_from("ab"), max_size=8), st.lists(st.sampled_from("ab"), max_size=8))
@settings(max_examples=200)
def test_what_is_shown_is_what_turns_one_into_the_other(old: list[str], new: list[str]) -> None:
    raw = "".join(f"{line}\r\n" for line in old).encode()
    lines = shown(Edit(0, len(raw), "".join(f"{n}\r\n" for n in new).encode(), "x"), raw=raw)[1:]
    gone = [line[2:] for line in lines if line.startswith("-")]
    came = [line[2:] for line in lines if line.startswith("+")]
    assert any(
        old[:at] + came + old[at + len(gone) :] == new and old[at : at + len(gone)] == gone
        for at in range(len(old) + 1)
    )


def test_long_lines_are_cut_and_say_so() -> None:
    long = b"x" * (WIDEST + 1)
    _, line = shown(Edit(0, 0, long + b"\r\n", "x"))
    assert line == f"+ {'x' * WIDEST}... ({WIDEST + 1} characters)"


def test_what_a_terminal_would_obey_is_shown_as_an_escape() -> None:
    hostile = "\x1b]0;owned\x07 \u202etxt.exe\x85\r \x0c\u2028é\xa0!\t.\r\n".encode()
    _, line = shown(Edit(0, 0, hostile, "x"))
    assert line == r"+ \x1b]0;owned\x07 \u202etxt.exe\x85\r \x0c\u2028é" + "\xa0!\t."


def test_octets_that_are_no_text_are_shown_as_octets() -> None:
    assert shown(Edit(0, 0, b"caf\xe9\r\n", "x"))[1] == r"+ caf\xe9"

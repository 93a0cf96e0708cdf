"""A brand's colour, where it can be read."""

import re

from hypothesis import given
from hypothesis import strategies as st

from smtpguard.web.look import CARD, DARK_CARD, STYLE, contrast, stylesheet

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


def rgb(text: str) -> tuple[int, int, int]:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:], 16)


def names(colour: str) -> dict[str, tuple[int, int, int]]:
    style = stylesheet(colour).decode()
    found = re.findall(r"--(brand|on-brand|accent-day|accent-night): (#\w{6});", style)
    return {name: rgb(value) for name, value in found}


@given(COLOURS)
def test_text_can_be_read_whatever_the_colour(colour: str) -> None:
    named = names(colour)
    assert named["brand"] == rgb(colour)
    assert contrast(named["brand"], named["on-brand"]) >= 4.5
    assert contrast(named["accent-day"], CARD) >= 4.5
    assert contrast(named["accent-night"], DARK_CARD) >= 4.5


def test_a_colour_that_can_be_read_is_left_alone() -> None:
    assert names("#005a9c")["accent-day"] == rgb("#005a9c")


def test_short_colours_and_none() -> None:
    assert stylesheet("#0b5") == stylesheet("#00bb55")
    assert names("")["brand"]


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == 21
    assert round(contrast((0x77, 0x77, 0x77), (255, 255, 255)), 2) == 4.48


def test_the_cards_are_those_of_the_stylesheet() -> None:
    cards = [rgb(found) for found in re.findall(r"--card: (#\w{6});", STYLE)]
    assert cards == [CARD, DARK_CARD]


def test_no_side_is_left_or_right() -> None:
    assert not re.search(r"(margin|padding|border|inset)-(left|right)", STYLE)
    assert not re.search(r"text-align: (left|right)|[^-](left|right):", STYLE)
    assert "url(" not in STYLE
    assert "@import" not in STYLE

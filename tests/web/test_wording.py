"""Seven languages that say the same."""

import re
from string import Formatter

import pytest

from smtpguard.web.wording import LANGUAGES, WORDINGS, Wording, choose

ENGLISH = WORDINGS["en"].words


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_with_every_blank(language: str) -> None:
    words = WORDINGS[language].words
    assert list(words) == list(ENGLISH)
    for key, text in words.items():
        if key == "months":
            assert len(set(text)) == 12
        else:
            assert text.strip() == text != ""
            assert blanks(text) == blanks(ENGLISH[key]), key


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_no_sentence_is_left_in_english(language: str) -> None:
    words = WORDINGS[language].words
    same = {key for key, text in words.items() if text == ENGLISH[key]}
    assert same <= {"date", "contact"}


@pytest.mark.parametrize(
    ("asked", "accepted", "usual", "language"),
    [
        ("", "", (), "en"),
        ("it", "fr", ("de",), "it"),
        ("IT-ch", "", (), "it"),
        ("xx", "fr-CA,fr;q=0.9", (), "fr"),
        ("", "en;q=0.1, de;q=0.8 , nl;q=0.9", (), "nl"),
        ("", "de;q=0, es", (), "es"),
        ("", "sv, *;q=0.5", ("pt", "en"), "pt"),
        ("", ",;q=,fr;q=9,it;q=0.5;x", ("nl",), "nl"),
        ("", "fr" * 1000, (), "en"),
    ],
)
def test_which_language(asked: str, accepted: str, usual: tuple[str, ...], language: str) -> None:
    assert choose(asked, accepted, usual).language == language


def test_what_is_filled_in_is_escaped_and_keeps_its_direction() -> None:
    said = WORDINGS["fr"].say("ask_lead", brand="<i>", address="a@ب")
    assert said == "<bdi>&lt;i&gt;</bdi> ne les enverra plus à <bdi>a@ب</bdi>."


def test_dates_and_directions() -> None:
    dates = {language: WORDINGS[language].date(1_795_000_000) for language in LANGUAGES}
    assert dates["en"] == "18 November 2026"
    assert dates["de"] == "18. November 2026"
    assert dates["es"] == "18 de noviembre de 2026"
    assert Wording("ar", {}).direction == "rtl"


def test_no_sentence_holds_markup() -> None:
    for words in WORDINGS.values():
        assert not any(re.search("[<>&]", str(text)) for text in words.words.values())

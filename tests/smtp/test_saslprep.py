"""One form for what may be typed in several; the examples are those of RFC 4013 §3."""

from __future__ import annotations

import pytest

from smtpguard.smtp.saslprep import prepared


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0628", "\u0627\u0628"),
        ("", ""),
    ],
)
def test_forms_of_the_same_are_one(typed: str, form: str) -> None:
    assert prepared(typed) == form


@pytest.mark.parametrize("typed", ["\u0007", "a\0b", "\u0627\u0031", "\ue000", "a\u0627", "\ufffd"])
def test_what_has_no_form_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(ValueError) as refused:
        prepared("secret" + typed)
    assert "secret" not in repr(refused.value)


def test_what_is_kept_may_not_be_unassigned() -> None:
    new = "\U0001f40e"  # a horse, of Unicode 6.0
    assert prepared(new) == new
    with pytest.raises(ValueError, match=r"not in Unicode 3\.2"):
        prepared(new, stored=True)

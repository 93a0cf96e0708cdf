"""A message's own word about its language."""

from __future__ import annotations

import pytest

from smtpguard.mail.language import language_of
from smtpguard.mail.message import Message

PAGE = "Content-Type: text/html\r\n\r\n<html lang={}>x</html>"


@pytest.mark.parametrize(
    ("raw", "language"),
    [
        ("Content-Language: it-IT, en\r\n" + PAGE.format("fr"), "it"),
        ("Content-Language: DE\r\n\r\nx", "de"),
        ("Content-Language: ,\r\n" + PAGE.format("fr-CA"), "fr"),
        ("Content-Language: i-klingon\r\n" + PAGE.format("''"), "nl"),
        (PAGE.format("gsw"), "nl"),
        ("\r\nplain", "nl"),
    ],
)
def test_field_then_page_then_fallback(raw: str, language: str) -> None:
    assert language_of(Message(raw.encode()), "nl") == language

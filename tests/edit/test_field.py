"""Header fields as they are written."""

from __future__ import annotations

from email.header import decode_header, make_header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.field import charset_change, field
from smtpguard.edit.transfer import changed
from smtpguard.mail.field import split_fields


def test_short_text_stands_on_one_line() -> None:
    assert field("List-Id", "News <news.acme.example>") == b"List-Id: News <news.acme.example>\r\n"
    assert field("X-Empty", "") == b"X-Empty: \r\n"


def test_long_text_is_folded_between_words() -> None:
    lines = field("X-Words", "word " * 60).split(b"\r\n")
    assert all(len(line) <= 76 for line in lines)
    assert all(line.startswith(b" word") for line in lines[1:-1])


def test_list_unsubscribe_is_not_folded_while_that_is_legal() -> None:
    value = f"<https://u.acme.example/u/{'x' * 300}>, <mailto:u@acme.example?subject=unsubscribe>"
    assert field("List-Unsubscribe", value).count(b"\r\n") == 1
    assert field("List-Unsubscribe", f"{value}, <https://{'y' * 700}>").count(b"\r\n") > 1


def test_no_value_makes_a_second_field() -> None:
    written = field("Subject", "Hello\r\nBcc: evil@evil.example\0\x85\u2028x")
    assert written == b"Subject: Hello Bcc: evil@evil.example x\r\n"


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_back(text: str) -> None:
    written = field("Subject", text)
    assert written.isascii()
    assert written.endswith(b"\r\n")
    (read,) = split_fields(written, 0, len(written))
    meant = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if "=?" not in text:
        assert read.text == meant
        unfolded = read.raw.decode()
        assert str(make_header(decode_header(unfolded))) == meant or not meant
    if not meant.isascii():
        assert all(len(line) <= 76 for line in written.split(b"\r\n"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Content-Type: text/plain\r\n", b"Content-Type: text/plain; charset=utf-8\r\n"),
        (b"Content-Type:text/plain;\r\n", b"Content-Type:text/plain; charset=utf-8;\r\n"),
        (
            b"Content-Type: text/plain; format=flowed\r\n",
            b"Content-Type: text/plain; charset=utf-8; format=flowed\r\n",
        ),
        (
            b'Content-Type: text/plain;\r\n\tCHARSET = "us-ascii" ; a=b\r\n',
            b"Content-Type: text/plain;\r\n\tCHARSET = utf-8 ; a=b\r\n",
        ),
        (
            b'Content-Type: text/plain; name="; charset=x\\"; charset=y"; charset=z\r\n',
            b'Content-Type: text/plain; name="; charset=x\\"; charset=y"; charset=utf-8\r\n',
        ),
    ],
)
def test_a_charset_is_changed_and_nothing_else(before: bytes, after: bytes) -> None:
    assert changed(before, [charset_change(before, b"utf-8")]) == after

"""What the header of a part says, once and again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail.field import split_fields
from smtpguard.mail.heading import LONG, heading, heading_of


def test_defaults() -> None:
    said = heading(b"", "message/rfc822")
    assert (said.kind.value, said.encoding, said.disposition.value) == (
        "message/rfc822",
        "7bit",
        "",
    )
    assert heading(b"", "text/plain").kind.value == "text/plain"
    assert heading(b"Content-Type: nonsense; charset=x\r\n", "message/rfc822").kind.value == (
        "text/plain"
    )


@pytest.mark.parametrize(
    ("header", "defect"),
    [
        (b"Content-Type: text/html\r\nContent-ID: <a@b>\r\n", ""),
        (b"Content-Type: text/html\r\nContent-Type: text/plain\r\n", "contradictory header"),
        (b"Content-Transfer-Encoding: 8bit\r\n" * 2, "contradictory header"),
        (b"Content-Disposition: inline\r\n" * 2, ""),
        (b"no field\r\n", "malformed header"),
        (b"no field\r\n" + b"Content-Type: a/b\r\n" * 2, "contradictory header"),
    ],
)
def test_defects(header: bytes, defect: str) -> None:
    assert heading(header, "text/plain").defect == defect


LINES = [
    b"Content-Type: text/html; charset=utf-8\r\n", b"Content-Type: image/png;\r\n name=x.png\r\n",
    b"Content-Transfer-Encoding: BASE64\r\n", b"Content-Disposition: attachment; filename=y\r\n",
    b"Content-ID: <a@b>\r\n", b"broken\r\n", b"X: " + b"x" * LONG + b"\r\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=5), st.sampled_from(("text/plain", "a/b")))
@settings(max_examples=100, deadline=None, database=None)
def test_what_is_remembered_is_what_the_fields_say(lines: list[bytes], default: str) -> None:
    header = b"".join(lines)
    said = heading_of(split_fields(header, 0, len(header)), default)
    assert heading(header, default) == heading(header, default) == said

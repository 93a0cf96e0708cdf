"""XFORWARD read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail.envelope import Session
from smtpguard.smtp import xforward
from smtpguard.smtp.capabilities import XFORWARD


def test_values_are_decoded() -> None:
    said = b"name=spike.example HELO=a+20b ADDR=IPV6:2001:db8::1 PORT=[UNAVAILABLE]"
    parsed = xforward.parse(said)
    assert parsed == (
        ("NAME", "spike.example"),
        ("HELO", "a b"),
        ("ADDR", "IPV6:2001:db8::1"),
        ("PORT", ""),
    )


@pytest.mark.parametrize(
    "argument",
    [
        b"",
        b"NAME",
        b"COLOUR=red",
        b"NAME=a=b",
        b"NAME=a+2",
        b"NAME=a+2b",
        b"HELO=a+0D+0Ab",
        b"HELO=" + b"x" * 256,
        b"ADDR=nowhere",
        b"PORT=65536",
        b"PORT=x",
        b"SOURCE=MARS",
    ],
)
def test_bad_attributes_are_refused(argument: bytes) -> None:
    with pytest.raises(xforward.MalformedForward):
        xforward.parse(argument)


@given(
    st.text(st.characters(min_codepoint=33, exclude_categories=["C", "Z"]), min_size=1, max_size=60)
)
def test_what_was_forwarded_comes_out_again(helo: str) -> None:
    session = Session(forwarded=(("HELO", helo),))
    (_, line) = xforward.lines(session, XFORWARD)
    assert line.endswith(b"\r\n")
    assert line.isascii()
    parsed = dict(xforward.parse(line.removeprefix(b"XFORWARD ")))
    unknown = helo.upper() in ("[UNAVAILABLE]", "[TEMPUNAVAIL]")
    assert parsed["HELO"] == ("" if unknown else helo)


def test_a_session_that_nobody_forwarded_speaks_for_itself() -> None:
    session = Session(peer="2001:db8::1", helo="c.example", protocol="LMTP")
    assert xforward.lines(session, frozenset({"ADDR", "HELO"})) == [
        b"XFORWARD ADDR=IPV6:2001:db8::1\r\n",
        b"XFORWARD HELO=c.example\r\n",
    ]
    assert xforward.lines(session, frozenset({"NAME"})) == [b"XFORWARD NAME=[UNAVAILABLE]\r\n"]
    assert xforward.lines(session, frozenset()) == []

"""What clients say in an exchange, and what they are asked."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.smtp import sasl
from smtpguard.smtp.sasl import Cancelled, Credentials, Malformed


def coded(octets: bytes) -> bytes:
    return base64.b64encode(octets)


def held(argument: bytes, *responses: bytes) -> tuple[list[bytes], Credentials]:
    """The challenges of a whole exchange, and what it gave."""
    exchange = sasl.begin(argument)
    assert exchange is not None
    challenges = []
    try:
        asked = next(exchange)
        for response in responses:
            challenges.append(asked)
            asked = exchange.send(sasl.response(response))
    except StopIteration as done:
        return challenges, done.value
    raise AssertionError("it asks for more")


CRM = Credentials("crm", "correct horse")


@pytest.mark.parametrize("authzid", [b"", b"crm"])
def test_plain(authzid: bytes) -> None:
    message = coded(b"\0".join((authzid, b"crm", b"correct horse")))
    assert held(b"PLAIN " + message) == ([], CRM)
    assert held(b"Plain", message) == ([b""], CRM)


def test_plain_for_another_is_nobody() -> None:
    _, given = held(b"PLAIN " + coded(b"boss\0crm\0correct horse"))
    assert given.name == ""


def test_login() -> None:
    name, password = coded(b"crm"), coded(b"correct horse")
    assert held(b"LOGIN", name, password) == ([b"Username:", b"Password:"], CRM)
    assert held(b"login " + name, password) == ([b"Password:"], CRM)


def test_an_empty_initial_response_is_a_sign() -> None:
    assert held(b"LOGIN =", coded(b"x"))[1] == Credentials("", "x")
    with pytest.raises(Malformed):
        held(b"PLAIN =")


def test_what_is_not_offered() -> None:
    assert sasl.begin(b"CRAM-MD5") is None
    assert sasl.begin(b"XOAUTH2 " + coded(b"x")) is None


@pytest.mark.parametrize("argument", [b"", b"PLAIN a b", b"PLAIN x", b"PLAIN \xff\xff\xff\xff"])
def test_what_is_no_argument(argument: bytes) -> None:
    with pytest.raises(Malformed):
        held(argument)


def test_a_star_cancels() -> None:
    with pytest.raises(Cancelled):
        held(b"PLAIN", b"*")


@pytest.mark.parametrize(
    "message",
    [b"\0crm\0hunter2\xff", b"hunter2", b"\0crm\0hunter2\0", b"\0hunter2\xff\0x", b"crm\0hunter2"],
)
def test_no_exception_repeats_what_was_given(message: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        held(b"PLAIN " + coded(message))
    chain: BaseException | None = refused.value
    while chain is not None:
        assert "hunter2" not in repr(chain)
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)


def test_a_password_is_not_shown() -> None:
    assert "correct" not in repr(CRM)


@given(st.binary(max_size=60))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    try:
        assert coded(sasl.response(line)) == line
    except (Malformed, Cancelled):
        assert line == b"*" or len(line) % 4 or line.strip(b"=") != line or not line.isalnum()

"""ESMTP parameters are read strictly and kept as they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail.address import MalformedPath
from smtpguard.mail.envelope import Envelope, Parameter, Session, parse_parameters


@pytest.mark.parametrize(
    ("rest", "parameters"),
    [
        (b"", ()),
        (b" ", ()),
        (b" SIZE=10", ((b"SIZE", b"10"),)),
        (b" size=10  Body=8BitMime ", ((b"size", b"10"), (b"Body", b"8BitMime"))),
        (b" SMTPUTF8", ((b"SMTPUTF8", None),)),
        (b" AUTH=<>", ((b"AUTH", b"<>"),)),
        (b" ORCPT=rfc822;a+2Bb@c", ((b"ORCPT", b"rfc822;a+2Bb@c"),)),
        (" ORCPT=utf-8;josé@d".encode(), ((b"ORCPT", "utf-8;josé@d".encode()),)),
        (b" NOTIFY=SUCCESS,FAILURE RET=HDRS", ((b"NOTIFY", b"SUCCESS,FAILURE"), (b"RET", b"HDRS"))),
    ],
)
def test_parameters(rest: bytes, parameters: tuple[tuple[bytes, bytes | None], ...]) -> None:
    assert parse_parameters(rest) == tuple(Parameter(*pair) for pair in parameters)


@pytest.mark.parametrize(
    "rest",
    [b" =", b" =1", b" SIZE=", b" SIZE=1=2", b" -A=1", b" A_B=1", b" A\t=1", b" A=\t", b" A=1\r\n",
     b" A=\0", b" A=\x7f", b" A=\xff", " A=\u2028".encode(), " É=1".encode(), b" SIZE=1 size=2",
     b"\tSIZE=1"],
)  # fmt: skip
def test_malformed_parameters(rest: bytes) -> None:
    with pytest.raises(MalformedPath):
        parse_parameters(rest)


@given(st.binary(max_size=40))
def test_accepted_parameters_are_sent_as_they_came(rest: bytes) -> None:
    try:
        parameters = parse_parameters(rest)
    except MalformedPath:
        return
    assert [bytes(parameter) for parameter in parameters] == rest.split()


def test_a_parameter_is_found_whatever_its_case() -> None:
    envelope = Envelope(Session(), None, parse_parameters(b" size=10"))
    size = envelope.sender_parameter("SIZE")
    assert size is not None
    assert (bytes(size), size.value) == (b"size=10", b"10")
    assert envelope.sender_parameter("BODY") is None


def test_what_was_forwarded_of_the_session() -> None:
    session = Session(forwarded=(("IDENT", "4Xy7"), ("ADDR", "192.0.2.1")))
    assert session.forward("IDENT") == "4Xy7"
    assert session.forward("HELO") == ""

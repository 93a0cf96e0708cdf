"""Whatever comes, reading it raises nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.feedback import evidence, letter
from smtpguard.feedback.desk import Post, Purpose
from smtpguard.mail.message import Message
from tests.feedback.conftest import ACME, RING, address, token

PIECES = st.sampled_from(
    [
        b"From: MAILER-DAEMON@x\r\n",
        b"Content-Type: multipart/report; boundary=b\r\n",
        b"Content-Type: message/delivery-status\r\n",
        b"Content-Type: message/feedback-report\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"\r\n",
        b"Final-Recipient: utf-8; \\x{D800}\\x{110000}@\r\n",
        b"Original-Rcpt-To: <a@b\r\n",
        b"Action: failed\r\nStatus: 5.1.1\r\n",
        b"Subject: =?utf-8?b?/////w==?=\r\n",
        b"In-Reply-To: <<>><a>\r\n",
        b"STOP\r\n",
        token().encode() + b"\r\n",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(PIECES | st.binary(max_size=30), max_size=25),
    st.sampled_from(Purpose),
    st.sampled_from([None, address("a@b.c")]),
    st.text(max_size=30),
)
def test_reading_never_raises(
    pieces: list[bytes], purpose: Purpose, sender: object, tag: str
) -> None:
    known = sender if sender is None else address("a@b.c")
    read = letter.read(RING, Post(purpose, ACME, tag), known, Message(b"".join(pieces)))
    assert isinstance(
        read,
        (letter.Leave, letter.Bounced, letter.Complained, letter.Nothing, letter.Unknown),
    )


def test_the_same_reader_is_named_once() -> None:
    words = " ".join([token(), token(at=5), token("b@c.d"), token()])
    found = evidence.tickets(RING, words)
    assert [ticket.address for ticket in found] == [b"reader@client.fr", b"b@c.d"]


def test_the_first_text_that_proves_something_counts() -> None:
    found = evidence.tickets(RING, "nothing", token("a@b.c"), token("b@c.d"))
    assert [ticket.address for ticket in found] == [b"a@b.c"]


def test_a_thousand_tokens_are_ten() -> None:
    words = " ".join(token(f"r{number}@client.fr") for number in range(1000))
    assert len(evidence.tickets(RING, words)) == evidence.MANY


@pytest.mark.parametrize("around", ["{}", "<{}>", "x {} y", "u/{}", "%20{}", '"{}"', "={}"])
def test_a_token_is_found_between_what_is_no_part_of_it(around: str) -> None:
    assert evidence.tickets(RING, around.format(token()))


@pytest.mark.parametrize(("octets", "sender"), [(10, address("a@b.c")), (1_000_000, None)])
def test_a_from_of_a_million_octets_is_not_read(octets: int, sender: object) -> None:
    """Whoever reads it finds one mailbox."""
    mail = Message(b"From: a@b.c (" + b"x" * octets + b")\r\n\r\nSTOP\r\n")
    read = letter.read(RING, Post(Purpose.UNSUBSCRIBE, ACME), address("a@b.c"), mail)
    assert isinstance(read, letter.Leave)
    assert read.sender == sender

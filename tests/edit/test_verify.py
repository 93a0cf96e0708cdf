"""The check after the edit: every harm it is there for is seen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.fix import Paragraph, Place
from smtpguard.edit.verify import Meant, carries, ending, fault
from smtpguard.mail.message import Message
from smtpguard.mail.text import read
from smtpguard.unsubscribe.link import Exit

WAY_OUT = Exit("https://u.acme.example/u/AQ")
LEAVE = Paragraph(Place.UNSUBSCRIBE, "Leave our list: {exit}", frozenset({"1"}), "Unsubscribe")
SHOWN = f'<p>Leave our list: <a href="{WAY_OUT.url}">Unsubscribe</a></p>'
TOP = b"List-Id: <a.acme.example>\r\n"
RAW = (
    "From: a@acme.example\r\nSubject: Hi\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hé</p>\r\n"
    "--b\r\nContent-Type: application/pdf\r\n\r\nPDF\r\n"
    "--b--\r\n"
).encode()
MEANT = f"<p>Hé</p>{SHOWN}"
GOOD = TOP + RAW.replace("<p>Hé</p>".encode(), MEANT.encode())


def wrong(after: bytes, meant: str = MEANT, before: bytes = RAW) -> str:
    return fault(
        Message(before),
        Message(after),
        added=[TOP],
        removed=set(),
        leaves={"1": Meant(meant.encode(), "utf-8", (LEAVE,))},
        exit_=WAY_OUT,
    )


def test_what_was_meant_is_no_fault() -> None:
    assert wrong(GOOD) == ""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"PDF\r\n", b"PDf\r\n", "part 2 would change"),
        (b"--b--", b"--b\r\n\r\nmore\r\n--b--", "structure"),
        (b"application/pdf", b"application/zip", "structure"),
        (b"<p>H", b"<p>h", "part 1 would not read as meant"),
        (b"charset=utf-8", b"charset=koi8-r", "part 1 would not read as meant"),
        (b"Subject: Hi", b"Subject: Ho", "header fields"),
        (b"Subject: Hi\r\n", b"", "header fields"),
        (b"From: ", b"X-New: 1\r\nFrom: ", "header fields"),
        (TOP, b"", "header fields"),
        (
            b"Content-Type: application/pdf",
            b"X: 1\r\nContent-Type: application/pdf",
            "header fields",
        ),
    ],
)
def test_every_unannounced_change_is_seen(old: bytes, new: bytes, why: str) -> None:
    assert GOOD.count(old) == 1
    assert why in wrong(GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<div style='display:none'>", "</div>"),
        ("<div style='font-size:1px'>", "</div>"),
        ("<blockquote>", "</blockquote>"),
        ("<!--", "-->"),
        ("<textarea hidden>", "</textarea>"),
        ("<style>a{display:none}</style>", ""),
        ("<style>a{color:#fff}</style>", ""),
    ],
)
def test_text_that_nobody_would_see_is_a_fault(opening: str, closing: str) -> None:
    hidden = f"<p>Hé</p>{opening}{SHOWN}{closing}"
    after = GOOD.replace(MEANT.encode(), hidden.encode())
    assert "would not be seen" in wrong(after, hidden)


def test_a_label_on_another_link_is_not_the_exit() -> None:
    other = MEANT.replace(WAY_OUT.url, "https://evil.example/")
    (reading,) = Message(GOOD.replace(MEANT.encode(), other.encode())).readings
    assert not carries(reading, LEAVE, WAY_OUT)
    (reading,) = Message(GOOD).readings
    assert carries(reading, LEAVE, WAY_OUT)
    assert not carries(reading, LEAVE, Exit("https://u.acme.example/u/BB"))


def test_wrapped_plain_text_is_carried() -> None:
    raw = f"\r\nHi\r\n\r\nLeave our\r\nlist:   {WAY_OUT.url}\r\n".encode()
    (reading,) = Message(raw).readings
    assert carries(reading, LEAVE, WAY_OUT)
    assert not carries(reading, Paragraph(Place.SENDER, "Acme", frozenset()), WAY_OUT)


LINES = [
    "Bonjour.",
    "",
    "> quoted",
    "On Monday Zoe wrote:",
    "Le 3 mai, Jean",
    "a écrit :",
    "--- a line",
    "-----Original Message-----",
    "On Monday, as I said,",
    "it is so:",
    "Postal address: Lyon.",
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(LINES), max_size=14),
    st.lists(st.sampled_from(["Postal address: Lyon.", "a écrit :", "he wrote:", "", "x"])),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_what_is_seen_at_the_end_is_seen_in_the_whole(
    lines: list[str], added: list[str], eol: str, ended: bool
) -> None:
    old = eol.join(lines) + eol * ended
    new = old + eol.join([*([] if ended else [""]), *added])
    (before,) = Message(f"\r\n{old}".encode()).readings
    (whole,) = Message(f"\r\n{new}".encode()).readings
    end = ending(before, whole.part)
    paragraph = Paragraph(Place.ADDRESS, "Postal address: Lyon.", frozenset())
    if end is not None and carries(read(end), paragraph, WAY_OUT):
        assert carries(whole, paragraph, WAY_OUT)


def test_most_footers_are_seen_at_the_end() -> None:
    text = "Bonjour.\r\n" * 99
    (before,) = Message(f"\r\n{text}".encode()).readings
    (after,) = Message(f"\r\n{text}\r\nPostal address: Lyon.\r\n".encode()).readings
    end = ending(before, after.part)
    assert end is not None
    assert end.text == "Bonjour.\r\n" * 8 + "\r\nPostal address: Lyon.\r\n"
    quoting = f"{text}-----Original Message-----\r\nHello\r\n"
    (before,) = Message(f"\r\n{quoting}".encode()).readings
    (after,) = Message(f"\r\n{quoting}\r\nPostal address: Lyon.\r\n".encode()).readings
    assert ending(before, after.part) is None

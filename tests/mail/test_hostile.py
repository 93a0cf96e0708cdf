"""No mail costs more than its size: a megabyte of malice is read to the end within a budget.

The budget is CPU time: the slowest takes about a second of it, and anything quadratic minutes.
"""

import time

import pytest

from smtpguard.mail.address import MalformedPath, parse_path
from smtpguard.mail.envelope import parse_parameters
from smtpguard.mail.field import mailboxes
from smtpguard.mail.message import Message

SIZE = 1_000_000
BUDGET = 5.0
"""Seconds of CPU."""

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
LONG = b"a" * 1000


def much(octets: bytes) -> bytes:
    return octets * (SIZE // len(octets))


MESSAGES = {
    "nested multiparts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(20_000)
    ),
    "nested messages": much(b"Content-Type: message/rfc822\r\n\r\n"),
    "parts": MIXED + much(b"--b\r\n\r\nx\r\n"),
    "unterminated parts": MIXED + much(b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"),
    "nothing but delimiters": MIXED + much(b"--b\r\n"),
    "almost delimiters": MIXED + much(b"--bX\r\n"),
    "dashes": MIXED + much(b"\r\n--"),
    "line feeds": MIXED + much(b"\n"),
    "one line like a delimiter": MIXED + b"--b" + much(b"x"),
    "a long boundary": MIXED.replace(b"=b", b"=" + LONG) + much(b"--" + LONG[1:] + b"\r\n"),
    "a boundary of dashes": MIXED.replace(b"=b", b"=" + b"-" * 60 + b"b") + much(b"-"),
    "folds": b"Subject:" + much(b"\r\n x"),
    "empty folds": b"Subject:" + much(b"\r\n "),
    "fields": much(b"a:\r\n"),
    "one line": much(b"a"),
    "blanks before no colon": b"a" + much(b" "),
    "encoded words": b"Subject: " + b"=?utf-8?q?=C3=A9?= " * 60_000,
    "beginnings of words": b"Subject: " + much(b"=?a?q?"),
    "questions": b"Subject: " + much(b"=?"),
    "empty words": b"Subject: =?a?q?" + much(b"=?="),
    "addresses": b"To: " + b'"A B" <a@b.example>, ' * 20_000,
    "quotes": b"To: " + much(b'"'),
    "escapes": b'To: "' + much(b"\\"),
    "comments": b"To: " + much(b"("),
    "brackets": b"To: " + much(b"["),
    "angles": b"To: " + much(b"<"),
    "a domain of labels": b"To: a@" + much(b"a."),
    "an internationalized domain": b"To: a@" + much("é.".encode()),
    "an internationalized label": b"To: a@" + much("é".encode()),
    "parameters": b"Content-Type: a/b" + much(b";a="),
    "no parameters": b"Content-Type: a/b" + much(b"; "),
    "blanks for a parameter": b"Content-Type: a/b;a=" + much(b" "),
    "quotes in a parameter": b'Content-Type: a/b;a="' + much(b'\\"'),
    "sections": b"Content-Type: a/b" + b"".join(b";a*%d*=%%41" % n for n in range(60_000)),
    "signatures": much(b"DKIM-Signature: d=a\r\n"),
    "tags": b"DKIM-Signature: " + much(b";d"),
    "armour": b"\r\n" + much(b" -----BEGIN PGP "),
    "methods": b"Content-Type: text/calendar\r\n\r\n" + much(b"METHOD"),
    "padding": b"Content-Transfer-Encoding: base64\r\n\r\n" + much(b"=A"),
    "soft breaks": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + much(b"= "),
    "shifts": b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + much(b"\x1b$B"),
    "surrogates": b"Content-Type: text/plain; charset=utf-16\r\n\r\n" + much(b"\xd8\0"),
    "nul": much(b"\0"),
    "carriage returns": much(b"\r"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message(name: str) -> None:
    raw = MESSAGES[name]
    began = time.process_time()
    message = Message(raw)
    for field in message.fields:
        assert len(field.text) <= len(raw)
    for field in message.named("to"):
        mailboxes(field.value)
    assert len(message.dkim_domains) <= len(message.fields)
    assert "\n" not in message.protection + message.defect
    for part in message.parts:
        assert len(part.filename) <= len(raw)
        assert len(part.text or "") <= len(raw)
    assert time.process_time() - began < BUDGET


PATHS = {
    "an atom": b"<" + much(b"a"),
    "dots": b"<" + much(b"a."),
    "escapes": b'<"' + much(b"\\a"),
    "quotes": b"<" + much(b'"'),
    "blanks": much(b" "),
    "a domain": b"<a@" + much(b"a.") + b"a>",
    "an internationalized domain": b"<a@" + much("é.".encode()) + b"a>",
    "a local part of UTF-8": b"<" + much("é".encode()) + b"@a>",
    "parameters": b"<a@b>" + b"".join(b" A%d=B" % n for n in range(100_000)),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_path(name: str) -> None:
    began = time.process_time()
    try:
        parsed, rest = parse_path(PATHS[name])
        parse_parameters(rest)
        assert parsed is not None
    except MalformedPath:
        pass
    assert time.process_time() - began < BUDGET

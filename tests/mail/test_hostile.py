"""No mail costs more than its size: half a megabyte of malice is read to the end, in line with
what an eighth of it takes.
"""

from collections.abc import Callable

import pytest

from smtpguard.mail.address import MalformedPath, parse_path
from smtpguard.mail.envelope import parse_parameters
from smtpguard.mail.field import mailboxes
from smtpguard.mail.message import Message
from tests.growth import STEEP, growth

SIZE = 500_000

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
LONG = b"a" * 1000


def much(octets: bytes, size: int) -> bytes:
    return octets * (size // len(octets))


MESSAGES: dict[str, Callable[[int], bytes]] = {
    "nested multiparts": lambda n: b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
        for i in range(n // 50)
    ),
    "nested messages": lambda n: much(b"Content-Type: message/rfc822\r\n\r\n", n),
    "parts": lambda n: MIXED + much(b"--b\r\n\r\nx\r\n", n),
    "unterminated parts": lambda n: (
        MIXED + much(b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n", n)
    ),
    "nothing but delimiters": lambda n: MIXED + much(b"--b\r\n", n),
    "almost delimiters": lambda n: MIXED + much(b"--bX\r\n", n),
    "dashes": lambda n: MIXED + much(b"\r\n--", n),
    "line feeds": lambda n: MIXED + much(b"\n", n),
    "one line like a delimiter": lambda n: MIXED + b"--b" + much(b"x", n),
    "a long boundary": lambda n: (
        MIXED.replace(b"=b", b"=" + LONG) + much(b"--" + LONG[1:] + b"\r\n", n)
    ),
    "a boundary of dashes": lambda n: MIXED.replace(b"=b", b"=" + b"-" * 60 + b"b") + much(b"-", n),
    "folds": lambda n: b"Subject:" + much(b"\r\n x", n),
    "empty folds": lambda n: b"Subject:" + much(b"\r\n ", n),
    "fields": lambda n: much(b"a:\r\n", n),
    "one line": lambda n: much(b"a", n),
    "blanks before no colon": lambda n: b"a" + much(b" ", n),
    "encoded words": lambda n: b"Subject: " + much(b"=?utf-8?q?=C3=A9?= ", n),
    "beginnings of words": lambda n: b"Subject: " + much(b"=?a?q?", n),
    "questions": lambda n: b"Subject: " + much(b"=?", n),
    "empty words": lambda n: b"Subject: =?a?q?" + much(b"=?=", n),
    "addresses": lambda n: b"To: " + much(b'"A B" <a@b.example>, ', n),
    "quotes": lambda n: b"To: " + much(b'"', n),
    "escapes": lambda n: b'To: "' + much(b"\\", n),
    "comments": lambda n: b"To: " + much(b"(", n),
    "brackets": lambda n: b"To: " + much(b"[", n),
    "angles": lambda n: b"To: " + much(b"<", n),
    "a domain of labels": lambda n: b"To: a@" + much(b"a.", n),
    "an internationalized domain": lambda n: b"To: a@" + much("é.".encode(), n),
    "an internationalized label": lambda n: b"To: a@" + much("é".encode(), n),
    "parameters": lambda n: b"Content-Type: a/b" + much(b";a=", n),
    "no parameters": lambda n: b"Content-Type: a/b" + much(b"; ", n),
    "blanks for a parameter": lambda n: b"Content-Type: a/b;a=" + much(b" ", n),
    "quotes in a parameter": lambda n: b'Content-Type: a/b;a="' + much(b'\\"', n),
    "sections": lambda n: (
        b"Content-Type: a/b" + b"".join(b";a*%d*=%%41" % i for i in range(n // 16))
    ),
    "signatures": lambda n: much(b"DKIM-Signature: d=a\r\n", n),
    "tags": lambda n: b"DKIM-Signature: " + much(b";d", n),
    "armour": lambda n: b"\r\n" + much(b" -----BEGIN PGP ", n),
    "methods": lambda n: b"Content-Type: text/calendar\r\n\r\n" + much(b"METHOD", n),
    "padding": lambda n: b"Content-Transfer-Encoding: base64\r\n\r\n" + much(b"=A", n),
    "soft breaks": lambda n: (
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + much(b"= ", n)
    ),
    "shifts": lambda n: (
        b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + much(b"\x1b$B", n)
    ),
    "surrogates": lambda n: (
        b"Content-Type: text/plain; charset=utf-16\r\n\r\n" + much(b"\xd8\0", n)
    ),
    "nul": lambda n: much(b"\0", n),
    "carriage returns": lambda n: much(b"\r", n),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message(name: str) -> None:
    assert growth(MESSAGES[name], read_whole, SIZE) < STEEP


def read_whole(raw: bytes) -> None:
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


PATHS: dict[str, Callable[[int], bytes]] = {
    "an atom": lambda n: b"<" + much(b"a", n),
    "dots": lambda n: b"<" + much(b"a.", n),
    "escapes": lambda n: b'<"' + much(b"\\a", n),
    "quotes": lambda n: b"<" + much(b'"', n),
    "blanks": lambda n: much(b" ", n),
    "a domain": lambda n: b"<a@" + much(b"a.", n) + b"a>",
    "an internationalized domain": lambda n: b"<a@" + much("é.".encode(), n) + b"a>",
    "a local part of UTF-8": lambda n: b"<" + much("é".encode(), n) + b"@a>",
    "parameters": lambda n: b"<a@b>" + b"".join(b" A%d=B" % i for i in range(n // 10)),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_path(name: str) -> None:
    assert growth(PATHS[name], read_path, SIZE) < STEEP


def read_path(path: bytes) -> None:
    try:
        parsed, rest = parse_path(path)
        parse_parameters(rest)
        assert parsed is not None
    except MalformedPath:
        pass

"""XFORWARD: who the client was before it came to us (Postfix XFORWARD_README).

What it says is logged and passed on. It never grants anybody any right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from smtpguard.mail.envelope import Session
from smtpguard.smtp.capabilities import XFORWARD

UNAVAILABLE = "[UNAVAILABLE]"
LENGTH = 255
"""Octets of one value, decoded."""

Attributes = tuple[tuple[str, str], ...]

_XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_ESCAPE = re.compile(rb"\+([0-9A-F]{2})")


class MalformedForward(ValueError):
    """The argument of XFORWARD is not one; ``str()`` is a short reason."""


def parse(argument: bytes) -> Attributes:
    """``b"NAME=spike.example ADDR=192.0.2.1"`` -> names in upper case and decoded values.

    What is unavailable is an empty string.
    """
    attributes = []
    for word in argument.split():
        keyword, equals, value = word.partition(b"=")
        name = keyword.decode("ascii", "replace").upper()
        if name not in XFORWARD or not equals:
            raise MalformedForward(f"bad attribute {name[:40]}")
        attributes.append((name, _decode(name, value)))
    if not attributes:
        raise MalformedForward("no attribute")
    return tuple(attributes)


def lines(session: Session, offered: frozenset[str]) -> list[bytes]:
    """The XFORWARD commands for a session, CRLF included; at most 512 octets where values allow."""
    return [
        b"XFORWARD " + b" ".join(words) + b"\r\n"
        for names in (("NAME", "ADDR", "PORT", "PROTO"), ("HELO", "IDENT", "SOURCE"))
        if (words := list(_words(session, [n for n in names if n in offered])))
    ]


def _words(session: Session, names: Iterable[str]) -> Iterable[bytes]:
    known = dict(session.forwarded) or {
        "ADDR": session.peer,
        "PROTO": session.protocol,
        "HELO": session.helo,
    }
    for name in names:
        value = known.get(name, "")
        if name == "ADDR" and ":" in value and not value.upper().startswith("IPV6:"):
            value = "IPV6:" + value
        yield name.encode() + b"=" + (_encode(value) if value else UNAVAILABLE.encode())


def _decode(name: str, value: bytes) -> str:
    if not _XTEXT.fullmatch(value):
        raise MalformedForward(f"bad value of {name}")
    octets = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), value)
    text = octets.decode("utf-8", "replace")
    if text.upper() in (UNAVAILABLE, "[TEMPUNAVAIL]"):
        return ""
    if len(octets) > LENGTH or not text.isprintable() or not _plausible(name, text):
        raise MalformedForward(f"bad value of {name}")
    return text


def _plausible(name: str, text: str) -> bool:
    if name == "PORT":
        return text.isascii() and text.isdigit() and int(text) < 65536
    if name == "SOURCE":
        return text in ("LOCAL", "REMOTE")
    if name == "ADDR":
        try:
            ip_address(text[5:] if text.upper().startswith("IPV6:") else text)
        except ValueError:
            return False
    return True


def _encode(value: str) -> bytes:
    return b"".join(
        bytes((octet,)) if 33 <= octet <= 126 and octet not in b"+=" else b"+%02X" % octet
        for octet in value.encode()
    )

"""Our trace: the id of a transaction and the Received field (RFC 5321 §4.4)."""

from __future__ import annotations

import os
import re
import time
from email.utils import formatdate
from functools import lru_cache
from itertools import count

from smtpguard.mail.envelope import Session

_UNSAFE = re.compile(r"[^A-Za-z0-9._\[\]:-]")
_ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXYZ"
"""No vowels, so that no id spells a word."""

LONGEST = 320
"""Octets of an address that is worth a line; one much longer would break it (RFC 5322 §2.1.1)."""

_serial = count(int.from_bytes(os.urandom(4), "big"))


def reference() -> str:
    """A new id: unique in this process, and for all purposes among processes and days."""
    return _of_second(int(time.time()), os.getpid()) + _spelt(next(_serial) & 0xFFFF).rjust(4, "0")


@lru_cache(8)
def _of_second(second: int, process: int) -> str:
    return _spelt(second << 16 | process & 0xFFFF)


def _spelt(number: int) -> str:
    letters = []
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(reversed(letters))


def received(
    session: Session, *, hostname: str, host: str, reference: str, recipient: bytes, now: float
) -> bytes:
    """The Received field of one copy. ``recipient`` only where the copy has a single one."""
    protocol = session.protocol + ("S" if session.tls else "") + ("A" if session.user else "")
    client = f" ([{_literal(session.peer)}])" if session.peer else ""
    lines = [
        f"from {_clean(session.helo) or 'localhost'}{client}",
        f"by {hostname} (smtpguard {host}) with {protocol} id {reference}",
    ]
    if recipient and recipient.isascii() and len(recipient) <= LONGEST:
        lines.append(f"for <{recipient.decode('ascii')}>")
    text = "\r\n\t".join(lines)
    return f"Received: {text};\r\n\t{_date(int(now))}\r\n".encode("ascii")


@lru_cache(8)
def _date(second: int) -> str:
    return formatdate(second, localtime=False)


def _literal(peer: str) -> str:
    return f"IPv6:{peer}" if ":" in peer else peer


def _clean(helo: str) -> str:
    """The client's name, safe inside a field: it says what it likes."""
    return _UNSAFE.sub("", helo)[:255]

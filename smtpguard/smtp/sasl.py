"""The mechanisms of AUTH: PLAIN (RFC 4616), and LOGIN as Microsoft's clients speak it. No I/O.

A mechanism is a generator: it yields challenges, is sent responses, and returns what the client
gave. No text of an exception repeats anything of that.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client gave; not proved yet."""

    name: str
    password: str = field(repr=False)


Exchange = Generator[bytes, bytes, Credentials]


class Malformed(ValueError):
    """A response that cannot be read (RFC 4954 §4)."""


class Cancelled(ValueError):
    """The client has changed its mind (RFC 4954 §4)."""


def begin(argument: bytes) -> Exchange | None:
    """The exchange that ``MECHANISM [initial-response]`` asks for; ``None``: not offered.

    ``Malformed`` where it is no argument of AUTH.
    """
    words = argument.split()
    if not 1 <= len(words) <= 2:
        raise Malformed("one mechanism, and perhaps one response")
    mechanism = MECHANISMS.get(words[0].upper())
    if mechanism is None:
        return None
    initial = None
    if len(words) == 2:
        initial = b"" if words[1] == b"=" else response(words[1])
    return mechanism(initial)


def challenge(octets: bytes) -> bytes:
    """The reply that asks for a response, CRLF included; it takes no enhanced code."""
    return b"334 " + base64.b64encode(octets) + b"\r\n"


def response(line: bytes) -> bytes:
    """What the client says in an exchange. ``Cancelled``, ``Malformed``."""
    if line == b"*":
        raise Cancelled
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise Malformed("not base64") from None


def _plain(initial: bytes | None) -> Exchange:
    said = (yield b"") if initial is None else initial
    fields = said.split(b"\0")
    if len(fields) != 3:
        raise Malformed("not [authzid] NUL authcid NUL password")
    authzid, name, password = fields
    # Nobody may act for another here; the name of nobody lets that fail as late as all else does.
    return _credentials(b"" if authzid not in (b"", name) else name, password)


def _login(initial: bytes | None) -> Exchange:
    name = (yield b"Username:") if initial is None else initial
    return _credentials(name, (yield b"Password:"))


def _credentials(name: bytes, password: bytes) -> Credentials:
    try:
        return Credentials(name.decode(), password.decode())
    except UnicodeDecodeError:  # its repr holds what was to be decoded
        raise Malformed("not UTF-8") from None


MECHANISMS: Mapping[bytes, Callable[[bytes | None], Exchange]] = {
    b"PLAIN": _plain,
    b"LOGIN": _login,
}

"""What a server offers after EHLO (RFC 5321 §4.1.1.1), as far as a relay must care."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

XFORWARD = frozenset({"NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"})
"""The attributes that a client may forward."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The service extensions of one server."""

    size: int | None = None
    """Largest message in octets (RFC 1870); 0 is no fixed limit, ``None`` is not offered."""
    eightbitmime: bool = False
    smtputf8: bool = False
    dsn: bool = False
    pipelining: bool = False
    xforward: frozenset[str] = frozenset()
    """Attribute names that XFORWARD takes, upper case; empty: not offered."""
    auth: bool = False
    """AUTH is offered, and with it the parameter AUTH of MAIL (RFC 4954 §5)."""
    authenticated: bool = False
    """The client, which is us where the server is the upstream, has said AUTH."""

    @classmethod
    def of(cls, extensions: Mapping[str, str], *, authenticated: bool = False) -> Capabilities:
        """Read a mapping of EHLO keyword, in lower case, to its parameters."""
        size = extensions.get("size")
        xforward = extensions.get("xforward", "").upper().split()
        return cls(
            size=None if size is None else _octets(size),
            eightbitmime="8bitmime" in extensions,
            smtputf8="smtputf8" in extensions,
            dsn="dsn" in extensions,
            pipelining="pipelining" in extensions,
            xforward=XFORWARD.intersection(xforward),
            auth="auth" in extensions,
            authenticated=authenticated,
        )

    def limit(self, own: int) -> int:
        """The smaller of two size limits, ``own`` and this one; 0 is none."""
        return min(own, self.size) if own and self.size else own or self.size or 0


ASSUMED = Capabilities(size=0, eightbitmime=True, smtputf8=True, dsn=True, pipelining=True)
"""Of a server never reached. Mail cannot pass it yet, and a client that is not offered SMTPUTF8
or 8BITMIME bounces or converts for good what it would otherwise only put off."""


def _octets(size: str) -> int:
    return int(size) if size.isascii() and size.isdigit() and len(size) <= 20 else 0

"""Who asks, and what they may. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from smtpguard.web.settings import ApiToken, Right

SHORTEST = 24
"""Octets of a token: too many to be guessed."""
TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
"""What a Bearer token may consist of (RFC 6750 §2.1)."""
SCHEME = re.compile(rb"bearer +(%b)" % TOKEN.pattern, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """A program, or whoever reaches us where that is enough."""

    name: str
    """Empty for whoever has no token."""
    rights: frozenset[Right]
    controllers: frozenset[str] | None = None
    """Whose readers they may ask for; ``None``: everybody's."""
    digest: bytes = field(default=b"", repr=False)
    """SHA-256 of the token."""

    @classmethod
    def of(cls, said: ApiToken, written: bytes) -> Caller:
        """``written``: what stands in the file of the token. Raises ``ValueError``."""
        word = written.strip()
        if len(word) < SHORTEST:
            raise ValueError(f"a token has {SHORTEST} octets or more")
        if not TOKEN.fullmatch(word):
            raise ValueError("a token consists of letters, digits and -._~+/ (RFC 6750)")
        return cls(said.name, frozenset(said.may), said.named, hashlib.sha256(word).digest())

    @property
    def channel(self) -> str:
        """How what they record came to us."""
        return f"api:{self.name}" if self.name else "api"

    def sees(self, controller: str) -> bool:
        """Whether the readers of that controller are theirs to ask for."""
        return self.controllers is None or controller in self.controllers


def twice(callers: Sequence[Caller]) -> str:
    """The name of a caller whose token another one has as well, or nothing."""
    seen: set[bytes] = set()
    for one in callers:
        if one.digest in seen:
            return one.name
        seen.add(one.digest)
    return ""


def identify(
    callers: Sequence[Caller], free: Collection[Right], said: Sequence[bytes]
) -> Caller | None:
    """Who asks, by the Authorization fields; ``None`` for a token that is nobody's.

    Without any, whoever reached us may do what is ``free``. Every token is compared, whichever it
    is, so that the time taken tells nothing.
    """
    if not said:
        return Caller("", frozenset(free)) if free else None
    found = SCHEME.fullmatch(said[0]) if len(said) == 1 else None
    digest = hashlib.sha256(found[1] if found else b"").digest()
    known = None
    for one in callers:
        if hmac.compare_digest(one.digest, digest) and found:
            known = one
    return known

"""The page behind a bounce: a token that says which rule refused, so that nothing is stored.

It names the rule, the finding, the reply's code, the sender's language and the time. It holds no
recipient and no octet of the mail: whoever reads the bounce may open it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from smtpguard.keys import Keyring
from smtpguard.unsubscribe import sealed

PURPOSE = b"smtpguard why"
LIFE = 90 * 86400
"""Seconds after which an explanation is no longer shown."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a bounce may tell whoever holds it."""

    rule: str
    detail: str
    """The suffix of the finding's name, or empty."""
    code: str
    """``550 5.6.0``."""
    language: str
    at: int
    """Seconds since the epoch."""


def mint(ring: Keyring, base: str, refusal: Refusal) -> str:
    """The URL of the explanation; ``base`` is ``web.why_url``, without a final slash.

    Raises ``LookupError`` where the ring holds no link key.
    """
    facts = [refusal.rule, refusal.detail, refusal.code, refusal.language, refusal.at]
    plain = json.dumps(facts, separators=(",", ":")).encode()
    return f"{base}/{sealed.seal(ring, PURPOSE, plain)}"


def read(ring: Keyring, token: str, now: int) -> Refusal | None:
    """What the token says; ``None`` for what we did not mint, and for what is too old."""
    plain = sealed.unseal(ring, PURPOSE, token)
    if plain is None:
        return None
    refusal = Refusal(*json.loads(plain))
    return refusal if now - refusal.at < LIFE else None

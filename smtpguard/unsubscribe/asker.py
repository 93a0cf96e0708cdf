"""Who makes a rights request: the one identity that is kept, sealed, and what they write."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from smtpguard.keys import Keyring
from smtpguard.unsubscribe import sealed

PURPOSE = b"smtpguard request"


@dataclass(frozen=True, slots=True)
class Asker:
    """A person who asks."""

    address: str
    language: str
    note: str = ""
    """Their own words."""


def seal(ring: Keyring, asker: Asker) -> str:
    """The identity, for the store. Raises ``LookupError`` where the ring holds no link key."""
    return sealed.seal(ring, PURPOSE, json.dumps(asdict(asker)).encode())


def unseal(ring: Keyring, text: str) -> Asker | None:
    """The identity; ``None`` when its link key is no longer held."""
    plain = sealed.unseal(ring, PURPOSE, text, longest=len(text))
    return Asker(**json.loads(plain)) if plain is not None else None

"""Octets sealed for one purpose, spelt for a URL or a form: version, key id, AES-SIV (RFC 5297).

The version says how the octets are laid out; whoever sealed them knows what that means.
Nothing in a token can be read, altered or made without the key, equal octets give an equal
token, and a token made for one purpose opens for no other.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

from smtpguard.keys import Keyring

VERSIONS = (1, 2)
SIV = 16
"""Octets of the synthetic initialisation vector, which is also the tag."""
LONGEST = 2048
"""Characters beyond which a token is not looked at."""
DECOY = bytes(96)
"""Opened in place of what is not even a token, so that a bad one costs the same, however bad."""


def seal(ring: Keyring, purpose: bytes, plain: bytes, version: int = 1) -> str:
    """A token under the newest link key. Raises ``LookupError`` where the ring holds none."""
    if not ring.links:
        raise LookupError("the key ring holds no link key")
    key = ring.links[0]
    prefix = bytes((version, key.id))
    return _text(prefix + key.seal(plain, purpose + prefix))


def unseal(ring: Keyring, purpose: bytes, token: str, longest: int = LONGEST) -> bytes | None:
    """What was sealed for that purpose; ``None`` for whatever we did not seal, whyever."""
    return unseal_versioned(ring, purpose, token, longest)[1]


def unseal_versioned(
    ring: Keyring, purpose: bytes, token: str, longest: int = LONGEST
) -> tuple[int, bytes | None]:
    """The same after its version, 0 for what we did not seal."""
    octets = _octets(token) if len(token) <= longest else b""
    whole = len(octets) >= 2 + SIV and octets[0] in VERSIONS
    key = ring.link(octets[1]) if whole else None
    if key is None:
        for other in ring.links[:1]:
            other.open(DECOY, purpose)
        return 0, None
    plain = key.open(octets[2:], purpose + octets[:2])
    return (octets[0] if plain is not None else 0), plain


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _octets(token: str) -> bytes:
    """The octets of a token, or none unless it is spelt as ``_text`` spells them."""
    if not token.isascii():
        return b""
    try:
        octets = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return b""
    return octets if _text(octets) == token else b""

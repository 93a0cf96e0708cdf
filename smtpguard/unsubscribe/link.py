"""Exit links: minted for one reader, read back from a click or a mail. No state, no expiry.

A token is version, key id, and the ticket sealed with AES-SIV (RFC 5297), in base64url: nothing
in it can be read, altered or made without the key, and the same reader gets the same link.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import quote

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address

VERSION = 1
PURPOSE = b"smtpguard unsubscribe"
"""Bound to every token, so that a token made for anything else never opens an exit."""
SIV = 16
"""Octets of the synthetic initialisation vector, which is also the tag."""
LONGEST = 2048
"""Characters beyond which a token is not looked at."""


@dataclass(frozen=True, slots=True)
class Exit:
    """One reader's way out; either may be empty where a brand offers only the other."""

    url: str = ""
    mailto: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link says: who leaves what."""

    controller: str
    brand: str
    stream: str
    address: bytes
    """The reader's mailbox, octets as in RCPT."""
    at: int
    """The consent epoch: seconds since the epoch, below 2^40. It labels, and never expires."""


def mint(
    ring: Keyring,
    *,
    base: str,
    mailto: str,
    controller: str,
    brand: str,
    stream: str,
    address: Address,
    at: int,
) -> Exit:
    """The exit of one reader from one stream; equal arguments give an equal exit.

    ``base`` is the URL of the exit pages without a final slash, ``mailto`` a mail address; either
    may be empty. Raises ``LookupError`` where the ring holds no link key.
    """
    token = seal(ring, Ticket(controller, brand, stream, bytes(address), at))
    return Exit(
        url=f"{base}/u/{token}" if base else "",
        mailto=f"mailto:{quote(mailto, safe='@+')}?subject=unsubscribe%20{token}" if mailto else "",
    )


def seal(ring: Keyring, ticket: Ticket) -> str:
    """The token of a ticket under the newest link key."""
    if not ring.links:
        raise LookupError("the key ring holds no link key")
    key = ring.links[0]
    prefix = bytes((VERSION, key.id))
    names = [name.encode() for name in (ticket.controller, ticket.brand, ticket.stream)]
    plain = b"".join(
        (ticket.at.to_bytes(5), *(len(name).to_bytes(1) + name for name in names), ticket.address)
    )
    return _text(prefix + key.seal(plain, PURPOSE + prefix))


def read(ring: Keyring, token: str) -> Ticket | None:
    """The ticket that a token carries; ``None`` for whatever we did not mint, whyever."""
    octets = _octets(token)
    if len(octets) < 2 + SIV or octets[0] != VERSION:
        return None
    key = ring.link(octets[1])
    plain = key.open(octets[2:], PURPOSE + octets[:2]) if key else None
    return _ticket(plain) if plain is not None else None


def _ticket(plain: bytes) -> Ticket:
    """Unpack what was authenticated, so it has the form that ``seal`` gave it."""
    names = []
    at = 5
    for _ in range(3):
        end = at + 1 + plain[at]
        names.append(plain[at + 1 : end].decode())
        at = end
    return Ticket(names[0], names[1], names[2], plain[at:], int.from_bytes(plain[:5]))


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _octets(token: str) -> bytes:
    """The octets of a token, or none unless it is spelt as ``_text`` spells them."""
    if len(token) > LONGEST or not token.isascii():
        return b""
    try:
        octets = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return b""
    return octets if _text(octets) == token else b""

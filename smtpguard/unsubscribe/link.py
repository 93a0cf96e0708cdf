"""Exit links: minted for one reader, read back from a click or a mail. No state, no expiry.

A token is the ticket, sealed: the same reader gets the same link. The same ticket sealed for
another purpose is another thing; the exit pages seal theirs so.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.unsubscribe import sealed

PURPOSE = b"smtpguard unsubscribe"
"""Bound to every exit, so that a token made for anything else never opens one."""


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


def seal(ring: Keyring, ticket: Ticket, purpose: bytes = PURPOSE) -> str:
    """The token of a ticket under the newest link key."""
    names = [name.encode() for name in (ticket.controller, ticket.brand, ticket.stream)]
    plain = b"".join(
        (ticket.at.to_bytes(5), *(len(name).to_bytes(1) + name for name in names), ticket.address)
    )
    return sealed.seal(ring, purpose, plain)


def read(ring: Keyring, token: str, purpose: bytes = PURPOSE) -> Ticket | None:
    """The ticket that a token carries; ``None`` for whatever we did not mint, whyever."""
    plain = sealed.unseal(ring, purpose, token)
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

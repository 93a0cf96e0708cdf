"""Exit links: minted for one reader, read back from a click or a mail. No state, no expiry.

A token is the ticket, sealed: the same reader gets the same link. The same ticket sealed for
another purpose is another thing; the exit pages seal theirs so.

What the sender said beside it is laid out as version 2; a link that carries none of it is version
1, and as short as ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
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
    recipient_id: str = ""
    """The sender's own id for the reader; at most 255 octets, as every name here."""
    campaign: str = ""
    """The sender's own id for the mailing."""
    link: int = 0
    """The epoch of the link that this ticket comes from, where ``at`` says something else."""

    @property
    def epoch(self) -> int:
        """When the link was minted."""
        return self.link or self.at

    @property
    def ids(self) -> dict[str, str]:
        """What the sender called reader and mailing, to be told back; only what was said."""
        said = {"recipient_id": self.recipient_id, "campaign": self.campaign}
        return {name: word for name, word in said.items() if word}


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
    recipient_id: str = "",
    campaign: str = "",
) -> Exit:
    """The exit of one reader from one stream; equal arguments give an equal exit.

    ``base`` is the URL of the exit pages without a final slash, ``mailto`` a mail address; either
    may be empty. Raises ``LookupError`` where the ring holds no link key.
    """
    ticket = Ticket(controller, brand, stream, bytes(address), at, recipient_id, campaign)
    token = seal(ring, ticket)
    return Exit(
        url=f"{base}/u/{token}" if base else "",
        mailto=f"mailto:{_quoted(mailto)}?subject=unsubscribe%20{token}" if mailto else "",
    )


def seal(ring: Keyring, ticket: Ticket, purpose: bytes = PURPOSE) -> str:
    """The token of a ticket under the newest link key."""
    version, said = 1, b""
    if ticket.recipient_id or ticket.campaign or ticket.link:
        link = ticket.link.to_bytes(5) if ticket.link else b""
        version, said = 2, _counted(ticket.recipient_id.encode(), ticket.campaign.encode(), link)
    names = _stream(ticket.controller, ticket.brand, ticket.stream)
    plain = b"".join((ticket.at.to_bytes(5), names, said, ticket.address))
    return sealed.seal(ring, purpose, plain, version)


@lru_cache(maxsize=256)
def _stream(controller: str, brand: str, stream: str) -> bytes:
    """What a link says of the stream: the same for all its readers."""
    return _counted(controller.encode(), brand.encode(), stream.encode())


def _counted(*words: bytes) -> bytes:
    """Each after its length in one octet."""
    return b"".join([len(word).to_bytes(1) + word for word in words])


@lru_cache(maxsize=64)
def _quoted(mailto: str) -> str:
    return quote(mailto, safe="@+")


def read(ring: Keyring, token: str, purpose: bytes = PURPOSE) -> Ticket | None:
    """The ticket that a token carries; ``None`` for whatever we did not mint, whyever."""
    version, plain = sealed.unseal_versioned(ring, purpose, token)
    return _ticket(version, plain) if plain is not None else None


def _ticket(version: int, plain: bytes) -> Ticket:
    """Unpack what was authenticated, so it has the form that ``seal`` gave it."""
    words = []
    at = 5
    for _ in range(6 if version == 2 else 3):
        end = at + 1 + plain[at]
        words.append(plain[at + 1 : end])
        at = end
    controller, brand, stream, *said = [word.decode() for word in words[:5]]
    ticket = Ticket(controller, brand, stream, plain[at:], int.from_bytes(plain[:5]))
    if not said:
        return ticket
    link = int.from_bytes(words[5])
    return replace(ticket, recipient_id=said[0], campaign=said[1], link=link)

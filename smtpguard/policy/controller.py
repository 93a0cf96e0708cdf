"""Who answers for the mail: the legal entity and its brands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OPT_OUT_WITHIN = 48 * 3600
"""Seconds in which an opt-out is honoured: what Google and Yahoo ask; laws allow longer."""


class Existing(StrEnum):
    """What becomes of exits that the sending tool already put into a mail."""

    KEEP = "keep"
    REPLACE = "replace"
    ADD = "add"


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Where a brand's readers get out."""

    url: str = ""
    """Base URL of our own exit pages, without a final slash; empty where there are none."""
    mailto: str = ""
    hosts: frozenset[str] = frozenset()
    """Other people's exits that count as ours, lower case."""
    existing: Existing = Existing.KEEP


@dataclass(frozen=True, slots=True)
class DkimKey:
    """One signing key of a brand, by name; the octets stay in ``keys``."""

    domain: str
    selector: str
    key: str
    """``file:PATH`` or ``credential:NAME``."""


@dataclass(frozen=True, slots=True)
class Bounces:
    """After how many bounces within a window nobody is written to any more."""

    hard: int = 2
    """Of a mailbox that does not exist, each of another message: whoever holds one newsletter can
    forge one bounce of it."""
    soft: int = 5
    """Of one that cannot be reached now, or is full; 0: never."""
    window: int = 30 * 86_400
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Where what comes back by mail arrives; any of these addresses takes a ``+tag``."""

    bounces: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    replies: tuple[str, ...] = ()
    operator: str = ""
    """Who gets what is not understood; empty: the mail is refused with a word about it."""

    def __bool__(self) -> bool:
        return bool(self.bounces or self.complaints or self.replies or self.operator)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a company is told of what its readers did."""

    url: str
    secret: str
    """``file:PATH`` or ``credential:NAME``."""
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A tool that tells us who left by a link of its own."""

    name: str
    tool: str
    secret: str
    """``file:PATH`` or ``credential:NAME``."""
    brand: str = ""
    """Empty: they leave the whole company."""


@dataclass(frozen=True, slots=True)
class Controller:
    """The legal entity."""

    name: str
    legal_name: str
    address: str = ""
    """Postal address on one line."""
    identifiers: Mapping[str, str] = field(default_factory=dict)
    privacy_url: str = ""
    rights_contact: str = ""
    """Mail address or URL where readers exercise their rights."""
    country: str = ""
    assume_known_before: int | None = None
    """Contacts that a register knew before this day (seconds since the epoch) were informed."""
    feedback: Feedback = Feedback()
    opt_out_within: int = OPT_OUT_WITHIN
    """Seconds after which an opt-out that reaches us is late."""
    webhooks: tuple[Webhook, ...] = ()
    incoming: tuple[Incoming, ...] = ()


@dataclass(frozen=True, slots=True)
class Brand:
    """A name under which a controller writes."""

    name: str
    names: tuple[str, ...]
    """How readers know it: display names and trading names, the first is printed."""
    from_domains: frozenset[str] = frozenset()
    dkim: tuple[DkimKey, ...] = ()
    unsubscribe: Unsubscribe = Unsubscribe()
    bounces: Bounces = Bounces()
    suppression_lists: tuple[str, ...] = ()
    """Partners' hashed lists that stand against its promotional mail, the controller's included."""
    languages: tuple[str, ...] = ("en",)
    colour: str = ""
    logo: str = ""

    def owns(self, domain: str) -> bool:
        """Whether mail may come from that domain: one of ``from_domains`` or below one."""
        return any(domain == own or domain.endswith("." + own) for own in self.from_domains)

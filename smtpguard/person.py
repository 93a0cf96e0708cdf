"""What is known of a recipient: why they may not be written to, and what they were told.

Values only; ``store`` fetches them, ``rules`` read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why somebody is not written to any more."""

    OBJECTION = "objection"
    ERASURE = "erasure"
    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard-bounce"
    MANUAL = "manual"


LEFT = frozenset({Reason.OBJECTION, Reason.ERASURE, Reason.COMPLAINT})
"""Reasons that are somebody's own wish: they have left."""


@dataclass(frozen=True, slots=True)
class Scope:
    """How far a suppression reaches: a stream, a brand, or the whole controller.

    Both empty is the controller; scopes nest: controller > brand > stream.
    """

    brand: str = ""
    stream: str = ""

    def covers(self, brand: str, stream: str) -> bool:
        """Whether mail of that brand and stream falls under this scope."""
        if self.stream:
            return self.stream == stream
        return not self.brand or self.brand == brand

    def __str__(self) -> str:
        if self.stream:
            return f"stream:{self.stream}"
        return f"brand:{self.brand}" if self.brand else "controller"


@dataclass(frozen=True, slots=True)
class Suppression:
    """One wish, or one fact, that stands against writing to somebody."""

    reason: Reason
    scope: Scope = Scope()
    at: int = 0
    """When it was recorded, seconds since the epoch."""
    channel: str = ""
    """How it came: one-click, mailto, page, import, operator ..."""
    domain: bool = False
    """It stands against the whole domain, not one address."""


@dataclass(frozen=True, slots=True)
class OptOut:
    """A suppression as it arrives, with what it says of time."""

    suppression: Suppression
    epoch: int = 0
    """When the link, or the claim, that it came by was made; 0: it says none. Only a label."""
    said: int = 0
    """When it was said last, where that is later than ``suppression.at``."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Somebody wants to be written to, and it can be proved. Times are seconds since the epoch."""

    scope: Scope
    given: int
    """When they said so."""
    proof: str
    """Where the proof lies; no address in it."""
    source: str = ""
    """Where they said so: a form, a fair, a letter."""
    by: str = ""
    """Who recorded it."""
    recorded: int = 0


class ConflictKind(StrEnum):
    """How a consent and a suppression contradict each other; the suppression stands in all."""

    OLD_LINK = "old-link"
    """The opt-out came by a link, or a claim, that is older than a consent."""
    OLD_CONSENT = "old-consent"
    """The consent is not later than the opt-out."""
    STRONGER_REASON = "stronger-reason"
    """The consent is later, and another reason than an objection stands."""
    WIDER_WISH = "wider-wish"
    """The consent is later, and narrower than what stands."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One contradiction. Times are seconds since the epoch."""

    kind: ConflictKind
    reason: Reason
    scope: Scope
    """What stands, and how far."""
    said: int
    """When that was said, as far as known here."""
    consent: int
    """When the consent was given."""
    epoch: int = 0
    """When the link was made, of ``OLD_LINK``."""
    channel: str = ""
    """How the opt-out came."""
    recorded: int = 0


@dataclass(frozen=True, slots=True)
class FirstContact:
    """What was already said to somebody by a controller."""

    informed: bool
    """True once a notice was accepted downstream, False while only reserved."""
    at: int
    notice: str = ""
    """Version of the notice (its source and purpose); another one re-arms the duty."""


ORIGINS = ("", "self", "purchased", "rented", "public", "partner")
"""How an address may have come to us; empty where nobody said."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a contact's address came from, as it may be printed in a mail."""

    id: str
    name: str
    """Public name, in the words a reader understands."""
    origin: str = ""
    """One of ``ORIGINS``; ``self`` is the person's own word."""


@dataclass(frozen=True, slots=True)
class Person:
    """Everything the store knows of one recipient of one controller."""

    suppressions: tuple[Suppression, ...] = ()
    contact: FirstContact | None = None
    source: Source | None = None
    known_since: int | None = None
    """When a register first named the contact (``contact import``), if ever."""

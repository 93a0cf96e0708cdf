"""What is asked of one kind of mail."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from smtpguard.edit.fix import Change
from smtpguard.policy.controller import Brand, Controller


class Kind(StrEnum):
    """The class of a stream."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    PERSONAL = "personal"
    """Relayed unparsed."""


class Mode(StrEnum):
    """Whether a stream's rules act."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


class Action(IntEnum):
    """What a rule's finding leads to; ordered, the strictest of all packs wins."""

    ALLOW = 0
    WARN = 1
    FIX_OR_WARN = 2
    FIX_OR_REJECT = 3
    REJECT = 4

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Asked:
    """The action of one rule on one stream, and who said so."""

    action: Action
    said_by: str
    """``pack fr-b2b``, ``policies/acme.yaml:31`` ..."""
    law: bool = False
    because: str = ""
    approved_by: str = ""
    until: int | None = None
    """Seconds since the epoch; from then on ``otherwise`` holds."""
    otherwise: Action = Action.ALLOW

    def at(self, now: int) -> Action:
        """The action that holds at ``now``."""
        return self.action if self.until is None or now < self.until else self.otherwise


@dataclass(frozen=True, slots=True)
class Match:
    """What the envelope and the header must show; criteria are ANDed, empty ones hold."""

    listener: str = ""
    user: str = ""
    client: str = ""
    """Address or network of the connected client."""
    header: str = ""
    """Value of ``X-SmtpGuard-Stream``, honoured from trusted clients only."""
    sender: str = ""
    """Envelope sender: a whole address, or ``@domain``."""
    from_domain: str = ""
    recipient: str = ""
    """A whole address, or ``@domain``."""

    @property
    def needs_message(self) -> bool:
        """The envelope alone cannot decide it."""
        return bool(self.header or self.from_domain)


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of mail of one brand."""

    name: str
    controller: Controller
    brand: Brand
    kind: Kind
    match: Match = Match()
    owner: str = ""
    mode: Mode = Mode.OBSERVE
    edits: Change = Change.NONE
    one_recipient: bool = False
    """``recipients: one``: a second RCPT of an SMTP transaction is answered 452 4.5.3."""
    enforce_suppression: bool = True
    refuse_with_defer: bool = False
    pause_after: int = 100
    """Like refusals within ``pause_window`` after which the stream pauses; 0: never."""
    pause_window: int = 600
    """Seconds."""
    pass_when_store_silent: bool = False
    pass_when_protected: bool = False
    """A fix needed in mail that may not be changed: relay it instead of refusing it."""
    purpose: str = ""
    reason: Mapping[str, str] = field(default_factory=dict)
    professions: tuple[str, ...] = ()
    tracking_hosts: frozenset[str] = frozenset()
    """Hosts whose images count as individual tracking."""
    downstream_esp: str = ""
    """A relay behind us that renders its own placeholders."""
    reply_language: str = "en"
    packs: tuple[str, ...] = ()
    rules: Mapping[str, Asked] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """``acme/newsletter``."""
        return f"{self.controller.name}/{self.name}"

    def notice(self, source: str) -> str:
        """The version of the first-contact notice for a source: another one is a new duty."""
        said = "\x1f".join((self.controller.name, source, self.purpose))
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def asked(self, rule: str) -> Asked:
        """What is asked of a rule here; nothing said is ``allow``."""
        return self.rules.get(rule, NOTHING_ASKED)


NOTHING_ASKED = Asked(Action.ALLOW, "")

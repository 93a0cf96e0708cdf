"""The decision about one transaction: one value, of which every record is a view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smtpguard.edit.edit import Edit, apply
from smtpguard.edit.fix import Fix
from smtpguard.mail.envelope import Envelope, Recipient
from smtpguard.policy.stream import Stream
from smtpguard.reply import Reply
from smtpguard.rules.rule import Said
from smtpguard.verdict.judge import Failure
from smtpguard.verdict.weigh import Weighed


@dataclass(frozen=True, slots=True)
class Relay:
    """Send it on, mended."""

    fixes: tuple[tuple[str, Fix], ...] = ()
    """Rule id and fix, in the order of the rules."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell the client no, for good."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Defer:
    """Tell the client to come back."""

    reply: Reply


Verdict = Relay | Refuse | Defer


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided for one recipient, and why."""

    recipient: Recipient
    stream: Stream | None
    """``None``: it matched no stream."""
    verdict: Verdict
    weighed: tuple[Weighed, ...] = ()
    informs: str = ""
    """Version of the notice that this copy gives for the first time; empty when it gives none."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What some of the recipients get, without our trace and signature.

    Many copies of one message share its octets: each holds no more than what is its own.
    """

    recipients: tuple[int, ...]
    """Indices into the envelope's recipients."""
    source: bytes
    """The message as received."""
    edits: tuple[Edit, ...] = ()

    @property
    def raw(self) -> bytes:
        """The octets themselves, made anew each time."""
        return apply(self.source, self.edits) if self.edits else self.source

    @property
    def size(self) -> int:
        """How many octets that is."""
        grown = sum([len(edit.new) - edit.end + edit.start for edit in self.edits])
        return len(self.source) + grown


@dataclass(frozen=True, slots=True)
class Deliberation:
    """What was decided about a message for all its recipients."""

    rulings: tuple[Ruling, ...]
    """One for each accepted recipient, in order."""
    copies: tuple[Copy, ...]
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one recipient's sender was told, and who said so."""

    octets: bytes
    """The whole reply, CRLF included."""
    upstream: bool = False
    """These are the upstream's words, passed on."""
    ambiguous: bool = False
    """The connection died between the dot and the reply: the upstream may have the mail."""

    @property
    def code(self) -> int:
        """The reply code."""
        return int(self.octets[:3])

    @property
    def text(self) -> str:
        """The reply on one line, for the log."""
        return " ".join(self.octets.decode("ascii", "replace").split())


@dataclass(frozen=True, slots=True)
class Decision:
    """One transaction, or one recipient refused at RCPT, from the first command to the reply."""

    reference: str
    """The id that the reply and every record carry."""
    at: float
    """When the decision was taken, seconds since the epoch."""
    phase: str
    """``rcpt`` or ``dot``."""
    policy: str
    """Version of the policy that decided."""
    envelope: Envelope
    rulings: tuple[Ruling, ...]
    answers: tuple[Answer, ...]
    """One for each ruling."""
    copies: tuple[Copy, ...] = ()
    """As they were sent, trace and signature included in the edits."""
    signed: tuple[str, ...] = ()
    """Domains that signed."""
    size: int = 0
    """Octets of the message as received."""
    message_id: str = ""
    said: Said = Said()
    """What a trusted client said of the mail."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds spent: store, judge, sign, upstream, total."""

"""The contract between a rule and the house.

A rule is one module. Its docstring is its manual page (Fault, Why, Fix, References), its file
name is its id, and ``RULE`` declares what the shell must know before it runs: whether it judges
the message or one recipient, the earliest phase at which it can, the facts it needs, the largest
change its fix may ask for, and the effect on state that follows when its duty was met. ``check``
is a pure function from a ``Case`` to findings.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from functools import wraps
from typing import Any, TypeVar

from smtpguard.edit.fix import Change, Fix
from smtpguard.mail.envelope import Envelope, Recipient
from smtpguard.mail.language import language_of
from smtpguard.mail.message import Message
from smtpguard.person import Person, Source
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Kind, Stream


class Scope(Enum):
    """What a finding of the rule is about."""

    MESSAGE = "message"
    RECIPIENT = "recipient"


class Phase(IntEnum):
    """The earliest moment at which the rule can judge; it judges again at every later one."""

    RCPT = 1
    DOT = 2


class Fact(Enum):
    """What the shell must fetch before the rule runs."""

    SUPPRESSIONS = "suppressions"
    CONTACT = "contact"
    SOURCE = "source"


class Effect(Enum):
    """What follows in the store when mail that the rule watches over was accepted."""

    INFORM = "inform"
    """First contact: reserved at the dot, committed after the upstream's 250, else rolled back."""


class Certainty(IntEnum):
    """How sure a finding is: only a certain one may refuse mail."""

    INDETERMINATE = 0
    """The rule could not tell."""
    HEURISTIC = 1
    CERTAIN = 2


LONGEST_ID = 64
"""Octets of an id that a sender gives to a list, a reader or a campaign."""


def _fits(word: str) -> bool:
    return word.isprintable() and len(word.encode("utf-8", "replace")) <= LONGEST_ID


@dataclass(frozen=True, slots=True)
class Said:
    """What a trusted client said about the mail in ``X-SmtpGuard-*`` fields."""

    source: Source | None = None
    list: str = ""
    recipient: str = ""
    """The sender's own id for the person."""
    campaign: str = ""
    language: str = ""

    @property
    def shown(self) -> dict[str, str]:
        """The ids that name nobody, ``list`` and ``campaign``, where they were said."""
        ids = {"list": self.list, "campaign": self.campaign}
        return {name: word for name, word in ids.items() if word and _fits(word)}

    @property
    def unfit(self) -> tuple[str, ...]:
        """Which ids are too long for a link, or not printable: cut, they would name another."""
        ids = {"list": self.list, "recipient": self.recipient, "campaign": self.campaign}
        return tuple(name for name, word in ids.items() if not _fits(word))


@dataclass(slots=True)
class Case:
    """What a rule is asked about: a mail, for whom, and what is known.

    A value, though not frozen, which would double what it costs.
    """

    envelope: Envelope
    stream: Stream
    message: Message | None = None
    """``None`` at RCPT; rules of phase DOT always have it."""
    recipient: Recipient | None = None
    """The recipient judged; ``None`` for rules of message scope."""
    person: Person | None = None
    """The facts asked for; ``None`` when the store is silent, and for message scope."""
    said: Said = Said()
    signs: frozenset[str] = frozenset()
    """Domains whose DKIM key we hold."""
    now: int = 0
    """Seconds since the epoch, passed in by the shell."""
    tidy: bool = False
    """The wire has seen to it already that no line holds a bare CR, a bare LF or a NUL."""
    host: str = ""
    """Our host id, as it stands in the Received fields that we add."""
    evidence: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """What ``once`` has read."""

    @property
    def controller(self) -> Controller:
        """The legal entity that answers for the mail."""
        return self.stream.controller

    @property
    def brand(self) -> Brand:
        """The brand of the stream."""
        return self.stream.brand

    @property
    def mail(self) -> Message:
        """The message, for rules of phase DOT."""
        assert self.message is not None, "only rules of phase DOT read the message"
        return self.message

    @property
    def language(self) -> str:
        """What a text for the reader is written in, two letters.

        That which the client names or the message declares, else the brand's first. Only a fix
        asks for it: it may be looked for in the pages.
        """
        return self.said.language or language_of(self.mail, self.brand.languages[0])


T = TypeVar("T")


def once(read: Callable[[Case], T]) -> Callable[[Case], T]:
    """Evidence that several rules look at, read when the first one asks.

    It may depend on the message and the stream of a case, and on nothing else.
    """

    @wraps(read)
    def known(case: Case) -> T:
        found: tuple[Message | None, Stream, T] | None = case.evidence.get(read)
        # A case is also made out of another one with ``replace``.
        if found is None or found[0] is not case.message or found[1] is not case.stream:
            found = case.evidence[read] = case.message, case.stream, read(case)
        return found[2]

    return known


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that a rule found."""

    rule: str
    detail: str = ""
    """What exactly, as a suffix of the id: ``contrast`` in ``hidden-unsubscribe-link.contrast``."""
    found: str = ""
    """What was found, for the bounce: at most 120 characters, no reader's address."""
    remedy: str = ""
    """What to do about it, where the rule's own sentence is not exact enough."""
    where: str = ""
    """``Subject``, ``part 1.2`` ..."""
    fixes: tuple[Fix, ...] = ()
    """All of them together mend it; none: it cannot be mended here."""
    certainty: Certainty = Certainty.CERTAIN
    reply: tuple[int, str] | None = None
    """Code and subject.detail, where they differ from the rule's."""

    @property
    def name(self) -> str:
        """The id with its suffix."""
        return f"{self.rule}.{self.detail}" if self.detail else self.rule


Check = Callable[[Case], Iterable[Finding]]

MARKETING = frozenset({Kind.MARKETING})
COMMERCIAL = frozenset({Kind.MARKETING, Kind.TRANSACTIONAL})
EVERY = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong."""

    module: str
    """``__name__`` of its module; the id derives from it."""
    check: Check
    says: Mapping[str, str]
    """The sentence of the bounce by language (en, fr, it): what is wrong and what to do; ASCII."""
    scope: Scope = Scope.MESSAGE
    phase: Phase = Phase.DOT
    facts: frozenset[Fact] = frozenset()
    change: Change = Change.NONE
    """The largest change that its fixes ask for."""
    effects: frozenset[Effect] = frozenset()
    code: int = 550
    status: str = "6.0"
    kinds: frozenset[Kind] = field(default=MARKETING)
    """The classes of mail that it judges."""
    invariant: bool = False
    """It always acts as the rule says, whatever the policy says and in every mode."""

    id: str = field(init=False)
    """``missing-unsubscribe-link``."""
    about_person: bool = field(init=False)
    """It stands against writing to somebody, not against the content."""

    def __post_init__(self) -> None:
        """Derive the id, and what the rule is about."""
        object.__setattr__(self, "id", self.module.rpartition(".")[2].replace("_", "-"))
        object.__setattr__(self, "about_person", Fact.SUPPRESSIONS in self.facts)

    @property
    def manual(self) -> str:
        """The manual page."""
        return sys.modules[self.module].__doc__ or ""

    @property
    def summary(self) -> str:
        """The first line of the manual page."""
        return self.manual.partition("\n")[0]

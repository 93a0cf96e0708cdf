"""What is answered; the OpenAPI document is made from these shapes.

Times are RFC 3339, in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from smtpguard.person import Reason
from smtpguard.policy.model import Field
from smtpguard.store.requests import Kind
from smtpguard.web.api.asked import MailClass, Shape


class Fault(Shape):
    """One thing in a request that could not be read; the rest of it counts."""

    pointer: str
    """Where it stands: a JSON Pointer, as `#/addresses/3`."""
    detail: str


class Recorded(Shape):
    """What became of a request to suppress."""

    controller: str
    brand: str
    stream: str
    new: int
    """Suppressions that were not known."""
    known: int
    """Those that stood before; the earlier one stands."""
    bad: tuple[Fault, ...]
    """Entries that could not be read, and so were not recorded."""


class Lifted(Shape):
    """What became of a request to lift."""

    controller: str
    brand: str
    stream: str
    lifted: int
    """Suppressions of exactly this scope that stood and stand no more."""
    bad: tuple[Fault, ...]


class Standing(Shape):
    """One thing that stands against writing to somebody."""

    reason: Reason
    brand: str
    stream: str
    """How far it reaches; both empty: all mail of the controller."""
    since: datetime | None
    """When it was recorded; partners' lists do not say."""
    channel: str
    """How it came: `one-click`, `mailto`, `page`, `operator`, `api:NAME`, `list:NAME` ..."""
    domain: bool
    """It stands against the whole domain."""


class Past(Shape):
    """One thing that stood once, and was lifted."""

    reason: Reason
    brand: str
    stream: str
    at: datetime
    because: str


class Checked(Shape):
    """What is known of one address."""

    address: str
    may_write: bool
    """False where the guard refuses such mail to them."""
    against: tuple[Standing, ...]
    """Why not, the first of it deciding."""
    elsewhere: tuple[Standing, ...]
    """What stands against other mail of the controller's, or against other classes."""
    lifted: tuple[Past, ...]


class Answers(Shape):
    """One for each address, in order."""

    controller: str
    brand: str
    stream: str
    kind: Annotated[MailClass, Field(alias="class")]
    results: tuple[Checked, ...]


class Counts(Shape):
    """How many rows of a list became what."""

    keep: int
    drop: int
    bad: int
    partly: int
    """Of those kept: how many left other mail of the controller's."""


class Dropped(Shape):
    """Somebody who is not written to, and the first reason."""

    address: str
    because: Standing


class Cleaned(Shape):
    """A list in its three parts."""

    controller: str
    brand: str
    stream: str
    counts: Counts
    keep: tuple[str, ...]
    drop: tuple[Dropped, ...]
    bad: tuple[Fault, ...]


class RightsRequest(Shape):
    """A reader's request for access, erasure or to be left alone; not who makes it."""

    number: str
    kind: Kind
    controller: str
    opened: datetime
    due: datetime
    """The answer must have been given by then."""
    overdue: bool
    done: datetime | None
    """When it was answered."""
    deleted: datetime
    """When it is deleted here, with who made it."""


class RightsRequests(Shape):
    """Those due first coming first."""

    requests: tuple[RightsRequest, ...]
    more: bool
    """There are more of them than one answer holds."""


class Asker(Shape):
    """Who makes a rights request: personal data."""

    address: str
    language: str
    note: str
    """In their own words."""


class RightsRequestShown(RightsRequest):
    """A rights request, and who makes it."""

    asker: Asker | None
    """None where the link key it was sealed with is not held any more."""


class SuppressionCount(Shape):
    """How many suppressions are alike."""

    reason: Reason
    brand: str
    stream: str
    domain: bool
    count: int


class AttemptCount(Shape):
    """Mail of one stream to people who had left; all of it was refused, or observed."""

    stream: str
    in_flight: int
    """Within 48 hours of the opt-out: it may have been on its way."""
    uncleaned: int
    """Later: somebody's list was not cleaned."""


class LateCount(Shape):
    """Opt-outs that took longer to reach us than the policy allows (`opt_out_within`)."""

    channel: str
    count: int
    longest: int
    """Seconds."""


class ControllerStats(Shape):
    """What the store knows of one controller's readers."""

    controller: str
    people: int
    """Records: people and domains."""
    informed: int
    """Who got a notice of first contact."""
    sourced: int
    """Of whom it is known where their address came from."""
    suppressions: tuple[SuppressionCount, ...]
    requests_open: int
    requests_overdue: int
    attempts: tuple[AttemptCount, ...]
    """In the last seven days (UTC), as the two below."""
    late: tuple[LateCount, ...]
    conflicts: dict[str, int]
    """Where a consent and an opt-out contradict each other, by kind; the opt-out stands."""


class ListStats(Shape):
    """A partner's hashed list."""

    name: str
    algorithm: str
    size: int
    imported: datetime


class HostStats(Shape):
    """What belongs to no one controller; for callers that may ask for all of them."""

    events_waiting: int
    """Webhooks that were not delivered yet."""
    events_given_up: int
    """Webhooks laid aside after the last try."""
    opt_outs: dict[str, int]
    """New wishes acknowledged by this process since it started, by channel."""
    started: datetime


class Stats(Shape):
    """Counts."""

    counted: datetime
    """When the store was looked through; it is done anew after a minute, when asked."""
    controllers: tuple[ControllerStats, ...]
    lists: tuple[ListStats, ...]
    """Those that the callers' policies name."""
    host: HostStats | None


class ProblemFault(Shape):
    """One fault of a request."""

    pointer: str | None = None
    """Where it stands in the body: a JSON Pointer, as `#/addresses/3`."""
    parameter: str | None = None
    """The parameter of the query."""
    detail: str


class Problem(Shape):
    """Problem details (RFC 9457)."""

    type: str
    """Always `about:blank`."""
    title: str
    status: int
    code: str
    """What kind of problem, in a word."""
    detail: str
    errors: tuple[ProblemFault, ...] = ()

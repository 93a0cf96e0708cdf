"""What is asked; the OpenAPI document is made from these shapes, and requests are held to them.

No address of a person stands in a URL, because URLs end in logs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from smtpguard.person import Reason
from smtpguard.policy.model import AfterValidator, Field, Model, Text
from smtpguard.store.table import read_time

MOST_WRITTEN = 1000
"""Addresses in one request that records."""
MOST_CHECKED = 100
MOST_CLEANED = 10_000
"""Addresses in one JSON list; longer ones come as text."""


def _filled(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must say something, in one line of readable text")
    return text.strip()


def _moment(text: str) -> str:
    if read_time(text) is None:
        raise ValueError("expected a time such as 2026-03-31 or 2026-03-31T10:00:00Z")
    return text


Word = Annotated[str, Field(max_length=100)]
Because = Annotated[Text, Field(max_length=300), AfterValidator(_filled)]
Moment = Annotated[
    str, Field(examples=["2026-03-31T10:00:00Z"], max_length=40), AfterValidator(_moment)
]
Mailbox = Annotated[str, Field(examples=["anna@client.example"])]


class Shape(Model, hide_input_in_errors=True):
    """A part of a request or of an answer; no error that is logged repeats what it holds."""


class Aim(Shape):
    """Whose mail is meant."""

    controller: Word | None = None
    """The legal entity; may be left out where the caller has only one."""
    brand: Word = ""
    """Mail of this brand only."""
    stream: Word = ""
    """Mail of this stream only; its brand need not be said."""


class Suppress(Aim):
    """Who is not written to any more."""

    addresses: Annotated[tuple[Mailbox, ...], Field(max_length=MOST_WRITTEN)] = ()
    domains: Annotated[tuple[str, ...], Field(max_length=MOST_WRITTEN)] = ()
    """Whole domains, with everything below them; not those that strangers share."""
    reason: Reason = Reason.OBJECTION
    """`hard-bounce` and `manual` stop transactional mail too."""
    at: Moment | None = None
    """When they said so; now, if left out."""


class Lift(Aim):
    """Who may be written to again."""

    addresses: Annotated[tuple[Mailbox, ...], Field(max_length=MOST_WRITTEN)] = ()
    domains: Annotated[tuple[str, ...], Field(max_length=MOST_WRITTEN)] = ()
    reason: Reason | None = None
    """This reason only; all, if left out."""
    because: Because
    """Why; kept with the record, and by whose token it was lifted."""


class MailClass(StrEnum):
    """Classes of mail; personal mail is never refused."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    PERSONAL = "personal"


class Check(Aim):
    """Who may be written to?"""

    addresses: Annotated[tuple[Mailbox, ...], Field(min_length=1, max_length=MOST_CHECKED)]
    kind: Annotated[MailClass, Field(alias="class")] = MailClass.MARKETING
    """The class of mail, where no stream says it."""


class Clean(Aim):
    """A list, to be given back without those who left."""

    addresses: Annotated[tuple[Mailbox, ...], Field(max_length=MOST_CLEANED)]


class Portion(StrEnum):
    """Which rows of a list come back."""

    KEEP = "keep"
    DROP = "drop"
    BAD = "bad"


class CleanQuery(Aim):
    """The same of a list in text or CSV: it stands in the query."""

    column: Word | None = None
    """Heading or number of the addresses' column in CSV; found by itself, if left out."""
    answer: Portion = Portion.KEEP
    """Which rows come back."""


class RequestsQuery(Shape):
    """Which rights requests."""

    done: bool = False
    """Those that were answered as well."""

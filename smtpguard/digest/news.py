"""One trouble as it is told: an event for programs, and one for each owner who gets a letter.

No recipient and no octet of a mail is in it: counts, rules and times alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from smtpguard.digest.wording import language_of
from smtpguard.mail.address import Address
from smtpguard.policy.policy import Policy
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules import BY_ID
from smtpguard.store.outbox import Event
from smtpguard.store.troubles import Cause, Count, Trouble

BEGUN = "digest.begun"
LASTS = "digest.lasts"
ENDED = "digest.ended"

Page = Callable[[str, str, str, str], str]
"""Where rule, detail, code and language are explained (``Help.page``)."""


@dataclass(frozen=True, slots=True)
class News:
    """What is put out of one trouble."""

    hooks: tuple[Event, ...] = ()
    letters: tuple[Event, ...] = ()
    """Each with ``to`` and ``language``."""


def news(
    trouble: Trouble,
    policy: Policy,
    page: Page,
    now: int,
    uncleaned: Mapping[str, int] = MappingProxyType({}),
) -> News:
    """What is told of it; nothing where the policies do not know its streams any more.

    ``uncleaned``: mails of the week to people who had left, by stream.
    """
    streams = concerned(trouble, policy)
    if not streams:
        return News()

    def event_of(own: Sequence[Stream], language: str) -> Event:
        event = _event(trouble, own, page, now, language)
        unclean = sum(uncleaned.get(one.name, 0) for one in own)
        return {**event, "unclean": unclean} if unclean else event

    event = event_of(streams, "en")
    wanted = any(event["type"] in hook.events for hook in streams[0].controller.webhooks)
    owners: dict[str, list[Stream]] = {}
    for stream in streams:
        if to := owner_of(stream):
            owners.setdefault(to, []).append(stream)
    letters = tuple(
        {
            **event_of(own, language_of(own[0])),
            "to": to,
            "language": language_of(own[0]),
        }
        for to, own in owners.items()
    )
    return News((event,) if wanted else (), letters)


def concerned(trouble: Trouble, policy: Policy) -> list[Stream]:
    """The streams whose mail it holds up."""
    name = trouble.name
    own = [one for one in policy.streams if one.controller.name == name.controller]
    if name.cause is not Cause.EXIT:
        return [one for one in own if one.name == name.subject]
    return [
        one
        for one in own
        if one.kind is Kind.MARKETING and one.brand.unsubscribe.url == name.subject
    ]


def owner_of(stream: Stream) -> str:
    """Who gets the letter: the owner where it is an address, else the company's operator."""
    for written in (stream.owner, stream.controller.feedback.operator):
        address = Address.parse(written.encode()) if "@" in written else None
        if address is not None:
            return bytes(address).decode()
    return ""


def _event(
    trouble: Trouble, streams: Sequence[Stream], page: Page, now: int, language: str
) -> Event:
    names = [one.name for one in streams]
    kind = BEGUN if not trouble.said else ENDED if trouble.ended else LASTS
    event: dict[str, object] = {
        "type": kind,
        "controller": trouble.name.controller,
        "cause": trouble.name.cause.value,
        "streams": names,
        "since": trouble.since,
        "faults": list(_faults(trouble, names, page, language)),
        "at": now,
    }
    if trouble.name.cause is Cause.EXIT:
        event["url"] = trouble.name.subject
    if trouble.ended:
        event["until"] = trouble.ended
    return event


def _faults(
    trouble: Trouble, names: Sequence[str], page: Page, language: str
) -> Iterable[dict[str, object]]:
    counts = dict(trouble.counts)
    if trouble.name.fault:
        counts.setdefault((trouble.name.subject, trouble.name.fault), Count())
    for (stream, fault), count in sorted(counts.items()):
        rule, _, detail = fault.partition(".")
        if stream in names and rule in BY_ID:
            says = BY_ID[rule].says
            yield {
                "stream": stream,
                "rule": fault,
                "says": says.get(language, says["en"]),
                "refused": count.refused,
                "deferred": count.deferred,
                "more": page(rule, detail, count.code, language),
            }

"""What a decision depends on beside the message: who is written to, and what a client said."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache

from smtpguard import log
from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient
from smtpguard.mail.field import mailboxes
from smtpguard.mail.message import Message
from smtpguard.person import ORIGINS, Person, Source
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules.rule import Said
from smtpguard.store.errors import StoreSilent
from smtpguard.store.partner import against
from smtpguard.store.store import Store
from smtpguard.unsubscribe.link import Exit, mint
from smtpguard.verdict.judge import commercial

NOTHING_SAID = Said()
LONGEST = 200
"""Characters of one value that a trusted client says."""


async def people(
    store: Store, recipients: Sequence[Recipient], streams: Sequence[Stream | None]
) -> tuple[Person | None, ...]:
    """The facts about each recipient of commercial mail; ``None`` where the store is silent."""
    facts: list[Person | None] = [None] * len(recipients)
    wanted: dict[str, list[int]] = defaultdict(list)
    lists: list[tuple[str, ...]] = [()] * len(recipients)
    for index, stream in enumerate(streams):
        if stream is not None and commercial(stream):
            wanted[stream.controller.name].append(index)
            if stream.kind is Kind.MARKETING:
                lists[index] = stream.brand.suppression_lists
    for controller, indices in wanted.items():
        addresses = [recipients[index].address for index in indices]
        try:
            if any(lists[index] for index in indices):
                pairs = [(recipients[index].address, lists[index]) for index in indices]
                found = await _listed_too(store, controller, addresses, pairs)
            else:
                found = await store.look_up(controller, addresses)
        except StoreSilent as silent:
            log.store_silent(str(silent))
            continue
        for index, person in zip(indices, found, strict=True):
            facts[index] = person
    return tuple(facts)


async def _listed_too(
    store: Store,
    controller: str,
    addresses: Sequence[Address],
    pairs: Sequence[tuple[Address, tuple[str, ...]]],
) -> list[Person]:
    """What is known of each, and what partners' lists have against them."""
    # Asked in one turn of the loop, it travels as one batch.
    found, listed = await asyncio.gather(
        store.look_up(controller, addresses), against(store, pairs)
    )
    return [
        replace(person, suppressions=person.suppressions + more) if more else person
        for person, more in zip(found, listed, strict=True)
    ]


def patient(streams: Sequence[Stream | None], shut: Collection[str]) -> tuple[Stream | None, ...]:
    """The same streams; those whose exit does not answer put off what they would refuse."""
    return tuple(
        replace(one, refuse_with_defer=True)
        if one is not None and one.brand.unsubscribe.url in shut
        else one
        for one in streams
    )


def exits(
    ring: Keyring,
    envelope: Envelope,
    streams: Sequence[Stream | None],
    now: int,
    shut: Collection[str] = (),
    said: Said = NOTHING_SAID,
) -> dict[int, Exit]:
    """The way out of each reader whose copy may get one, by index of the recipient.

    No link is promised to an exit that does not answer (``shut``: their base URLs). An id of the
    recipient is nobody's where there are several.
    """
    found: dict[int, Exit] = {}
    unfit = said.unfit if said.recipient or said.campaign else ()
    alone = len(envelope.recipients) == 1 and "recipient" not in unfit
    for index, stream in enumerate(streams):
        if stream is None or stream.kind is not Kind.MARKETING or not stream.edits:
            continue
        unsubscribe = stream.brand.unsubscribe
        if unsubscribe.url and unsubscribe.url not in shut:
            found[index] = mint(
                ring,
                base=unsubscribe.url,
                mailto=unsubscribe.mailto,
                controller=stream.controller.name,
                brand=stream.brand.name,
                stream=stream.name,
                address=envelope.recipients[index].address,
                at=now,
                recipient_id=said.recipient if alone else "",
                campaign="" if "campaign" in unfit else said.campaign,
            )
    return found


def said_in(message: Message) -> tuple[Said, str]:
    """What the ``X-SmtpGuard-*`` fields say, and the stream that they name.

    ``X-SmtpGuard-Source`` is ``id; origin; public name`` or just a public name.
    """

    def first(name: str) -> str:
        found = message.first(f"x-smtpguard-{name}")
        return " ".join(found.text.split())[:LONGEST] if found else ""

    said = Said(
        source=_source(first("source")),
        list=first("list"),
        recipient=first("recipient"),
        campaign=first("campaign"),
        language=first("language")[:2].lower(),
    )
    return said, first("stream")


def from_domain_of(message: Message) -> str:
    """The domain of the From field, A-label and lower case; empty where it is not one mailbox."""
    fields = message.named("from")
    return _domain(fields[0].value) if len(fields) == 1 else ""


@lru_cache(4096)
def _domain(value: str) -> str:
    written = mailboxes(value)
    if len(written) != 1 or written[0].address is None:
        return ""
    return written[0].address.domain_key


def _source(value: str) -> Source | None:
    if not value:
        return None
    pieces = [piece.strip() for piece in value.split(";", 2)]
    if len(pieces) == 3:
        origin = pieces[1].casefold()
        return Source(pieces[0], pieces[2], origin if origin in ORIGINS else "")
    return Source(id=value, name=value)

"""May somebody be written to?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from smtpguard.mail.address import Address
from smtpguard.person import Person, Suppression
from smtpguard.policy.names import Named
from smtpguard.policy.stream import Kind
from smtpguard.store.partner import look_up
from smtpguard.store.record import Lifted
from smtpguard.web.api.answered import Answers, Checked, Past, Standing
from smtpguard.web.api.asked import Check
from smtpguard.web.api.call import Call, people
from smtpguard.web.api.problem import Refused


async def check(call: Call) -> Answers:
    """What the guard would say of such mail to each of them, and why.

    Where no stream is named, what stands against any that may be meant counts.
    """
    asked = await call.asked(Check)
    named = call.named(asked, Kind(asked.kind.value))
    found, bad = people(asked.addresses, ())
    if bad:
        faults = [fault.model_dump() for fault in bad]
        raise Refused("invalid", "not all of it are addresses", faults)
    addresses = [one for one in found if isinstance(one, Address)]
    store = call.desk.store
    known, records = await asyncio.gather(  # asked in one turn of the loop: one batch
        look_up(store, named.controller, addresses, named.lists),
        asyncio.gather(*(store.find(named.controller, one) for one in addresses)),
    )
    results = [
        _checked(word, named, person, [past for row in rows for past in row.lifted])
        for word, person, rows in zip(asked.addresses, known, records, strict=True)
    ]
    return Answers.model_validate(
        {
            "controller": named.controller,
            "brand": named.scope.brand,
            "stream": named.scope.stream,
            "class": named.kind.value,
            "results": results,
        }
    )


def standing(one: Suppression) -> Standing:
    """As it is said."""
    return Standing(
        reason=one.reason,
        brand=one.scope.brand,
        stream=one.scope.stream,
        since=moment(one.at) if one.at else None,
        channel=one.channel,
        domain=one.domain,
    )


def moment(seconds: int) -> datetime:
    """A time as it is said."""
    return datetime.fromtimestamp(seconds, UTC)


def _checked(word: str, named: Named, person: Person, lifted: Sequence[Lifted]) -> Checked:
    against = named.standing(person, partly=True)
    return Checked(
        address=word,
        may_write=not against,
        against=tuple(map(standing, against)),
        elsewhere=tuple(standing(one) for one in person.suppressions if one not in against),
        lifted=tuple(
            Past(
                reason=one.reason,
                brand=one.scope.brand,
                stream=one.scope.stream,
                at=moment(one.at),
                because=one.because,
            )
            for one in lifted
        ),
    )

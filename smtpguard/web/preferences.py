"""``/p/TICKET``: what a reader receives from a company, each stream on or off."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response

from smtpguard import log, metrics
from smtpguard.person import OptOut, Person, Reason, Scope, Suppression
from smtpguard.policy.stream import Stream
from smtpguard.store.errors import StoreSilent
from smtpguard.store.outbox import LIFTED
from smtpguard.web.desk import PREFERENCES, Visit, against, form
from smtpguard.web.exits import desk_of, silent, tickets, unknown
from smtpguard.web.pages import page, see_other


@dataclass(frozen=True, slots=True)
class Choice:
    """One stream, as the form shows it."""

    stream: Stream
    on: bool
    locked: bool
    """Something other than the reader's own wish stands against it, or a settled one."""
    since: int = 0
    """When it was settled: a link, which others may hold, lifts no wish older than a page."""


async def show(request: Request) -> Response:
    """The form; it changes nothing."""
    visit = desk_of(request).visit(request, PREFERENCES)
    if visit is None:
        return unknown(request)
    try:
        choices = choices_of(visit, await visit.person())
    except StoreSilent:
        return silent(visit)
    values = {
        "masked": visit.masked,
        "groups": [
            (brand.names[0], list(group))
            for brand, group in groupby(choices, key=lambda choice: choice.stream.brand)
        ],
        "saved": "saved" in request.query_params,
        "languages": True,
        "rights": tickets(visit)["rights"],
    }
    return page("preferences", visit.words, visit.party, values)


async def save(request: Request) -> Response:
    """Make the streams that were shown as the form says."""
    visit = desk_of(request).visit(request, PREFERENCES)
    if visit is None:
        return unknown(request)
    fields = await form(request)
    shown, wanted = ({str(one) for one in fields.getlist(name)} for name in ("shown", "on"))
    try:
        await _change(visit, await visit.person(), shown, wanted)
    except StoreSilent:
        return silent(visit)
    return see_other(request, f"{request.path_params['token']}?saved=1")


def choices_of(visit: Visit, person: Person) -> list[Choice]:
    """Every stream that the reader may switch."""
    found = []
    for stream in visit.desk.site.choices(visit.ticket.controller):
        standing = [one for one in person.suppressions if _covers(one, stream)]
        others = any(one.reason is not Reason.OBJECTION or one.domain for one in standing)
        oldest = min((one.at for one in standing), default=visit.desk.now)
        settled = oldest + visit.desk.settings.undo <= visit.desk.now
        on = against(person, stream.brand.name, stream.name) is None
        since = oldest if settled and not others else 0
        found.append(Choice(stream, on, others or settled, since))
    return found


async def _change(
    visit: Visit, person: Person, shown: Collection[str], wanted: Collection[str]
) -> None:
    """Record what is switched off, then lift what is switched on: never more than was shown.

    Where a wider wish stands against a stream that is switched on, it is replaced by one for each
    stream that stays off.
    """
    desk, ticket = visit.desk, visit.ticket
    free = [one for one in choices_of(visit, person) if not one.locked]
    on = {one.stream.name for one in free if one.stream.name in shown and one.stream.name in wanted}
    off = {one.stream.name for one in free if one.stream.name in shown} - on
    opened = [one.stream for one in free if not one.on and one.stream.name in on]
    lifted = [one for one in person.suppressions if any(_covers(one, each) for each in opened)]
    closed = []
    for one in _streams(visit):
        kept = [wish.at for wish in lifted if _covers(wish, one)] if one.name not in on else []
        if kept or (one.name in off and not against(person, one.brand.name, one.name)):
            scope, at = Scope(one.brand.name, one.name), min(kept, default=desk.now)
            wish = Suppression(Reason.OBJECTION, scope, at, "preferences")
            closed.append(OptOut(wish, ticket.epoch, said=desk.now))
    if closed:
        began = time.monotonic()
        wishes = [(visit.address, wish) for wish in closed]
        new = sum(await desk.opt_out_many(ticket.controller, wishes, ticket.ids))
        metrics.OPT_OUTS.labels("preferences", "stream", "true").inc(new)
        metrics.OPT_OUT_SECONDS.labels("preferences").observe(time.monotonic() - began)
    for wish in lifted:
        await desk.store.unsuppress(
            ticket.controller,
            visit.address,
            wish.scope,
            wish.reason,
            because="preferences",
            at=desk.now,
        )
        await visit.tell(LIFTED, replace(wish, at=desk.now, channel="preferences"))
    log.reader("chosen", controller=ticket.controller, off=len(closed), lifted=len(lifted))


def _streams(visit: Visit) -> list[Stream]:
    return visit.desk.site.choices(visit.ticket.controller)


def _covers(one: Suppression, stream: Stream) -> bool:
    return one.scope.covers(stream.brand.name, stream.name)

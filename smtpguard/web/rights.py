"""``/r/TICKET``: a reader asks what is known of them, or to be forgotten, or to be left alone."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from smtpguard import log, metrics
from smtpguard.person import Reason, Scope
from smtpguard.store.errors import StoreSilent
from smtpguard.store.requests import Kind, deadline, open_request
from smtpguard.unsubscribe.asker import Asker, seal
from smtpguard.web.desk import RIGHTS, Visit, form
from smtpguard.web.exits import desk_of, silent, unknown
from smtpguard.web.pages import page

LONGEST_NOTE = 800
"""Characters of a reader's own words: however they are encoded, the body's limit holds them."""
STOPS = {Kind.ERASURE: Reason.ERASURE, Kind.OBJECTION: Reason.OBJECTION}
"""Requests that hold from the moment they are made, whenever the operator reads them."""


async def show(request: Request) -> Response:
    """The form; it changes nothing."""
    visit = desk_of(request).visit(request, RIGHTS)
    return unknown(request) if visit is None else _form(visit)


async def ask(request: Request) -> Response:
    """Open a numbered request; the same person asking for the same again gets its number."""
    visit = desk_of(request).visit(request, RIGHTS)
    if visit is None:
        return unknown(request)
    fields = await form(request)
    asked = str(fields.get("kind", ""))
    if asked not in [kind.value for kind in Kind]:
        return _form(visit, missing=True, status=422)
    kind, desk, ticket = Kind(asked), visit.desk, visit.ticket
    note = str(fields.get("note", ""))[:LONGEST_NOTE]
    asker = Asker(ticket.address.decode("utf-8", "replace"), visit.words.language, note)
    try:
        if reason := STOPS.get(kind):
            await visit.object(Scope(), "page", reason)
        opened, new = await open_request(
            desk.store,
            desk.ring,
            ticket.controller,
            visit.address,
            kind,
            seal(desk.ring, asker),
            keep=int(desk.settings.keep_requests),
            now=desk.now,
        )
    except StoreSilent:
        return silent(visit)
    if new:
        metrics.RIGHTS_REQUESTS.labels(kind.value).inc()
        log.reader("asked", controller=ticket.controller, kind=kind.value, number=opened.number)
    return page(
        "requested",
        visit.words,
        visit.party,
        {
            "masked": visit.masked,
            "number": opened.number,
            "due": visit.words.date(opened.due),
            "forgotten": visit.words.date(opened.forgotten),
            "stopped": kind in STOPS,
        },
    )


def _form(visit: Visit, *, missing: bool = False, status: int = 200) -> Response:
    now = visit.desk.now
    return page(
        "rights",
        visit.words,
        visit.party,
        {
            "masked": visit.masked,
            "kinds": [kind.value for kind in Kind],
            "due": visit.words.date(deadline(now)),
            "forgotten": visit.words.date(now + int(visit.desk.settings.keep_requests)),
            "longest": LONGEST_NOTE,
            "missing": missing,
            "languages": not missing,
        },
        status=status,
    )

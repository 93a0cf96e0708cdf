"""``/u/TOKEN``: a page with one button, and what happens when it is pressed.

A POST unsubscribes before it is answered: whatever its body says, from whichever program it
comes, and however old the link is (RFC 8058 §3.2). What a person may do beyond that, they say in
fields of the page's own forms.
"""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from smtpguard import log, metrics
from smtpguard.person import Person, Reason, Scope
from smtpguard.store.errors import StoreSilent
from smtpguard.unsubscribe.link import read
from smtpguard.web.desk import PREFERENCES, RIGHTS, UNDO, Desk, Visit, form
from smtpguard.web.pages import line, notice, page


async def show(request: Request) -> Response:
    """The page that a person sees; it changes nothing."""
    visit = desk_of(request).visit(request)
    if visit is None:
        return unknown(request)
    person = await visit.person_if_known()
    standing = visit.standing(person)
    since = visit.words.date(standing.at) if standing and standing.at else ""
    name = "already" if standing else "ask"
    return _page(name, visit, person, since=since, languages=True)


async def leave(request: Request) -> Response:
    """Unsubscribe, or undo it while the page lasts."""
    began = time.monotonic()
    visit = desk_of(request).visit(request)
    if visit is None:
        return unknown(request)
    fields = await form(request)
    if "undo" in fields:
        return await _undo(visit, str(fields["undo"]))
    wish = str(fields.get("leave", ""))
    scope, channel = visit.scope(wish), "page" if wish else "one-click"
    try:
        new = await visit.object(scope, channel)
    except StoreSilent:
        return silent(visit) if wish else _silent_line()
    metrics.OPT_OUTS.labels(channel, _width(scope), str(new).lower()).inc()
    metrics.OPT_OUT_SECONDS.observe(time.monotonic() - began)
    log.reader(
        "left",
        controller=visit.ticket.controller,
        scope=scope,
        channel=channel,
        new=int(new),
        reference=visit.number(scope),
    )
    if not wish:
        return line("Unsubscribed.")
    person = await visit.person_if_known()
    until = _undoable(visit, person, scope, new=new)
    return _page(
        "left",
        visit,
        person,
        width=_width(scope),
        number=visit.number(scope),
        undo=visit.sealed(UNDO, scope) if until > 0 else "",
        minutes=-(-until // 60),
    )


def unknown(request: Request) -> Response:
    """One answer for every token that is not ours, whyever."""
    metrics.BAD_TOKENS.inc()
    return notice("unknown", *desk_of(request).refused(request), 404)


def silent(visit: Visit) -> Response:
    """The store did not say that it has written: try again."""
    metrics.STORE_SILENT.inc()
    return notice("trouble", visit.words, visit.party, 503)


def desk_of(request: Request) -> Desk:
    """The desk of the process."""
    desk: Desk = request.app.state.desk
    return desk


def tickets(visit: Visit) -> dict[str, str]:
    """Where a page leads on to, for this reader and for a while."""
    return {
        "preferences": f"../p/{visit.sealed(PREFERENCES)}",
        "rights": f"../r/{visit.sealed(RIGHTS)}",
    }


async def _undo(visit: Visit, token: str) -> Response:
    """Lift exactly what the page recorded."""
    desk, ticket = visit.desk, read(visit.desk.ring, token, UNDO)
    mine = ticket is not None and (ticket.controller, ticket.address) == (
        visit.ticket.controller,
        visit.ticket.address,
    )
    if ticket is None or not mine or ticket.at < desk.now:
        return _page("late", visit, Person())
    scope = Scope(ticket.brand, ticket.stream)
    try:
        lifted = await desk.store.unsuppress(
            ticket.controller,
            visit.address,
            scope,
            Reason.OBJECTION,
            because="undone on the page",
            at=desk.now,
        )
        person = await visit.person()
    except StoreSilent:
        return silent(visit)
    if lifted:
        metrics.UNDONE.inc()
        number = visit.number(scope)
        log.reader("undone", controller=ticket.controller, scope=scope, reference=number)
    return _page("undone", visit, person, still=visit.standing(person) is not None)


def _undoable(visit: Visit, person: Person, scope: Scope, *, new: bool) -> int:
    """Seconds for which the wish may be undone: as long as the page that recorded it lasts."""
    life = int(visit.desk.settings.undo)
    if new:
        return life
    for one in person.suppressions:
        if one.reason is Reason.OBJECTION and one.scope == scope and one.channel == "page":
            return one.at + life - visit.desk.now
    return 0


def _page(name: str, visit: Visit, person: Person, **values: object) -> Response:
    return page(
        name,
        visit.words,
        visit.party,
        masked=visit.masked,
        source=person.source.name if person.source else "",
        **tickets(visit),
        **values,
    )


def _silent_line() -> Response:
    metrics.STORE_SILENT.inc()
    return line("Try again.", 503)


def _width(scope: Scope) -> str:
    """``stream``, ``brand`` or ``controller``."""
    return str(scope).partition(":")[0]

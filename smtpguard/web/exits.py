"""``/u/TOKEN``: a page with one button; ``/left-WIDTH/RECEIPT``: what happened when it was pressed.

A POST unsubscribes before it is answered: whatever its body says, from whichever program it
comes, and however old the link is (RFC 8058 §3.2). What a person may do beyond that, they say in
fields of the page's own forms.
"""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from smtpguard import log, metrics
from smtpguard.person import Person, Reason, Scope, Suppression
from smtpguard.store.errors import StoreSilent
from smtpguard.store.outbox import LIFTED
from smtpguard.unsubscribe import canary
from smtpguard.web.desk import PREFERENCES, RECEIPTS, RIGHTS, Desk, Visit, form
from smtpguard.web.pages import line, notice, page, see_other


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
    """Unsubscribe. A program gets its 200 at once, a person is shown the receipt."""
    visit = desk_of(request).visit(request)
    if visit is None:
        return await _answer_canary(request) or unknown(request)
    wish = str((await form(request)).get("leave", ""))
    return await _leave(request, visit, wish) if wish else await _one_click(visit)


async def receipt(request: Request) -> Response:
    """What was recorded, and what may follow; reading it again changes nothing."""
    visit = desk_of(request).receipt(request)
    if visit is None:
        return unknown(request)
    width, left = request.path_params["width"], _life(visit)
    number = visit.number(visit.scope(width))
    minutes = max(0, -(-left // 60))
    return _page("left", visit, Person(), width=width, number=number, minutes=minutes)


async def amend(request: Request) -> Response:
    """From the receipt: leave more, or undo exactly what it is for, while the page lasts."""
    visit = desk_of(request).receipt(request)
    if visit is None:
        return unknown(request)
    fields = await form(request)
    if "undo" in fields:
        return await _undo(visit, visit.scope(request.path_params["width"]))
    return await _leave(request, visit, str(fields.get("leave", "")))


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


async def _answer_canary(request: Request) -> Response | None:
    """The guard asks whether links may lead here; nothing is changed by it."""
    desk = desk_of(request)
    if not (answer := canary.answer(desk.ring, request.path_params["token"])):
        return None
    try:
        await desk.store.keep(())
    except StoreSilent:
        return line("Try again.", 503)
    return line(answer)


async def _one_click(visit: Visit) -> Response:
    try:
        await _record(visit, visit.scope(), "one-click")
    except StoreSilent:
        metrics.STORE_SILENT.inc()
        return line("Try again.", 503)
    return line("Unsubscribed.")


async def _leave(request: Request, visit: Visit, wish: str) -> Response:
    width = wish if wish in RECEIPTS else "stream"
    scope = visit.scope(width)
    try:
        new = await _record(visit, scope, "page")
        made = visit.desk.now if new else await _made_here(visit, scope)
    except StoreSilent:
        return silent(visit)
    return see_other(request, f"../left-{width}/{visit.sealed(RECEIPTS[width], made)}")


async def _record(visit: Visit, scope: Scope, channel: str) -> bool:
    """Have the wish written, then counted and logged; true when it is new."""
    began = time.monotonic()
    new = await visit.object(scope, channel)
    metrics.OPT_OUTS.labels(channel, _width(scope), str(new).lower()).inc()
    metrics.OPT_OUT_SECONDS.labels(channel).observe(time.monotonic() - began)
    log.reader(
        "left",
        controller=visit.ticket.controller,
        scope=scope,
        channel=channel,
        new=int(new),
        reference=visit.number(scope),
    )
    return new


async def _undo(visit: Visit, scope: Scope) -> Response:
    desk = visit.desk
    if _life(visit) <= 0:
        return _page("late", visit, Person())
    try:
        # A receipt is for one wish: not for the same wish, said again after it was undone.
        ours = await _made_here(visit, scope) == visit.ticket.at
        lifted = ours and await desk.store.unsuppress(
            visit.ticket.controller,
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
        await visit.tell(LIFTED, Suppression(Reason.OBJECTION, scope, desk.now, "page"))
        number = visit.number(scope)
        log.reader("undone", controller=visit.ticket.controller, scope=scope, reference=number)
    return _page("undone", visit, person, still=visit.standing(person) is not None)


async def _made_here(visit: Visit, scope: Scope) -> int:
    """When the reader said the same on the page before; 0 when another channel was first."""
    rows = await visit.desk.store.find(visit.ticket.controller, visit.address)
    first = min(
        (
            one
            for row in rows
            for one in row.person.suppressions
            if (one.reason, one.scope) == (Reason.OBJECTION, scope)
        ),
        key=lambda one: one.at,
        default=None,
    )
    return first.at if first and first.channel == "page" else 0


def _life(visit: Visit) -> int:
    """Seconds for which what the receipt is for may be undone."""
    return visit.ticket.at + int(visit.desk.settings.undo) - visit.desk.now


def _page(name: str, visit: Visit, person: Person, **values: object) -> Response:
    own = {"masked": visit.masked, "source": person.source.name if person.source else ""}
    return page(name, visit.words, visit.party, {**own, **tickets(visit), **values})


def _width(scope: Scope) -> str:
    """``stream``, ``brand`` or ``controller``."""
    return str(scope).partition(":")[0]

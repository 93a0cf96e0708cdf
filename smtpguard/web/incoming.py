"""``/in/CONTROLLER/NAME``: a tool of the company's says that somebody left by its own link."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from smtpguard import log, metrics
from smtpguard.mail.address import Address
from smtpguard.person import OptOut, Scope, Suppression
from smtpguard.store.errors import StoreSilent
from smtpguard.web.desk import Desk
from smtpguard.web.exits import desk_of
from smtpguard.web.inlets import Inlet, Told
from smtpguard.web.pages import line

BATCH = 100
"""People of one request that are written together."""
A_WHILE = 600
"""Seconds in which a tool that cannot prove itself is warned of once."""


async def greet(request: Request) -> Response:
    """Some tools look whether the URL answers before they use it; nothing is said by it."""
    return line("POST here.")


async def take(request: Request) -> Response:
    """Record whom it names; 200 once the store has them."""
    desk = desk_of(request)
    place = (request.path_params["controller"], request.path_params["name"])
    inlet = desk.site.inlets.get(place)
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    if inlet is None or not inlet.proves(headers, request.url.query, body, desk.now):
        metrics.BAD_TOKENS.inc()
        if inlet is not None:
            _warn(desk, inlet)
        return line("Not accepted.", 401)
    channel = f"webhook:{inlet.name}"
    took: list[float] = []
    try:
        heard = inlet.read(body)
    except ValueError:
        log.warned(f"{inlet.controller}/{inlet.name}: what it sends is not what {inlet.tool} does")
        return line("Not understood.", 400)
    answer: Response | None = None
    try:
        for start in range(0, len(heard.told), BATCH):
            began, now = time.monotonic(), desk.now
            batch = heard.told[start : start + BATCH]
            wishes = [_wish(one, inlet, channel, now) for one in batch]
            news = await desk.opt_out_many(inlet.controller, wishes)
            spent = time.monotonic() - began
            fresh = [one for one, new in zip(batch, news, strict=True) if new]
            took += [spent + (max(0, now - one.at) if one.at else 0) for one in fresh]
    except StoreSilent:
        metrics.STORE_SILENT.inc()
        answer = line("Try again.", 503)
    width, new = "brand" if inlet.brand else "controller", len(took)
    metrics.OPT_OUTS.labels("webhook", width, "true").inc(new)
    await desk.measure(inlet.controller, "webhook", channel, took)
    log.reader("told", controller=inlet.controller, channel=channel, named=len(heard.told), new=new)
    if heard.unread:
        log.warned(f"{inlet.controller}/{inlet.name}: {heard.unread} events could not be read")
    return answer or line(f"{new} recorded.")


def _warn(desk: Desk, inlet: Inlet) -> None:
    """Their secret may be wrong, or ours; strangers, who have none, fill no log."""
    place = (inlet.controller, inlet.name)
    if desk.now - desk.unproven.get(place, 0) >= A_WHILE:
        desk.unproven[place] = desk.now
        log.warned(
            f"{inlet.controller}/{inlet.name}: a request did not prove to be {inlet.tool}'s;"
            " if it was, compare the secrets (and clocks, for `standard`)"
        )


def _wish(told: Told, inlet: Inlet, channel: str, now: int) -> tuple[Address, OptOut]:
    one = Suppression(told.reason, Scope(inlet.brand), now, channel)
    return told.address, OptOut(one, told.at)

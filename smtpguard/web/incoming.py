"""``/in/CONTROLLER/NAME``: a tool of the company's says that somebody left by its own link."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from smtpguard import log, metrics
from smtpguard.person import OptOut, Scope, Suppression
from smtpguard.store.errors import StoreSilent
from smtpguard.web.exits import desk_of
from smtpguard.web.pages import line


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
        return line("Not accepted.", 401)
    channel, new = f"webhook:{inlet.name}", 0
    took: list[float] = []
    try:
        heard = inlet.read(body)
    except ValueError:
        log.warned(f"{inlet.controller}/{inlet.name}: what it sends is not what {inlet.tool} does")
        return line("Not understood.", 400)
    try:
        for told in heard.told:
            began = time.monotonic()
            wish = Suppression(told.reason, Scope(inlet.brand), desk.now, channel)
            if await desk.opt_out(inlet.controller, told.address, OptOut(wish, told.at)):
                new += 1
                width = "brand" if inlet.brand else "controller"
                metrics.OPT_OUTS.labels("webhook", width, "true").inc()
                ago = max(0, desk.now - told.at) if told.at else 0
                took.append(time.monotonic() - began + ago)
    except StoreSilent:
        metrics.STORE_SILENT.inc()
        return line("Try again.", 503)
    await desk.measure(inlet.controller, "webhook", channel, took)
    log.reader("told", controller=inlet.controller, channel=channel, named=len(heard.told), new=new)
    if heard.unread:
        log.warned(f"{inlet.controller}/{inlet.name}: {heard.unread} events could not be read")
    return line(f"{new} recorded.")

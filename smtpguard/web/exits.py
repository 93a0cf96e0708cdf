"""``/u/TOKEN``: a page with one button, and what happens when it is pressed."""

from __future__ import annotations

import time
from html import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.person import Reason, Scope, Suppression
from smtpguard.store.errors import StoreSilent
from smtpguard.store.store import Store
from smtpguard.unsubscribe.link import Ticket, read

LARGEST = 8192
"""Octets of a request body; a one-click POST has 26."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
}

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}}
button{{font:inherit;padding:.6rem 1.4rem}}</style>
<h1>{title}</h1>{body}</html>
"""


def application(store: Store, ring: Keyring) -> Starlette:
    """The exit pages over a store that is open."""

    async def ask(request: Request) -> Response:
        ticket = read(ring, request.path_params["token"])
        if ticket is None:
            return _unknown()
        body = (
            f"<p>Mail to <b>{escape(_masked(ticket))}</b> from {escape(ticket.brand)}.</p>"
            '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
            "<button>Unsubscribe</button></form>"
        )
        return _page("Unsubscribe", body)

    async def leave(request: Request) -> Response:
        ticket = read(ring, request.path_params["token"])
        if ticket is None:
            return _unknown()
        if int(request.headers.get("content-length") or 0) > LARGEST:
            return PlainTextResponse("Too large.\n", 413, HEADERS)
        address = Address.parse(ticket.address)
        assert address is not None, "only addresses that were mailed are sealed"
        suppression = Suppression(
            Reason.OBJECTION,
            Scope(brand=ticket.brand, stream=ticket.stream),
            at=int(time.time()),
            channel="one-click",
        )
        try:
            await store.suppress(ticket.controller, address, suppression)
        except StoreSilent:
            return PlainTextResponse("Try again.\n", 503, {**HEADERS, "Retry-After": "30"})
        return _page("Unsubscribed", "<p>You will not get these messages any more.</p>")

    routes = [
        Route("/u/{token}", ask, methods=["GET", "HEAD"]),
        Route("/u/{token}", leave, methods=["POST"]),
    ]
    return Starlette(routes=routes)


def _masked(ticket: Ticket) -> str:
    local, _, domain = ticket.address.decode("utf-8", "replace").rpartition("@")
    return f"{local[:1]}***@{domain}"


def _page(title: str, body: str) -> Response:
    return HTMLResponse(PAGE.format(title=title, body=body), headers=HEADERS)


def _unknown() -> Response:
    """One answer for every token that is not ours, whyever."""
    return PlainTextResponse("This link is not valid.\n", 404, HEADERS)

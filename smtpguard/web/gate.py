"""What is turned away before a page sees it: too much, too slow, too often, or two things at once.

A pure ASGI layer. It reads the whole body, within its limits, so that pages wait for nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smtpguard import log, metrics
from smtpguard.policy.peers import Peers
from smtpguard.web.desk import Desk
from smtpguard.web.pages import line, notice

MOST_CLIENTS = 20_000
"""Clients that are remembered at a time."""
STRANGER = 10
"""How many requests a link that is not ours counts for."""
STORM = 20
"""Different links that one client opens ..."""
STORM_SECONDS = 10.0
"""... within so many seconds: a program that looks at many people's mail, not a reader."""
LARGE = 64
"""Requests of tools (`/in/...`), which may be large, that are read at the same time."""
LOCAL = Peers.parse(["127.0.0.0/8", "::1/128", "unix"])
PAGES = frozenset({"u", "left-stream", "left-brand", "left-all", "p", "r", "why", "static"})


@dataclass
class _Client:
    """One address, while it is remembered."""

    left: float
    seen: float
    opened: set[int] = field(default_factory=set)
    since: float = 0.0
    told: bool = False


class Gate:
    """Stands before the pages."""

    def __init__(
        self, app: ASGIApp, desk: Desk, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``clock`` counts seconds."""
        self._app = app
        self._desk = desk
        self._clock = clock
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._large = 0
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        name = client(scope, headers, self._desk.settings.proxies)
        if not self._warned and name in LOCAL and "x-forwarded-for" in headers:
            self._warned = True
            log.warned(
                f"{name or 'unix'} forwards for others: name it in web.proxies, or all of"
                " them count as one client"
            )
        scope["client"] = (name, 0)
        first, _, token = scope["path"].lstrip("/").partition("/")
        label = first if first in PAGES else "other"
        status = 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        one = self._client(household(name))
        large = tuple(token.split("/")) in self._desk.site.inlets if first == "in" else False
        room = self._desk.settings.limits.incoming if large else self._desk.settings.limits.body
        refusal = self._too_much(one, headers, room)
        if large and not refusal and self._large >= LARGE:
            refusal = "busy", 503
        self._large += large
        try:
            if refusal:
                await self._refuse(scope, receive, sent, *refusal)
                return
            body = bytearray()
            if refusal := await self._read(receive, body, room):
                await self._refuse(scope, receive, sent, *refusal)
                return
            await self._app(scope, _again(bytes(body), receive), sent)
        finally:
            self._large -= large
            metrics.WEB_ANSWERS.labels(label, str(status)).inc()
        if status == 404:
            one.left -= STRANGER - 1
        elif status == 200 and label == "u" and scope["method"] in {"GET", "HEAD"}:
            self._watch(name, one, hash(token))

    def _client(self, name: str) -> _Client:
        limits, now = self._desk.settings.limits, self._clock()
        one = self._clients.get(name)
        if one is None:
            one = self._clients[name] = _Client(limits.burst, now)
            while len(self._clients) > MOST_CLIENTS:
                self._clients.popitem(last=False)
        self._clients.move_to_end(name)
        one.left = min(limits.burst, one.left + (now - one.seen) * limits.rate)
        one.seen = now
        return one

    def _too_much(self, one: _Client, headers: Headers, room: int) -> tuple[str, int] | None:
        """The limit that is passed, and the status for it; a request spends one."""
        if one.left < 1:
            return "rate", 429
        one.left -= 1
        if "transfer-encoding" in headers and "content-length" in headers:
            return "framing", 400  # RFC 9112 §6.1: one server's end is another's beginning
        length = headers.get("content-length", "0")
        return ("body", 413) if not length.isdigit() or int(length) > room else None

    async def _read(self, receive: Receive, body: bytearray, room: int) -> tuple[str, int] | None:
        """Read the body; the limit that it passes, if it does, and the status for it."""
        limits = self._desk.settings.limits
        try:
            async with asyncio.timeout(limits.seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return "gone", 400
                    body += message.get("body", b"")
                    if len(body) > room:
                        return "body", 413
                    if not message.get("more_body", False):
                        return None
        except TimeoutError:
            return "time", 408

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, limit: str, status: int
    ) -> None:
        metrics.LIMITED.labels(limit).inc()
        if scope["method"] in {"GET", "HEAD"}:
            answer = notice("limit", *self._desk.refused(Request(scope)), status)
        else:
            answer = line("Not accepted.", status)
        answer.headers["Connection"] = "close"
        if status in {429, 503}:
            answer.headers["Retry-After"] = "10"
        await answer(scope, receive, send)

    def _watch(self, name: str, one: _Client, token: int) -> None:
        """Notice a scanner: it changes nothing, and is counted once a storm."""
        now = self._clock()
        if now - one.since > STORM_SECONDS:
            one.since, one.told = now, False
            one.opened.clear()
        if len(one.opened) < STORM:
            one.opened.add(token)
        if len(one.opened) >= STORM and not one.told:
            one.told = True
            metrics.STORMS.inc()
            log.reader("scanner", client=name, links=STORM, seconds=int(STORM_SECONDS))


def client(scope: MutableMapping[str, Any], headers: Headers, proxies: Peers) -> str:
    """Whose request it is: the last address that a proxy of ours did not add itself.

    X-Forwarded-For is read only where a listed proxy sent it, from the right: what stands to the
    left of a stranger is the stranger's own word.
    """
    peer = (scope.get("client") or ("", 0))[0]
    if peer not in proxies:
        return str(peer)
    chain = ",".join(headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed([address.strip() for address in chain if address.strip()]):
        peer = _bare(hop)[:45]
        if peer not in proxies:
            break
    return str(peer)


def household(address: str) -> str:
    """Whose limits count for an address: an IPv6 client has a /64 of them (RFC 6177 §2)."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        return str(known.ipv4_mapped or ip_network((int(known), 64), strict=False))
    return address


def _bare(hop: str) -> str:
    """An address of X-Forwarded-For, without the port that some proxies write."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, colon, _ = hop.partition(":")
    return host if colon and "." in host else hop


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body, whole."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once

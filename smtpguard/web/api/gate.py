"""What is turned away before any operation sees it: strangers, and programs in disguise.

A pure ASGI layer. A page in a browser can reach loopback: by a name that its owner lets point
here (DNS rebinding), or by a form. So the Host is an address or a name that the operator listed,
and whatever a browser sends of itself is refused.
"""

from __future__ import annotations

import time
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smtpguard import log, metrics
from smtpguard.web.api.caller import Caller, identify
from smtpguard.web.api.problem import Refused
from smtpguard.web.desk import Desk

WARN_EVERY = 60.0
"""Seconds between two lines about strangers."""


class Flight:
    """Octets of requests that are being served."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0


class Hold:
    """What one request holds of them."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._mine = 0
        self.whole = False
        """All of the body has been read."""

    def add(self, octets: int) -> None:
        """Hold so many more. Raises ``Refused``."""
        if self._flight.held + octets > self._flight.most:
            raise Refused("busy", "too much is asked at a time: try again")
        self._flight.held += octets
        self._mine += octets

    def release(self) -> None:
        """It is served."""
        self._flight.held -= self._mine
        self._mine = 0


class Gate:
    """Stands before the operations."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app = app
        self._desk = desk
        self._flight = Flight(desk.settings.api.limits.in_flight)
        self._warned = -WARN_EVERY
        self._silent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        headers = Headers(scope=scope)
        hold = Hold(self._flight)
        hold.whole = (
            headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        )

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not hold.whole:  # nobody waits for the rest of it
                    MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        scope["operation"] = "none"
        try:
            try:
                scope["caller"] = self._known(headers)
                scope["hold"] = hold
            except Refused as refused:
                self._warn(refused.code, scope)
                await refused.answer()(scope, receive, sent)
                return
            await self._app(scope, receive, sent)
        finally:
            hold.release()
            metrics.API_ANSWERS.labels(scope["operation"], str(status)).inc()

    def _known(self, headers: Headers) -> Caller:
        """Who asks. Raises ``Refused``."""
        api = self._desk.settings.api
        if "transfer-encoding" in headers and "content-length" in headers:
            # RFC 9112 §6.1: one server's end is another's beginning.
            raise Refused("malformed", "Content-Length beside Transfer-Encoding")
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not _ours(hosts[0], api.names):
            raise Refused("wrong-host", "ask by address, or by a name of web.api.names")
        if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
            raise Refused("from-a-browser", "this is for programs, not for pages in a browser")
        said = [value.encode("latin-1") for value in headers.getlist("authorization")]
        caller = identify(self._desk.site.callers, api.without_token, said)
        if caller is not None:
            return caller
        if said:
            challenge = 'Bearer realm="smtpguard", error="invalid_token"'
            raise Refused("bad-token", "nobody has this token", (), {"WWW-Authenticate": challenge})
        challenge = 'Bearer realm="smtpguard"'
        detail = "say who you are: `Authorization: Bearer TOKEN`"
        raise Refused("no-token", detail, (), {"WWW-Authenticate": challenge})

    def _warn(self, code: str, scope: Scope) -> None:
        """Tell the operator of strangers, now and then."""
        now = time.monotonic()
        if now - self._warned < WARN_EVERY:
            self._silent += 1
            return
        client = (scope.get("client") or ("", 0))[0] or "unix"
        log.api("refused", why=code, client=client, before=self._silent)
        self._warned, self._silent = now, 0


def _ours(host: str, names: tuple[str, ...]) -> bool:
    """Whether a Host field names us in a way that nobody else can arrange."""
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
    else:
        name, colon, port = host.partition(":")
        port = colon + port
    if port and not (port[0] == ":" and port[1:].isdecimal()):
        return False
    name = name.lower().removesuffix(".")
    if name == "localhost" or name in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True

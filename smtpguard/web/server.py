"""The door: servers on sockets that are bound already, in one loop, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from smtpguard import log, metrics
from smtpguard.keys import Keyring
from smtpguard.policy.source import Problems
from smtpguard.store.errors import StoreSilent
from smtpguard.store.keyfiles import KeyFileError
from smtpguard.web import app, status
from smtpguard.web.api import app as api
from smtpguard.web.desk import Desk
from smtpguard.web.gate import household
from smtpguard.web.settings import Tls, Web
from smtpguard.web.site import Site

LARGEST_HEADER = 16 * 1024
"""Octets of a request's line and header."""
GRACE = 10
"""Seconds for requests under way when we are told to stop."""


def protocol(web: Web) -> type[H11Protocol]:
    """HTTP/1.1 with a deadline for the header and for a reader who does not read, and few
    connections for one client.

    uvicorn has none of them; a client that sends nothing, or takes nothing, would be waited for.
    """
    limits = web.limits
    open_by: Counter[str] = Counter()

    class Timed(H11Protocol):
        late: asyncio.TimerHandle | None = None
        full: asyncio.TimerHandle | None = None
        peer = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # Whatever is not taken at once is noticed; a limit of 0 would stop TLS for ever.
            transport.set_write_buffer_limits(high=1, low=0)
            peer = self.client[0] if self.client else ""
            self.peer = household(peer)
            open_by[self.peer] += 1
            trusted = peer in web.proxies
            if open_by[self.peer] > limits.connections_per_client and not trusted:
                metrics.LIMITED.labels("connections").inc()
                transport.abort()
                return
            self._await_header()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            self._taken()
            open_by[self.peer] -= 1
            if not open_by[self.peer]:
                del open_by[self.peer]
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._disarm()
            elif self.late is None:
                self._await_header()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._await_reader()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._taken()

        def _await_reader(self, before: float = math.inf) -> None:
            left = self.transport.get_write_buffer_size()
            if left < before:
                self.full = self.loop.call_later(limits.seconds, self._await_reader, left)
            else:
                self._too_late()

        def _taken(self) -> None:
            if self.full is not None:
                self.full.cancel()
                self.full = None

        def _await_header(self) -> None:
            self.late = self.loop.call_later(limits.seconds, self._too_late)

        def _disarm(self) -> None:
            if self.late is not None:
                self.late.cancel()
                self.late = None

        def _too_late(self) -> None:
            metrics.LIMITED.labels("time").inc()
            self.transport.abort()

    return Timed


class _Server(uvicorn.Server):
    """Signals are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serving(
    pages: Starlette, web: Web, *, tls: Tls | None = None, lifespan: str = "off"
) -> uvicorn.Server:
    """A server of one application; ``serve(sockets=...)`` runs it, ``should_exit`` ends it."""
    options: dict[str, Any] = {
        "http": protocol(web),
        "loop": "uvloop",
        "lifespan": lifespan,
        "ws": "none",
        "log_config": None,
        "log_level": "error",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "limit_concurrency": web.limits.connections,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": GRACE,
        "h11_max_incomplete_event_size": LARGEST_HEADER,
    }
    if tls:
        options |= {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
    return _Server(uvicorn.Config(pages, **options))


async def serve(
    desk: Desk,
    listening: socket.socket,
    watching: socket.socket | None,
    asking: socket.socket | None = None,
    *,
    reread: Callable[[], tuple[Site, Keyring]],
    ready: Callable[[], None],
    tick: Callable[[], None] = lambda: None,
    others: Callable[[], Iterable[metrics.Counted]] = tuple,
) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP takes over what ``reread`` compiles, whole or not.

    ``watching`` is for health and metrics, to which ``others`` adds what other processes counted;
    ``asking`` is where the API is asked. ``ready`` is called once all of them answer, and ``tick``
    every second.
    """
    web = desk.settings
    servers = [serving(app.application(desk), web, tls=web.tls)]
    sockets = [listening]
    if watching is not None:
        servers.append(serving(status.application(desk, others), web))
        sockets.append(watching)
    if asking is not None:
        servers.append(serving(api.application(desk), web, tls=web.api.tls))
        sockets.append(asking)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for each in servers:
            each.should_exit = True

    changing = asyncio.Lock()

    async def reload() -> None:
        async with changing:
            try:
                site, ring = reread()
                if ring != desk.ring:
                    await desk.store.hold(ring)
            except (Problems, KeyFileError, StoreSilent, OSError) as problem:
                log.reload_refused(str(problem))
            else:
                desk.site, desk.ring = site, ring
                log.reloaded(site.version)

    reloads: set[asyncio.Task[None]] = set()

    def hup() -> None:
        task = loop.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, hup)
    running = asyncio.gather(
        *(each.serve(sockets=[own]) for each, own in zip(servers, sockets, strict=True))
    )
    told = False
    while not running.done():
        if not told and all(each.started for each in servers):
            told = True
            metrics.UP.set(1)
            ready()
        tick()
        await asyncio.wait([running], timeout=1 if told else 0.02)
    await running


def run(main: Callable[[], Any]) -> None:
    """Run a coroutine on uvicorn's own choice of loop."""
    factory = uvicorn.Config("unused", loop="uvloop").get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())

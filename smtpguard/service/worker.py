"""One worker: an event loop that takes mail until it is told to stop.

It hears from the parent over a channel: ``("prepare", Snapshot)`` is compiled and answered,
``("commit", None)`` puts it in force between transactions. When the parent is gone it drains.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress

import uvloop

from smtpguard import log
from smtpguard.config import Config
from smtpguard.courier import Courier
from smtpguard.feedback.desk import Desk
from smtpguard.feedback.receiver import Feedback
from smtpguard.inspector import Inspector
from smtpguard.journal.journal import Journal
from smtpguard.policy.source import Problems
from smtpguard.proxy.proxy import House, Proxy
from smtpguard.proxy.regime import Regime
from smtpguard.service import build
from smtpguard.service.build import Snapshot
from smtpguard.service.canary import Canary
from smtpguard.service.channel import Channel
from smtpguard.smtp.server import Occupancy, Server
from smtpguard.smtp.upstream import Upstream
from smtpguard.store.keyfiles import load_ring
from smtpguard.store.store import Store

COLLECT = (50_000, 20, 20)
"""Garbage collection (gc.set_threshold): a message is some thousand objects that hold no cycle."""
MARGIN = 5.0
"""Seconds, beyond the longest deadline, that transactions are given after SIGTERM."""


def run(taken: Snapshot, sockets: Mapping[str, socket.socket], channel: Channel) -> None:
    """Serve until SIGTERM, or until the parent has gone."""
    gc.freeze()
    gc.set_threshold(*COLLECT)
    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(taken, sockets, channel))


async def _serve(taken: Snapshot, sockets: Mapping[str, socket.socket], channel: Channel) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, stopping.set)
    regime = build.regime(taken)
    proxy = await _proxy(taken, regime)
    feedback = Feedback(
        proxy.house,
        Desk(regime.policy, regime.ring),
        upstream=proxy.upstream,
        store=proxy.store,
        journal=proxy.journal,
    )
    canary = Canary(proxy, Courier(), taken.config.exits.every)
    if taken.config.exits.check:
        await canary.start()
    servers = await _servers(taken, proxy, feedback, sockets)
    parent = _Parent(proxy, feedback, channel, stopping)
    loop.add_reader(channel.fileno(), parent.heard)
    channel.send("ready")
    await stopping.wait()
    loop.remove_reader(channel.fileno())
    await asyncio.gather(*(server.drain(drain(taken.config)) for server in servers))
    await canary.close()
    await proxy.close()


def drain(config: Config) -> float:
    """Seconds that transactions under way may take: cutting one off could double its mail."""
    return max(entry.deadline for entry in config.listeners) + MARGIN


async def _proxy(taken: Snapshot, regime: Regime) -> Proxy:
    config = taken.config
    journal = Journal(
        config.journal.path, rotate_size=config.journal.rotate_size, keep=config.journal.keep
    )
    log.configure(
        config.log.format,
        level=config.log.level,
        pseudonym=regime.pseudonym if config.log.addresses == "pseudonym" else None,
    )
    return Proxy(
        House(
            hostname=config.identity,
            host=taken.host,
            help_url=config.help_url,
            why_url=config.web.why_url,
            deadlines={entry.name: entry.deadline for entry in config.listeners},
        ),
        regime,
        upstream=Upstream(build.onward(config)),
        store=await Store.open(
            build.store_settings(config),
            regime.ring,
            log.store_silent,
            patient=True,
            reread=lambda: load_ring(config.keys.directory),
        ),
        journal=journal,
        inspector=Inspector(config.limits.inspect_seconds),
    )


async def _servers(
    taken: Snapshot, proxy: Proxy, feedback: Feedback, sockets: Mapping[str, socket.socket]
) -> list[Server]:
    servers: list[Server] = []
    occupancy = Occupancy(build.limits(taken.config))
    for entry in taken.config.listeners:
        settings = build.listener(taken.config, entry)
        receiver = feedback if entry.kind == "feedback" else proxy
        server = Server(settings, receiver, occupancy)
        await server.start([sockets[entry.name]])
        servers.append(server)
    return servers


class _Parent:
    """What the parent says."""

    def __init__(
        self, proxy: Proxy, feedback: Feedback, channel: Channel, stopping: asyncio.Event
    ) -> None:
        self.proxy = proxy
        self.feedback = feedback
        self.channel = channel
        self.stopping = stopping
        self.prepared: Regime | None = None

    def heard(self) -> None:
        """Read one word and act on it."""
        try:
            word, taken = self.channel.receive(seconds=5)
            if word == "prepare":
                self.channel.send(self._prepare(taken))
            elif word == "commit" and self.prepared is not None:
                regime, self.prepared = self.prepared, None
                self.proxy.adopt(regime)
                self.feedback.desk = Desk(regime.policy, regime.ring)
        except (EOFError, OSError):
            self.stopping.set()

    def _prepare(self, taken: Snapshot) -> str:
        try:
            self.prepared = build.regime(taken)
        except Problems as problems:
            return str(problems)
        return ""

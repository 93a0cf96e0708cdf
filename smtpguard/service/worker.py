"""One worker: an event loop that takes mail until it is told to stop.

It says ``ready`` to its parent over a channel, and hears from there: ``("prepare", Snapshot)`` is
compiled and answered, ``("commit", None)`` puts it in force between transactions and is answered,
``("open", None)`` lets clients in, which therefore never meet a policy that was in force once.
When the parent is gone it drains.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import uvloop

from smtpguard import log
from smtpguard.config import Config
from smtpguard.config.listener import ListenerTls
from smtpguard.courier import Courier
from smtpguard.digest.watch import Watch
from smtpguard.feedback.desk import Desk
from smtpguard.feedback.receiver import Feedback
from smtpguard.inspector import Inspector
from smtpguard.journal.journal import Journal
from smtpguard.policy.source import Problems
from smtpguard.proxy.proxy import House, Proxy
from smtpguard.proxy.regime import Regime
from smtpguard.service import accounts, build
from smtpguard.service.build import Snapshot
from smtpguard.service.canary import Canary
from smtpguard.service.channel import Channel
from smtpguard.smtp.server import Occupancy, Server
from smtpguard.smtp.upstream import Upstream
from smtpguard.smtp.users import Users
from smtpguard.store.keyfiles import load_ring
from smtpguard.store.store import Store
from smtpguard.store.troubles import Pace

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
    said = taken.config.digest
    watch = Watch(proxy, sender=said.sender or "", pace=Pace.of(said.window))
    watch.start()
    servers = _servers(taken, proxy, feedback)
    parent = _Parent(proxy, feedback, servers, channel, stopping, canary.again)
    loop.add_reader(channel.fileno(), parent.heard)
    channel.send("ready")
    if await parent.opens():
        for server in servers:
            await server.start([sockets[server.listener.name]])
    await stopping.wait()
    loop.remove_reader(channel.fileno())
    await asyncio.gather(*(server.drain(drain(taken.config)) for server in servers))
    await canary.close()
    await watch.close()
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


def _servers(taken: Snapshot, proxy: Proxy, feedback: Feedback) -> list[Server]:
    servers: list[Server] = []
    occupancy = Occupancy(build.limits(taken.config))
    for entry in taken.config.listeners:
        settings = build.listener(taken, entry)
        receiver = feedback if entry.kind == "feedback" else proxy
        servers.append(Server(settings, receiver, occupancy))
    return servers


class _Parent:
    """What the parent says."""

    def __init__(
        self,
        proxy: Proxy,
        feedback: Feedback,
        servers: Sequence[Server],
        channel: Channel,
        stopping: asyncio.Event,
        adopted: Callable[[], None],
    ) -> None:
        """``adopted`` is called when another policy is in force."""
        self.proxy = proxy
        self.feedback = feedback
        self.servers = {server.listener.name: server for server in servers}
        self.channel = channel
        self.stopping = stopping
        self.adopted = adopted
        self.opening = asyncio.Event()
        self.preparing: asyncio.Task[None] | None = None
        self.prepared: Regime | None = None
        self.certificates: dict[str, ListenerTls] = {}
        self.users: dict[str, Users] = {}

    async def opens(self) -> bool:
        """Whether clients are let in, once that is known."""
        told = {asyncio.create_task(each.wait()) for each in (self.opening, self.stopping)}
        _, untold = await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED)
        for each in untold:
            each.cancel()
        return not self.stopping.is_set()

    def heard(self) -> None:
        """Read one word and act on it."""
        try:
            word, taken = self.channel.receive(seconds=5)
            if word == "prepare":
                self.preparing = asyncio.create_task(self._answer(taken))
            elif word == "commit" and self.prepared is not None:
                regime, self.prepared = self.prepared, None
                self._show(self.certificates)
                self._admit(self.users)
                self.proxy.adopt(regime)
                self.feedback.desk = Desk(regime.policy, regime.ring)
                self.adopted()
                self.channel.send("committed")
            elif word == "open":
                self.opening.set()
        except (EOFError, OSError):
            self.stopping.set()

    async def _answer(self, taken: Snapshot) -> None:
        """Compile it beside the loop, which has mail to serve meanwhile."""
        try:
            self.channel.send(await asyncio.to_thread(self._prepare, taken))
        except OSError:
            self.stopping.set()

    def _prepare(self, taken: Snapshot) -> str:
        try:
            certificates = {each.name: each.tls for each in taken.config.listeners if each.tls}
            for name, tls in certificates.items():
                place = f"listeners.{name}.tls: {tls.certificate}"
                build.tls(tls)
            users = {
                each.name: accounts.users_of(each.auth.users, taken.users[each.name])
                for each in taken.config.listeners
                if each.auth
            }
            self.prepared, self.certificates, self.users = build.regime(taken), certificates, users
        except Problems as problems:
            return str(problems)
        except OSError as failure:  # ssl.SSLError is one
            return f"{place}: {failure}"
        return ""

    def _admit(self, users: Mapping[str, Users]) -> None:
        """Who was removed may not send any more, also in the session that is open."""
        for name, known in users.items():
            auth = self.servers[name].listener.auth
            if auth is not None:
                auth.users = known

    def _show(self, certificates: Mapping[str, ListenerTls]) -> None:
        """Certificates are renewed every few weeks: whoever connects from now on sees the new."""
        for name, tls in certificates.items():
            context = self.servers[name].listener.tls
            try:
                if context is not None:
                    context.load_cert_chain(tls.certificate, tls.key)
            except OSError as failure:  # it was whole a moment ago
                log.warned(f"{tls.certificate}: {failure}; the old one stays in use")

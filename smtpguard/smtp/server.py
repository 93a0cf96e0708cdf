"""One listener: accepts clients, knows their rights, counts them, drains them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from smtpguard.reply import Reply
from smtpguard.smtp import replies
from smtpguard.smtp.connection import Connection
from smtpguard.smtp.conversation import Conversation
from smtpguard.smtp.lmtp import LmtpConversation
from smtpguard.smtp.receiver import Receiver
from smtpguard.smtp.settings import Limits, Listener, Networks

BACKLOG = 4096
"""Connections that wait in the kernel."""

GRACE = 1.0
"""Seconds for a session that was cut to say so and put its transaction away."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rights:
    """What one client may do."""

    relay: bool
    trusted: bool
    xforward: bool


class Occupancy:
    """Sessions and octets in flight of a whole process; share one among its listeners."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.sessions = 0
        self.clients: Counter[str] = Counter()
        self.octets = 0

    def has_room(self, octets: int) -> bool:
        """Whether that many octets could be taken now."""
        return self.octets + octets < self.limits.in_flight

    def take(self, octets: int) -> bool:
        """Count octets in, if they fit."""
        if self.octets + octets > self.limits.in_flight:
            return False
        self.octets += octets
        return True

    def give(self, octets: int) -> None:
        """Count octets out."""
        self.octets -= octets

    def enter(self, peer: str) -> Reply | None:
        """Count a session in, or say why not. A unix socket (empty peer) is not one client."""
        if self.sessions >= self.limits.sessions:
            return replies.TOO_MANY_SESSIONS
        most = self.limits.sessions_per_client
        if most and peer and self.clients[peer] >= most:
            return replies.TOO_MANY_OF_YOURS
        self.sessions += 1
        self.clients[peer] += 1
        return None

    def leave(self, peer: str) -> None:
        """Count a session out."""
        self.sessions -= 1
        self.clients[peer] -= 1
        if not self.clients[peer]:
            del self.clients[peer]


class Server:
    """The clients of one listener."""

    def __init__(
        self, listener: Listener, receiver: Receiver, occupancy: Occupancy | None = None
    ) -> None:
        self.listener = listener
        self.receiver = receiver
        self.occupancy = occupancy or Occupancy(listener.limits)
        self.draining = False
        self._servers: list[asyncio.AbstractServer] = []
        self._sessions: dict[Connection, asyncio.Task[None]] = {}

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Accept on sockets that are bound already, TCP or unix."""
        loop = asyncio.get_running_loop()
        for sock in sockets:
            # Of unix sockets too: create_unix_server would remove the file that others inherit.
            server = await loop.create_server(self._meet, sock=sock, backlog=BACKLOG)
            self._servers.append(server)

    async def drain(self, deadline: float) -> int:
        """Stop accepting, end idle sessions, let transactions finish for ``deadline`` seconds.

        Returns how many were cut after that.
        """
        self.draining = True
        for server in self._servers:
            server.close()
        for conversation in list(self._sessions):
            conversation.interrupt()
        tasks = set(self._sessions.values())
        if not tasks:
            return 0
        _, late = await asyncio.wait(tasks, timeout=deadline)
        for conversation, task in list(self._sessions.items()):
            if conversation.delivering:
                task.cancel()
            else:
                conversation.cut()
        if late:
            _, stuck = await asyncio.wait(late, timeout=GRACE)
            for task in stuck:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return len(late)

    @contextmanager
    def session(self, conversation: Connection, peer: str) -> Iterator[Reply | None]:
        """Keep a conversation in the books; yields why it may not take place, if so."""
        refusal = self._full() or self.occupancy.enter(peer)
        if refusal is not None:
            log.warning("refused %s: %s", peer or "unix", refusal.text[0])
            yield refusal
            return
        task = asyncio.current_task()
        assert task is not None
        self._sessions[conversation] = task
        try:
            yield None
        finally:
            del self._sessions[conversation]
            self.occupancy.leave(peer)

    def _full(self) -> Reply | None:
        if self.draining:
            return replies.DRAINING
        full = len(self._sessions) >= self.listener.limits.sessions
        return replies.TOO_MANY_SESSIONS if full else None

    def identify(self, peername: object) -> tuple[str, Rights]:
        """The client's address, empty for a unix socket, and what it may do."""
        if not isinstance(peername, tuple):
            listener = self.listener
            return "", Rights(
                relay=listener.relay_unix,
                trusted=listener.trusted_unix,
                xforward=listener.xforward_unix,
            )
        address = ip_address(peername[0].partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped

        def among(networks: Networks) -> bool:
            return any(address in network for network in networks)

        return str(address), Rights(
            relay=among(self.listener.relay_from),
            trusted=among(self.listener.trusted),
            xforward=among(self.listener.xforward_from),
        )

    def _meet(self) -> Conversation:
        return LmtpConversation(self) if self.listener.lmtp else Conversation(self)

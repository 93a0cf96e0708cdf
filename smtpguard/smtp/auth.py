"""AUTH on one listener (RFC 4954): who may, and how many passwords are looked at together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from ipaddress import ip_address

from smtpguard.smtp.sasl import Credentials
from smtpguard.smtp.users import Users

AT_ONCE = 2
"""Hashes computed together: each is a core and 16 MiB for tenths of a second."""
WAITING = 64
"""Clients that wait for theirs; beyond it 454, which a client tries again."""


class Busy(Exception):
    """Too many clients wait for an answer already."""


class Auth:
    """The users of one listener. Its file is read again now and then: ``users`` is replaced."""

    def __init__(
        self,
        users: Users,
        *,
        trusted: Collection[str] = (),
        without_tls: bool = False,
        delay: float = 1.0,
    ) -> None:
        self.users = users
        self.trusted = frozenset(trusted)
        """Names whose ``X-SmtpGuard-*`` fields are believed."""
        self.without_tls = without_tls
        """Clients on a loopback address may send their password in the clear."""
        self.delay = delay
        """Seconds before a refusal, for which its session waits."""
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    def offered(self, peer: str, *, tls: bool) -> bool:
        """Whether nobody between us and ``peer`` (empty: a unix socket) could read a password."""
        return tls or not peer or (self.without_tls and ip_address(peer).is_loopback)

    async def admits(self, given: Credentials) -> bool:
        """Whether the password is the user's; ``Busy``. A refusal comes after ``delay``."""
        if self.users.recalls(given):
            return True
        if self._waiting >= WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._turns:
                good = await asyncio.to_thread(self.users.admits, given)
        finally:
            self._waiting -= 1
        if not good:
            await asyncio.sleep(self.delay)
        return good

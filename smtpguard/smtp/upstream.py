"""The one next hop: what it offers, and a delivery for each transaction.

aiosmtplib connects, greets, starts TLS and authenticates; from then on the connection is ours.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import cast

import aiosmtplib

from smtpguard.mail.envelope import Session
from smtpguard.reply import Reply
from smtpguard.smtp.capabilities import ASSUMED, Capabilities
from smtpguard.smtp.delivery import Burst, Delivery
from smtpguard.smtp.pool import Pool
from smtpguard.smtp.settings import Onward, Tls
from smtpguard.smtp.wire import UpstreamReply, UpstreamUnavailable, Wire

__all__ = ["Burst", "Delivery", "Upstream", "UpstreamReply", "UpstreamUnavailable"]

PATIENCE = 5.0
"""Seconds for which a failure to connect answers for the capabilities, too."""

log = logging.getLogger(__name__)


class Upstream:
    """The upstream of one event loop."""

    def __init__(self, settings: Onward) -> None:
        self.settings = settings
        self._pool = Pool(self._connect, settings)
        self._tls = _context(settings)
        self._offers: Capabilities | None = None
        self._asking = asyncio.Lock()
        self._failed_at = float("-inf")

    async def capabilities(self) -> Capabilities:
        """What it offers, or last offered; ``ASSUMED`` while it was never reached."""
        if self._offers is None:
            async with self._asking:
                await self._ask()
        return self._offers or ASSUMED

    async def begin(self, session: Session, seconds: float | None = None) -> Delivery:
        """Lease a connection. ``UpstreamUnavailable`` where none can be had.

        ``TimeoutError`` where that takes longer than ``seconds``.
        """
        return Delivery(self._pool, await self._pool.lease(seconds), self.settings, session)

    async def close(self) -> None:
        """Close what is idle; deliveries under way are closed when they are released."""
        self._pool.close()

    async def _ask(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._offers is not None or now - self._failed_at < PATIENCE:
            return
        try:
            self._pool.give_back(await self._pool.lease())
        except UpstreamUnavailable:
            self._failed_at = asyncio.get_running_loop().time()

    async def _connect(self) -> Wire:
        settings = self.settings
        client = aiosmtplib.SMTP(
            hostname=None if settings.path else settings.host,
            port=None if settings.path else settings.port,
            socket_path=settings.path or None,
            local_hostname=settings.hostname,
            timeout=settings.greeting,
            start_tls={Tls.NONE: False, Tls.REQUIRED: True}.get(settings.tls),
            tls_context=self._tls,
            username=settings.user or None,
            password=settings.password or None,
        )
        try:
            await _meet(client, settings)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            reply = _unavailable(error)
            log.warning("upstream unavailable: %s (%s)", " ".join(reply.text), error)
            raise UpstreamUnavailable(reply) from error
        except BaseException:
            client.close()
            raise
        self._offers = Capabilities.of(client.esmtp_extensions, authenticated=bool(settings.user))
        return _take_over(client, self._offers)


async def _meet(client: aiosmtplib.SMTP, settings: Onward) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(settings.connect + settings.greeting) as clock:

        def look() -> None:
            if client.transport is None:
                clock.reschedule(loop.time())

        look_at_it = loop.call_later(settings.connect, look)
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await _greet(client)
        finally:
            look_at_it.cancel()


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


def _take_over(client: aiosmtplib.SMTP, capabilities: Capabilities) -> Wire:
    """Put our protocol on the transport; the client object is left without a connection."""
    assert client.protocol is not None
    transport = cast("asyncio.Transport", client.protocol.transport)
    wire = Wire(transport, capabilities)
    transport.set_protocol(wire)
    return wire


def _context(settings: Onward) -> ssl.SSLContext | None:
    if settings.tls is Tls.NONE:
        return None
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    context.check_hostname = settings.tls is Tls.REQUIRED and not settings.path
    if settings.tls is not Tls.REQUIRED:
        context.verify_mode = ssl.CERT_NONE
    return context


def _unavailable(error: Exception) -> Reply:
    """What is told of a connection that did not come about; always 451, the mail can wait."""
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return Reply(451, "7.0", ("upstream refused our credentials, try again later",))
        case aiosmtplib.SMTPConnectResponseError() | aiosmtplib.SMTPHeloError():
            return Reply(451, "4.2", (f"upstream refused the session ({error.code})",))
        case ssl.SSLError():
            return Reply(451, "7.5", ("no trusted TLS connection to the upstream",))
        case aiosmtplib.SMTPException() if "STARTTLS" in str(error):
            return Reply(451, "7.5", ("upstream offers no TLS, and it is required",))
        case _:
            return Reply(451, "4.1", ("upstream cannot be reached, try again later",))

"""Who the client is, and what it may do: EHLO, STARTTLS, AUTH, XFORWARD."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import aiosmtpd.smtp

from smtpguard.mail.envelope import Session
from smtpguard.reply import Reply
from smtpguard.smtp import command, replies, sasl, xforward
from smtpguard.smtp.auth import Auth, Busy
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.connection import Connection, log
from smtpguard.smtp.inbox import Overlong

if TYPE_CHECKING:
    from smtpguard.smtp.server import Server


class Introduction(Connection):
    """What is said of the session, before mail and between mails."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._offered: Capabilities | None = None
        """What the reply to EHLO offered; ``None`` before it, and after HELO."""

    def _met(self) -> None:
        self._offered = None
        peer, self._rights = self._server.identify(self._socket.get_extra_info("peername"))
        self._client = Session(
            listener=self._server.listener.name,
            protocol=self.protocol,
            peer=peer,
            tls=self._tls_protocol is not None,
            trusted=self._rights.trusted,
        )

    async def _ehlo(self, argument: bytes) -> None:
        if not await self._greeted(argument, "LHLO" if self.protocol == "LMTP" else "EHLO"):
            return
        self._client = replace(self._client, protocol=self.protocol)
        upstream = await self._server.receiver.capabilities()
        self._offered = replace(
            upstream, size=upstream.limit(self._limits.size), auth=self._asks_who()
        )
        lines = command.extensions(
            self._offered,
            xforward=self._rights.xforward,
            starttls=self.tls_context is not None and not self._client.tls,
        )
        self._say(command.greeting(self.hostname, lines))

    async def _helo(self, argument: bytes) -> None:
        if await self._greeted(argument, "HELO"):
            self._client = replace(self._client, protocol="SMTP")
            self._offered = None
            self._say(command.greeting(self.hostname, ()))

    async def _greeted(self, argument: bytes, verb: str) -> bool:
        name = argument.decode("utf-8", "replace")
        if not name or " " in name or len(name) > 255:
            self._refuse(replies.NAME_NEEDED)
            return False
        await self._reset()
        self._client = replace(self._client, helo=name)
        return True

    async def _starttls(self, argument: bytes) -> None:
        if self.tls_context is None:
            self._refuse(replies.NOT_HERE)
        elif argument:
            self._refuse(replies.NO_ARGUMENT)
        elif self._tls_protocol is not None:
            self._refuse(replies.TLS_ALREADY)
        else:
            await self._reset()
            try:
                await self.smtp_STARTTLS("")
            except aiosmtpd.smtp.TLSSetupException as error:
                log.info("TLS handshake failed: %r", error.__cause__)
                self._socket.abort()
                self._leave()

    async def _xforward(self, argument: bytes) -> None:
        if not self._rights.xforward:
            self._refuse(replies.NO_XFORWARD)
        elif not self._client.helo:
            self._refuse(replies.GREET_FIRST)
        elif self.busy:
            self._refuse(replies.NESTED)
        else:
            try:
                attributes = xforward.parse(argument)
            except xforward.MalformedForward as error:
                self._refuse(Reply(501, "5.4", (f"XFORWARD: {error}",)))
                return
            merged = {**dict(self._client.forwarded), **dict(attributes)}
            self._client = replace(self._client, forwarded=tuple(merged.items()))
            self._say(replies.OK)

    async def _auth(self, argument: bytes) -> None:
        auth = self._server.listener.auth
        if auth is None:
            self._refuse(replies.NOT_HERE)
        elif self._offered is None:
            self._refuse(replies.GREET_FIRST)
        elif self._client.user:
            self._refuse(replies.AUTH_ALREADY)
        elif self.busy:
            self._refuse(replies.NESTED)
        elif not self._offered.auth:
            required = self._server.listener.tls_required
            self._refuse(replies.TLS_FIRST if required else replies.TLS_FOR_AUTH)
        else:
            given = await self._credentials(argument)
            if given is not None:
                await self._prove(auth, given)

    async def _credentials(self, argument: bytes) -> sasl.Credentials | None:
        """What the client gives; ``None`` when it does not, and has been told."""
        try:
            exchange = sasl.begin(argument)
            if exchange is None:
                self._refuse(replies.NO_MECHANISM)
                return None
            challenge = next(exchange)
            while True:
                self._say(sasl.challenge(challenge))
                line = await self._line()
                if line is None:
                    return None
                challenge = exchange.send(sasl.response(line))
        except StopIteration as done:
            given: sasl.Credentials = done.value
            return given
        except sasl.Cancelled:
            self._refuse(replies.AUTH_CANCELLED)
        except sasl.Malformed as fault:
            self._refuse(Reply(501, "5.2", (f"AUTH: {fault}",)))
        except Overlong as overlong:
            self._refuse(replies.AUTH_TOO_LONG)
            self._errors += self._limits.errors * overlong.hopeless
        return None

    async def _prove(self, auth: Auth, given: sasl.Credentials) -> None:
        name, peer = given.name, self._client.peer or "unix"
        try:
            good = await auth.admits(given)
        except Busy:
            self._say(replies.AUTH_BUSY)
            return
        if good:
            trusted = self._rights.trusted or name in auth.trusted
            self._rights = replace(self._rights, relay=True, trusted=trusted)
            self._client = replace(self._client, user=name, trusted=trusted)
            self._say(replies.AUTHENTICATED)
        else:
            # A name that nobody has may be a password in the wrong place.
            shown = name if name in auth.users else "-"
            log.warning("AUTH failed: client=%s, user=%s", peer, shown)
            self._refuse(replies.AUTH_FAILED)

    def _asks_who(self) -> bool:
        auth = self._server.listener.auth
        return auth is not None and auth.offered(self._client.peer, tls=self._client.tls)

    def _is_user_still(self) -> bool:
        auth = self._server.listener.auth
        return auth is not None and self._client.user in auth.users

    def _unwelcome(self) -> Reply:
        """Why a client that may not relay may not, or not yet (RFC 4954 §6)."""
        if self._server.listener.auth is None:
            return replies.NO_RELAY
        return replies.AUTH_FIRST if self._asks_who() else replies.TLS_FIRST

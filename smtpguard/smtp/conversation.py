"""One client, from banner to goodbye: what each command does (RFC 5321 §4.1)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import aiosmtpd.smtp

from smtpguard.mail.envelope import Session
from smtpguard.reply import Reply
from smtpguard.smtp import command, data, replies, xforward
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.connection import Connection, log
from smtpguard.smtp.inbox import Intake
from smtpguard.smtp.receiver import Transaction
from smtpguard.smtp.settings import Stray

if TYPE_CHECKING:
    from smtpguard.smtp.server import Server

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")

Verb = Callable[[Any, bytes], Awaitable[None]]


class Conversation(Connection):
    """An SMTP session (RFC 5321 §3)."""

    verbs: ClassVar[Mapping[bytes, Verb]]

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._offered: Capabilities | None = None
        self._transaction: Transaction | None = None
        self._mail: command.Mail | None = None
        self._accepted = 0
        self._delivering = False

    @property
    def busy(self) -> bool:
        """A transaction is under way."""
        return self._transaction is not None

    @property
    def delivering(self) -> bool:
        """The dot has come, and the replies have not all been given."""
        return self._delivering

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

    async def _obey(self, line: bytes) -> None:
        word, _, argument = line.partition(b" ")
        verb = word.upper()
        if verb in command.HTTP:
            self._end(replies.NO_HTTP)
            return
        act = self.verbs.get(verb)
        if _CONTROL.search(line):
            self._refuse(replies.SYNTAX)
        elif act is None:
            self._refuse(replies.UNKNOWN if word.isalnum() else replies.SYNTAX)
        else:
            self._junk += verb not in command.MESSAGE
            try:
                await act(self, argument.strip(b" "))
            except Exception as error:
                self._say(self._incident(error))

    async def _reset(self) -> None:
        """Forget the transaction, and tell whoever has it."""
        transaction, self._transaction = self._transaction, None
        self._mail, self._accepted = None, 0
        self._client = replace(self._client, forwarded=())
        if transaction is not None:
            try:
                await transaction.abandon()
            except Exception as error:
                self._incident(error)

    # The commands.

    async def _ehlo(self, argument: bytes) -> None:
        if not await self._greeted(argument, "LHLO" if self.protocol == "LMTP" else "EHLO"):
            return
        self._client = replace(self._client, protocol=self.protocol)
        upstream = await self._server.receiver.capabilities()
        self._offered = replace(upstream, size=upstream.limit(self._limits.size))
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

    async def _take_mail(self, argument: bytes) -> None:
        if not self._client.helo:
            self._refuse(replies.GREET_FIRST)
        elif self._transaction is not None:
            self._refuse(replies.NESTED)
        elif not self._rights.relay:
            self._refuse(replies.NO_RELAY)
        elif self._server.listener.tls_required and not self._client.tls:
            self._refuse(replies.TLS_FIRST)
        else:
            limit = self._offered.size if self._offered else self._limits.size
            read = command.mail(argument, command.offered(self._offered)[0], limit or 0)
            if isinstance(read, Reply):
                self._refuse(read)
            elif not self._server.occupancy.has_room(read.size):
                self._say(replies.NO_ROOM)
            else:
                await self._begin(read)

    async def _begin(self, read: command.Mail) -> None:
        receiver = self._server.receiver
        answer = await receiver.mail(self._client, read.sender, read.parameters)
        if isinstance(answer, (Reply, bytes)):
            self._say(answer)
            return
        self._transaction, self._mail, self._accepted = answer, read, 0
        self._say(replies.SENDER_OK)

    async def _take_rcpt(self, argument: bytes) -> None:
        if self._transaction is None or self._mail is None:
            self._refuse(replies.MAIL_FIRST)
            return
        keywords = command.offered(self._offered)[1]
        recipient = command.rcpt(argument, keywords, utf8=self._mail.utf8)
        if isinstance(recipient, Reply):
            self._refuse(recipient)
        elif self._accepted >= self._limits.recipients:
            self._say(replies.CROWDED)
        else:
            reply = await self._transaction.rcpt(recipient)
            self._accepted += reply.startswith(b"2")
            self._say(reply)

    async def _take_data(self, argument: bytes) -> None:
        if argument:
            self._refuse(replies.NO_ARGUMENT)
        elif self._transaction is None:
            self._refuse(replies.MAIL_FIRST)
        elif not self._accepted:
            self._refuse(replies.NO_RECIPIENTS)
        elif not self._server.occupancy.has_room(0):
            self._say(replies.NO_ROOM)
        else:
            self._junk = 0
            await self._receive()

    async def _receive(self) -> None:
        limit = (self._offered.size if self._offered else self._limits.size) or 0
        intake = Intake(limit, self._server.occupancy.take)
        try:
            if not await self._read(intake):
                return
            content = intake.content()
            objection = self._objection(intake, content)
            if objection is None and self._server.listener.stray is Stray.NORMALISE:
                content = data.normalise(content) if data.stray(content) else content
            if objection is None:
                await self._deliver(content)
            else:
                self._say(bytes(objection) * self._replies())
        finally:
            self._server.occupancy.give(intake.held)
            await self._reset()

    def _objection(self, intake: Intake, content: bytes) -> Reply | None:
        """Why the message cannot be taken, whatever it says."""
        limits = self._limits
        if intake.too_large:
            return Reply(552, "3.4", ("message is over the size limit",))
        if intake.no_room:
            return replies.NO_ROOM
        fault = data.stray(content)
        if fault and (self._server.listener.stray is Stray.REJECT or "NUL" in fault):
            return Reply(
                550,
                "5.2",
                (
                    f"message has {fault}: end every line with CRLF",
                    "and encode everything else (quoted-printable, base64)",
                ),
            )
        if limits.line and data.overlong(content, limits.line):
            text = f"message has a line over {limits.line} octets: fold it or encode the part"
            return Reply(554, "6.0", (text,))
        return None

    async def _deliver(self, content: bytes) -> None:
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        self._delivering = True
        missing = self._replies()
        failed = Reply(451, "3.0", ("no answer was found; try again later",))
        try:
            async for reply in transaction.data(content):
                if missing:
                    missing -= 1
                    self._say(reply)
                    self._write()
        except Exception as error:
            failed = self._incident(error)
        finally:
            self._delivering = False
        self._say(bytes(failed) * missing)

    def _replies(self) -> int:
        """How many replies follow the dot."""
        return 1

    async def _rset(self, argument: bytes) -> None:
        if argument:
            self._refuse(replies.NO_ARGUMENT)
        else:
            await self._reset()
            self._say(replies.OK)

    async def _quit(self, argument: bytes) -> None:
        await self._reset()
        self._say(replies.BYE)
        self._close()

    async def _noop(self, argument: bytes) -> None:
        self._say(replies.OK)

    async def _vrfy(self, argument: bytes) -> None:
        self._say(replies.NOT_VERIFIED)

    async def _not_here(self, argument: bytes) -> None:
        self._refuse(replies.NOT_HERE)

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
        elif self._transaction is not None:
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


Conversation.verbs = {
    b"EHLO": Conversation._ehlo,
    b"HELO": Conversation._helo,
    b"MAIL": Conversation._take_mail,
    b"RCPT": Conversation._take_rcpt,
    b"DATA": Conversation._take_data,
    b"RSET": Conversation._rset,
    b"NOOP": Conversation._noop,
    b"QUIT": Conversation._quit,
    b"VRFY": Conversation._vrfy,
    b"STARTTLS": Conversation._starttls,
    b"XFORWARD": Conversation._xforward,
    **dict.fromkeys(
        (b"AUTH", b"BDAT", b"ETRN", b"EXPN", b"HELP", b"TURN", b"XCLIENT"), Conversation._not_here
    ),
}

"""One client, from banner to goodbye: what each command does (RFC 5321 §4.1)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from smtpguard.reply import Reply
from smtpguard.smtp import command, data, replies
from smtpguard.smtp.inbox import Intake
from smtpguard.smtp.introduction import Introduction
from smtpguard.smtp.receiver import Transaction
from smtpguard.smtp.settings import Stray

if TYPE_CHECKING:
    from smtpguard.smtp.server import Server

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")

Verb = Callable[[Any, bytes], Awaitable[None]]


class Conversation(Introduction):
    """An SMTP session (RFC 5321 §3)."""

    verbs: ClassVar[Mapping[bytes, Verb]]

    def __init__(self, server: Server) -> None:
        super().__init__(server)
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
        if self._client.forwarded:
            self._client = replace(self._client, forwarded=())
        if transaction is not None:
            try:
                await transaction.abandon()
            except Exception as error:
                self._incident(error)

    # The commands.

    async def _take_mail(self, argument: bytes) -> None:
        if not self._client.helo:
            self._refuse(replies.GREET_FIRST)
        elif self._transaction is not None:
            self._refuse(replies.NESTED)
        elif self._client.user and not self._is_user_still():
            self._end(replies.EXPELLED)
        elif not self._rights.relay:
            self._refuse(self._unwelcome())
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
            fault = data.stray(content)
            objection = self._objection(intake, content, fault)
            if objection is None:
                await self._deliver(data.normalise(content) if fault else content)
            else:
                self._say(bytes(objection) * self._replies())
        finally:
            self._server.occupancy.give(intake.held)
            await self._reset()

    def _objection(self, intake: Intake, content: bytes, fault: str) -> Reply | None:
        """Why the message cannot be taken, whatever it says; ``fault`` is of its line ends."""
        limits = self._limits
        if intake.too_large:
            return Reply(552, "3.4", ("message is over the size limit",))
        if intake.no_room:
            return replies.NO_ROOM
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
        failed = replies.NO_ANSWER
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
        if missing:
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
    b"AUTH": Conversation._auth,
    **dict.fromkeys(
        (b"BDAT", b"ETRN", b"EXPN", b"HELP", b"TURN", b"XCLIENT"), Conversation._not_here
    ),
}

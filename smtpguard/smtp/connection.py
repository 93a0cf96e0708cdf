"""One connection: octets in and out, deadlines, the command loop; aiosmtpd's protocol underneath.

Of aiosmtpd it keeps transport, flow control and STARTTLS. The command loop is our own, because
replies go out together, arguments stay octets, a message is read in bulk, and nothing the client
does, leaving included, ever cancels a transaction: the task of a connection ends by itself, and
what it began after the dot it sees to its end.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from typing import TYPE_CHECKING, cast

import aiosmtpd.smtp

from smtpguard.mail.envelope import Session
from smtpguard.reply import Reply
from smtpguard.smtp import replies
from smtpguard.smtp.inbox import Inbox, Intake, Overlong

if TYPE_CHECKING:
    from smtpguard.smtp.server import Server

log = logging.getLogger(__name__)

aiosmtpd.smtp.log.setLevel(logging.WARNING)  # below that it names every peer

LINGER = 5.0
"""Seconds in which a client must take the last reply."""

_BARE = re.compile(rb"(\d)\d\d (?!\d\.\d)")


class Connection(aiosmtpd.smtp.SMTP):
    """The transport's side of a conversation."""

    protocol = "ESMTP"

    def __init__(self, server: Server) -> None:
        listener = server.listener
        super().__init__(
            None,
            hostname=listener.hostname,
            tls_context=listener.tls,
            loop=asyncio.get_running_loop(),
        )
        self._server = server
        self._limits = listener.limits
        self._deadlines = listener.deadlines
        self._inbox = Inbox(self._limits.command)
        self._intake: Intake | None = None
        self._seen = 0
        self._data_until = 0.0
        self._out: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._news = False
        self._gone = False
        self._held_back = False
        self._errors = 0
        self._junk = 0
        self._client = Session(listener=listener.name)

    # What a conversation adds.

    @property
    def busy(self) -> bool:
        """A transaction is under way."""
        raise NotImplementedError

    @property
    def delivering(self) -> bool:
        """The dot has come, and the replies have not all been given."""
        raise NotImplementedError

    def _met(self) -> None:
        """A client is there, or there again behind TLS: whatever it said before is void."""
        raise NotImplementedError

    async def _obey(self, line: bytes) -> None:
        """Do what a command line says."""
        raise NotImplementedError

    async def _reset(self) -> None:
        """Forget the transaction."""
        raise NotImplementedError

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of ``asyncio.Protocol``; a second time after STARTTLS."""
        super().connection_made(transport)
        # RFC 3207 §4.2: what was known before, and what came in clear behind STARTTLS, is void.
        self._inbox.take()
        self._quiet()
        self._met()

    def data_received(self, data: bytes) -> None:
        """Of ``asyncio.Protocol``."""
        if self._intake is not None:
            rest = self._intake.feed(data)
            if rest is None:
                return
            self._intake, data = None, rest
        self._inbox.feed(data)
        self._wake()
        if len(self._inbox) > 2 * self._limits.command and not self._held_back:
            self._held_back = True
            self._socket.pause_reading()

    def eof_received(self) -> bool:
        """Of ``asyncio.Protocol``. A client may close its half and still read its replies."""
        self._leave()
        return self._tls_protocol is None

    def connection_lost(self, error: Exception | None) -> None:
        """Of ``asyncio.Protocol``. Unlike aiosmtpd's, it cancels nothing."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        if self._original_transport is not None:
            self._original_transport.close()
        self._leave()
        asyncio.StreamReaderProtocol.connection_lost(self, error)

    async def push(self, status: str | bytes) -> None:
        """A reply of aiosmtpd's own, given an enhanced code and sent at once."""
        octets = status if isinstance(status, bytes) else status.encode("ascii", "replace")
        self._say(_BARE.sub(rb"\g<0>\g<1>.0.0 ", octets, count=1) + b"\r\n")
        await self._flush()

    def interrupt(self) -> None:
        """The server drains: end now if idle, otherwise after the transaction."""
        if self._waiter is not None and not self.busy:
            self._end(replies.DRAINING)

    def cut(self) -> None:
        """The server's patience is over: a transaction before its dot ends here."""
        self._end(replies.DRAINING)

    @property
    def _socket(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self.transport)

    def _leave(self) -> None:
        self._gone = True
        self._wake()

    def _wake(self) -> None:
        self._news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _timeout_cb(self) -> None:
        if self._intake is None:
            self._end(replies.IDLE)
            return
        came, self._seen = self._intake.size - self._seen, self._intake.size
        late = self.loop.time() >= self._data_until
        if late or came < self._deadlines.rate * self._deadlines.rate_window:
            self._end(replies.SLOW)
        else:
            self._watch_data()

    def _watch_data(self) -> None:
        left = self._data_until - self.loop.time()
        self._reset_timeout(max(min(self._deadlines.rate_window, left), 0.001))

    # The reply's side.

    def _say(self, reply: bytes | Reply) -> None:
        self._out.append(reply if isinstance(reply, bytes) else bytes(reply))

    def _refuse(self, reply: Reply) -> None:
        """A protocol error of the client's."""
        self._errors += 1
        self._say(reply)

    def _end(self, reply: Reply) -> None:
        """Say goodbye and close, from wherever we are."""
        self._say(reply)
        self._close()
        self._inbox.take()
        self._leave()

    def _close(self) -> None:
        """Close once all is written; who does not read it is cut off."""
        self._write()
        if self._socket.is_closing():
            return
        unread = self._socket.get_write_buffer_size()
        self._socket.close()
        if unread:
            self.loop.call_later(min(self._deadlines.command, LINGER), self._socket.abort)

    def _write(self) -> None:
        if self._out:
            octets = b"".join(self._out)
            self._out.clear()
            if not self._socket.is_closing():
                self._socket.write(octets)

    async def _flush(self) -> None:
        self._write()
        try:
            await self._writer.drain()
        except ConnectionError:
            self._leave()

    def _incident(self, error: Exception) -> Reply:
        """An exception of ours: its trace for the log, a number of it for the client."""
        number = secrets.token_hex(4)
        log.error("incident %s: %r", number, error, exc_info=error)
        return Reply(451, "3.0", (f"internal error, incident {number}; try again later",))

    # The command loop.

    async def _handle_client(self) -> None:
        with self._server.session(self, self._client.peer) as refusal:
            try:
                if refusal is None:
                    self._say(f"220 {self.hostname} {self.protocol} smtpguard\r\n".encode())
                    await self._converse()
                else:
                    self._end(refusal)
            except Exception as error:
                self._end(self._incident(error))
            finally:
                await self._reset()
                self._close()

    async def _converse(self) -> None:
        while not self._socket.is_closing():
            try:
                line = await self._line()
            except Overlong as overlong:
                self._refuse(replies.TOO_LONG)
                self._errors += self._limits.errors * overlong.hopeless
            else:
                if line is None:
                    return
                await self._obey(line)
            if self._errors >= self._limits.errors:
                self._end(replies.TOO_MANY_ERRORS)
            elif self._junk > self._limits.junk:
                self._end(replies.TOO_MUCH_JUNK)

    async def _line(self) -> bytes | None:
        """The next command; ``None`` when there will be none. Replies go out before it waits."""
        line = self._inbox.line()
        if line is not None:
            return line
        self._reset_timeout(self._deadlines.command)
        try:
            while line is None and not self._gone:
                await self._flush()
                if self._server.draining and not self.busy:
                    self._end(replies.DRAINING)
                    return None
                await self._more()
                line = self._inbox.line()
        finally:
            self._quiet()
        return line

    async def _more(self) -> None:
        if self._held_back:
            self._held_back = False
            self._socket.resume_reading()
        if not self._news:
            self._waiter = self.loop.create_future()
            await self._waiter
            self._waiter = None
        self._news = False

    def _quiet(self) -> None:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    async def _read(self, intake: Intake) -> bool:
        """Have the message up to the dot. False: the client did not get there."""
        self._say(replies.GO)
        self._seen = 0
        rest = intake.feed(self._inbox.take())
        if rest is not None:
            self._inbox.feed(rest)
            return True
        self._intake = intake
        self._data_until = self.loop.time() + self._deadlines.data
        self._watch_data()
        await self._flush()
        while not (intake.complete or self._gone):
            await self._more()
        self._quiet()
        self._intake = None
        return intake.complete

"""Our own SMTP client protocol, put on a transport that aiosmtplib opened.

It can do what aiosmtplib cannot: keep many commands under way, pass replies on word for word,
and write a message no faster than it is taken. It knows nothing of mail transactions.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

from smtpguard.reply import LINE, Reply
from smtpguard.smtp import data
from smtpguard.smtp.capabilities import Capabilities

LINES = 200
"""Of one reply; further ones are dropped."""
OCTETS = 65_536
"""Of replies not yet complete or not yet asked for."""
CHUNK = 262_144
"""Octets handed to the transport at a time."""

_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
_ORDINARY = re.compile(rb"[2-5]\d\d [ -~]*[!-~]\r")
_PRINTABLE = bytes(c if 32 <= c < 127 else 32 if c == 9 else 63 for c in range(256))


@dataclass(frozen=True, slots=True)
class UpstreamReply:
    """What the upstream said, or what we say because it said nothing usable."""

    octets: bytes
    """Whole lines with CRLF, US-ASCII, at most 512 octets each."""
    ambiguous: bool = False
    """The connection broke after the dot: the message may have been taken."""
    own: bool = False
    """These are not the upstream's words."""

    @property
    def code(self) -> int:
        """The three digits."""
        return int(self.octets[:3])

    @property
    def accepted(self) -> bool:
        """The code is 2xx."""
        return self.octets[:1] == b"2"

    @property
    def text(self) -> str:
        """All lines without their codes, for the log."""
        return " ".join(line[4:] for line in self.octets.decode("ascii").split("\r\n")).rstrip()


def own(status: str, *text: str, ambiguous: bool = False) -> UpstreamReply:
    """A 451 in our own words."""
    return UpstreamReply(bytes(Reply(451, status, text)), ambiguous, own=True)


LOST = own("4.2", "upstream closed the connection")
SILENT = own("4.2", "upstream did not answer in time")
STUCK = own("4.2", "upstream stopped taking the message")
NONSENSE = own("5.0", "upstream sent what is no SMTP reply")


class UpstreamUnavailable(ConnectionError):
    """No connection to the upstream can be had; ``reply`` is for the client."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(" ".join(reply.text))
        self.reply = reply


class ReplyReader:
    """Octets in, replies out (RFC 5321 §4.2.1). No I/O."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._octets = 0

    def feed(self, data: bytes) -> list[UpstreamReply]:
        """The replies completed by ``data``. ``ValueError``: this is no SMTP server."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        replies = []
        for line in lines:
            if not self._lines and (known := _ordinary(line)):
                replies.append(known)
                continue
            self._octets += len(line)
            code, more = self._take(line.removesuffix(b"\r"))
            if not more:
                replies.append(self._finish(code))
        if self._octets + len(self._rest) > OCTETS:
            raise ValueError("endless reply")
        return replies

    def _take(self, line: bytes) -> tuple[bytes, bool]:
        match = _LINE.fullmatch(line)
        if match is None or (self._lines and not line.startswith(self._lines[0][:3])):
            raise ValueError("not a reply line")
        code, separator, text = match.groups()
        if len(self._lines) < LINES:
            clean = code + (b"-" + text if text else b"-")
            self._lines.append(clean.translate(_PRINTABLE)[: LINE - 2].rstrip(b" "))
        return code, separator == b"-"

    def _finish(self, code: bytes) -> UpstreamReply:
        *head, last = self._lines
        self._lines, self._octets = [], 0
        octets = b"\r\n".join([*head, code + b" " + last[4:]]).rstrip(b" ") + b"\r\n"
        return UpstreamReply(octets)


@lru_cache(64)
def _ordinary(line: bytes) -> UpstreamReply | None:
    """A reply of one line that passes on as it came: most are the same for every transaction."""
    if _ORDINARY.fullmatch(line) and len(line) < LINE:
        return UpstreamReply(line + b"\n")
    return None


class Wire(asyncio.Protocol):
    """One connection to the upstream: lines out, replies in, in order."""

    def __init__(self, transport: asyncio.Transport, capabilities: Capabilities) -> None:
        self.transport = transport
        self.broken: UpstreamReply | None = None
        """Why nothing more will come; whoever waits for a reply gets this one."""
        self.uses = 0
        self.capabilities = capabilities
        self.since = 0.0
        """Loop time at which it was last given back."""
        self._owed = 0
        self._loop = asyncio.get_running_loop()
        self._reader = ReplyReader()
        self._replies: deque[UpstreamReply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._paused = False

    @property
    def usable(self) -> bool:
        """It stands, and the upstream has said nothing unasked (such as 421)."""
        return self.broken is None and not self._replies and not self.transport.is_closing()

    @property
    def owing(self) -> bool:
        """Replies to ``reset`` are still to come."""
        return self._owed > 0

    @property
    def early(self) -> UpstreamReply | None:
        """A reply that came before it was asked for, if any."""
        return self._replies[0] if self._replies else None

    def data_received(self, octets: bytes) -> None:
        """Of ``asyncio.Protocol``."""
        try:
            replies = self._reader.feed(octets)
        except ValueError:
            self.fail(NONSENSE)
            return
        self._replies.extend(replies)
        if len(self._replies) > OCTETS // 16:
            self.fail(NONSENSE)
        elif replies:
            self._wake()

    def eof_received(self) -> bool:
        """Of ``asyncio.Protocol``."""
        self.fail(LOST)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Of ``asyncio.Protocol``."""
        self.fail(LOST)

    def pause_writing(self) -> None:
        """Of ``asyncio.Protocol``."""
        self._paused = True

    def resume_writing(self) -> None:
        """Of ``asyncio.Protocol``."""
        self._paused = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def fail(self, why: UpstreamReply) -> None:
        """Give the connection up; nothing that is still buffered leaves any more."""
        if self.broken is None:
            self.broken = why
            self.transport.abort()
            self._wake()
            self.resume_writing()

    def send(self, octets: bytes) -> None:
        """Hand octets to the transport, all at once."""
        if self.broken is None and not self.transport.is_closing():
            self.transport.write(octets)

    async def upload(self, content: bytes, progress: float, deadline: float) -> bool:
        """Send a message and its dot. True: the dot was handed over.

        False: the wire broke, stood still for ``progress`` seconds, did not get there by
        ``deadline`` (loop time), or the upstream answered before the dot; no dot was sent.
        """
        stuffed = data.stuffed(content)
        end = b".\r\n" if not stuffed or stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
        view = memoryview(stuffed)
        last = 0
        while len(view) - last > CHUNK:
            self.transport.write(view[last : last + CHUNK])
            last += CHUNK
            if not await self._taken(progress, deadline):
                return False
        if self.broken is not None or self._replies:
            return False
        self.transport.writelines((view[last:], end))
        return True

    async def reply(self, deadline: float) -> UpstreamReply:
        """The next reply, or by ``deadline`` (loop time) our own word for its absence."""
        while not self._replies:
            if self.broken is not None:
                return self.broken
            self._waiter = self._loop.create_future()
            timer = self._loop.call_at(deadline, self.fail, SILENT)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        reply = self._replies.popleft()
        if reply.code == 421:
            # It ends the upstream's session, not our client's with its other recipients.
            self.fail(LOST)
            return UpstreamReply(re.sub(rb"(?m)^421", b"451", reply.octets))
        return reply

    def reset(self) -> None:
        """Send RSET; its reply is taken by ``settled``."""
        self.send(b"RSET\r\n")
        self._owed += 1

    async def settled(self, deadline: float) -> bool:
        """Take the replies to ``reset``. False: the wire is of no further use."""
        while self._owed:
            self._owed -= 1
            if not (await self.reply(deadline)).accepted:
                return False
        return self.usable

    def close(self) -> None:
        """Say goodbye; the answer is not waited for (RFC 5321 §4.1.1.10)."""
        if self.broken is None:
            self.send(b"QUIT\r\n")
            self.broken = LOST
            self.transport.close()

    async def _taken(self, progress: float, deadline: float) -> bool:
        while self._paused and self.broken is None and not self._replies:
            self._room = self._waiter = self._loop.create_future()
            timer = self._loop.call_at(
                min(self._loop.time() + progress, deadline), self.fail, STUCK
            )
            try:
                await self._room
            finally:
                timer.cancel()
                self._room = self._waiter = None
        return self.broken is None and not self._replies

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

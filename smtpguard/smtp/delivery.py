"""One transaction on one leased connection (RFC 5321 §3.3, RFC 2920).

There is no second try after the dot. Before it there is one: when a connection that was kept
turns out dead at the first command, nothing has been sent yet, and a new one is opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from smtpguard.mail.envelope import Session
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.pool import Pool
from smtpguard.smtp.settings import Onward
from smtpguard.smtp.wire import LOST, NONSENSE, UpstreamReply, UpstreamUnavailable, Wire
from smtpguard.smtp.xforward import lines

DATA = b"DATA\r\n"


@dataclass(frozen=True, slots=True)
class Burst:
    """The replies to a whole transaction; ``final`` is the one that counts for accepted ones."""

    mail: UpstreamReply
    rcpts: tuple[UpstreamReply, ...]
    """One per recipient, in order. Where MAIL was refused, each repeats that reply."""
    final: UpstreamReply


class Delivery:
    """MAIL, RCPT ..., DATA, release. Failures are replies (451), never exceptions."""

    def __init__(self, pool: Pool, wire: Wire, settings: Onward, session: Session) -> None:
        self._pool = pool
        self._wire = wire
        self._settings = settings
        self._session = session
        self._awaited = 0
        self._open = False
        self._accepted = 0
        self._released = False

    @property
    def capabilities(self) -> Capabilities:
        """What this very connection offers."""
        return self._wire.capabilities

    async def mail(self, argument: bytes, deadline: float | None = None) -> UpstreamReply:
        """``MAIL argument``, as ``b"FROM:<a@b.example> BODY=8BITMIME"``.

        ``deadline``, here and below: seconds from now, where less than what the settings grant.
        """
        commands = [b"MAIL " + argument + b"\r\n"]
        (reply,) = await self._first(commands, self._until(deadline))
        return reply

    async def rcpt(self, argument: bytes, deadline: float | None = None) -> UpstreamReply:
        """``RCPT argument``, as ``b"TO:<c@d.example> NOTIFY=NEVER"``."""
        (reply,) = await self._ask([b"RCPT " + argument + b"\r\n"], self._until(deadline))
        self._accepted += reply.accepted
        return reply

    async def data(self, content: bytes, deadline: float | None = None) -> UpstreamReply:
        """Send the message; ``deadline``: seconds from now for upload and last reply together."""
        until = self._until(deadline)
        (go,) = await self._ask([DATA], until)
        return await self._content(go, content, until)

    async def burst(
        self,
        mail: bytes,
        rcpts: Sequence[bytes],
        content: bytes,
        deadline: float | None = None,
    ) -> Burst:
        """The whole transaction, pipelined where offered; no content where no RCPT is accepted."""
        until = self._until(deadline)
        commands = [b"MAIL " + mail + b"\r\n"]
        commands += [b"RCPT " + rcpt + b"\r\n" for rcpt in rcpts]
        if not self.capabilities.pipelining:
            return await self._in_steps(commands, content, until)
        said, *answers, go = await self._first([*commands, DATA], until)
        self._accepted = sum(answer.accepted for answer in answers) if said.accepted else 0
        final = await self._content(go, content, until)
        if not said.accepted:
            return Burst(said, (said,) * len(rcpts), said)
        return Burst(said, tuple(answers), final)

    async def release(self) -> None:
        """Give the connection back, or close it; may be called at any time, more than once."""
        if self._released:
            return
        self._released = True
        if self._awaited:
            self._wire.fail(LOST)
        elif self._open:
            self._wire.reset()
        self._pool.give_back(self._wire)

    def _until(self, deadline: float | None) -> float:
        seconds = self._settings.after_dot if deadline is None else deadline
        return asyncio.get_running_loop().time() + seconds

    async def _first(
        self, commands: list[bytes], until: float | None = None
    ) -> list[UpstreamReply]:
        """Ask what begins a transaction; once more on a new connection if a kept one is dead."""
        kept = self._wire.uses > 0
        replies = await self._begin(commands, until)
        if kept and self._wire.broken is LOST and not replies[0].accepted:
            try:
                self._wire = await self._pool.renew(self._wire)
            except UpstreamUnavailable as unavailable:
                return [UpstreamReply(bytes(unavailable.reply), own=True)] * len(commands)
            replies = await self._begin(commands, until)
        self._open = True
        return replies

    async def _begin(self, commands: list[bytes], until: float | None) -> list[UpstreamReply]:
        capabilities = self._wire.capabilities
        offered = capabilities.xforward if self._settings.xforward else frozenset()
        forward = lines(self._session, offered) if offered else []
        if capabilities.pipelining:
            return (await self._ask([*forward, *commands], until))[len(forward) :]
        for line in forward:
            await self._ask([line], until)
        return await self._ask(commands, until)

    async def _ask(self, commands: list[bytes], until: float | None = None) -> list[UpstreamReply]:
        loop = asyncio.get_running_loop()
        self._awaited += len(commands)
        self._wire.send(b"".join(commands))
        replies = []
        for command in commands:
            deadline = loop.time() + self._settings.command
            reply = await self._wire.reply(min(deadline, until) if until else deadline)
            replies.append(reply if command == DATA else self._whole(reply))
            self._awaited -= 1
        return replies

    async def _in_steps(self, commands: list[bytes], content: bytes, until: float) -> Burst:
        (said,) = await self._first(commands[:1], until)
        if not said.accepted:
            return Burst(said, (said,) * (len(commands) - 1), said)
        answers = [(await self._ask([command], until))[0] for command in commands[1:]]
        self._accepted = sum(answer.accepted for answer in answers)
        final = answers[0]
        if self._accepted:
            (go,) = await self._ask([DATA], until)
            final = await self._content(go, content, until)
        return Burst(said, tuple(answers), final)

    async def _content(self, go: UpstreamReply, content: bytes, until: float) -> UpstreamReply:
        """The message after ``go``, the reply to DATA; only 354 with a recipient takes it."""
        wire = self._wire
        if go.code != 354:
            return self._sober(go)
        self._awaited += 1
        if not self._accepted:
            # RFC 2920 §3.1: some servers say 354 though every RCPT failed.
            wire.send(b".\r\n")
            final = self._sober(await wire.reply(until))
        elif await wire.upload(content, self._settings.upload, until):
            final = self._whole(await wire.reply(until))
            if final.own:
                final = replace(final, ambiguous=True)
        else:
            # An answer before the dot is a refusal, or it is nonsense.
            final = self._sober(wire.early or wire.broken or NONSENSE)
            wire.fail(LOST)
        self._awaited -= 1
        self._open = False
        return final

    def _whole(self, reply: UpstreamReply) -> UpstreamReply:
        """A reply that ends something: 3xx stands before a message alone (RFC 5321 §4.2.1)."""
        if reply.code // 100 == 3:
            self._wire.fail(NONSENSE)
            return NONSENSE
        return reply

    def _sober(self, reply: UpstreamReply) -> UpstreamReply:
        """A reply that cannot mean success here."""
        if reply.code < 400:
            self._wire.fail(NONSENSE)
            return NONSENSE
        return reply

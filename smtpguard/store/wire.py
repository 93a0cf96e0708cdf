"""One connection to Redis, used in batches, with deadlines of our own.

Whatever is asked during one turn of the loop, or while a batch is under way, leaves in one
write. A store that fails is tried again until ``blip`` has passed; from then on whoever asks
hears ``StoreSilent`` at once, while the wire goes on trying in the background. redis-py opens
the connection and authenticates; its own time limits and retries are not used, because they
add up to 59 s on a host that does not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

from smtpguard.store.errors import StoreSilent, StoreUntrusted

Reply = Any
"""RESP2: ``int``, ``bytes``, ``None``, a list of them, or a ``ResponseError``."""
Exchange = Callable[[Sequence[bytes]], Awaitable[list[Reply]]]

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0


def command(*words: bytes | str | int) -> bytes:
    """One command as it goes over the wire."""
    octets = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    bulk = [b"$%d\r\n%b\r\n" % (len(word), word) for word in octets]
    return b"*%d\r\n%b" % (len(bulk), b"".join(bulk))


@dataclass(slots=True, eq=False)
class _Request:
    commands: Sequence[bytes]
    answer: asyncio.Future[list[Reply]]
    until: float


class Wire:
    """Requests in, replies out, in order."""

    def __init__(
        self,
        url: Callable[[], str],
        *,
        password: str,
        deadline: float,
        blip: float,
        alarm: Callable[[str], None],
        greet: Callable[[Exchange], Awaitable[None]],
        mark: bytes,
        judge: Callable[[Reply], None],
        replicas: int = 0,
    ) -> None:
        """``url`` is asked, and ``greet`` runs, for every new connection.

        ``mark`` goes before every batch. ``greet`` and ``judge``, which sees the reply to
        ``mark``, may raise ``StoreUntrusted``; then nothing of the batch counts. Nor does it
        before so many ``replicas`` have it too, within half the deadline.
        """
        self._url = url
        self._password = password
        self._alarm = alarm
        self._connection: AbstractConnection | None = None
        self._deadline = deadline
        self._blip = blip
        self._greet = greet
        self._mark = mark
        self._judge = judge
        self._replicas = replicas
        self._behind = False
        self._waiting: list[_Request] = []
        self._task: asyncio.Task[None] | None = None
        self._trouble: StoreSilent | None = None
        self._trouble_since = 0.0
        self._given_up = False
        self._suspect = False
        self._closed = False

    async def ask(self, commands: Sequence[bytes]) -> list[Reply]:
        """The replies to ``commands``; what the server refuses is a ``ResponseError`` among them.

        Raises ``StoreSilent`` or ``StoreUntrusted``.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._closed:
            raise StoreSilent("the store is closed")
        if self._trouble and self._given_up:
            raise _again(self._trouble)
        request = _Request(commands, loop.create_future(), now + self._blip)
        self._waiting.append(request)
        self._wake()
        return await request.answer

    async def close(self) -> None:
        """Drop the connection; whoever still waits hears ``StoreSilent``."""
        self._closed = True
        if self._task and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        _fail(self._waiting, StoreSilent("the store is closed"))
        await self._hang_up()

    def distrust(self, error: StoreUntrusted) -> None:
        """Answer everybody with ``error`` until a new connection has been greeted."""
        self._suspect = True
        self._suffer(error, [])
        self._wake()

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await connection.disconnect(nowait=True)

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while self._waiting or self._trouble:
            batch, self._waiting = self._waiting, []
            try:
                async with asyncio.timeout(self._deadline):
                    await self._serve(batch)
            except asyncio.CancelledError:
                self._waiting = batch + self._waiting
                raise
            except Exception as error:
                await self._hang_up()
                self._suffer(error, batch)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._recover()
                pause = FIRST_PAUSE

    async def _serve(self, batch: Sequence[_Request]) -> None:
        if self._suspect:
            await self._hang_up()
        if self._connection is None:
            self._connection = _connection(self._url(), self._password, self._deadline)
            await self._connection.connect()  # type: ignore[no-untyped-call]
            await self._greet(self._exchange)
            self._suspect = False
        packed = [self._mark]
        for request in batch:
            packed += request.commands
        if self._replicas:
            packed.append(command(b"WAIT", self._replicas, round(self._deadline * 500)))
        replies = await self._exchange(packed)
        self._judge(replies[0])
        if self._replicas and (silence := self._unconfirmed(replies[-1])):
            _fail(batch, silence)
            return
        at = 1
        for request in batch:
            end = at + len(request.commands)
            if not request.answer.done():
                request.answer.set_result(replies[at:end])
            at = end

    async def _exchange(self, commands: Sequence[bytes]) -> list[Reply]:
        connection = self._connection
        assert connection is not None
        await connection.send_packed_command(b"".join(commands), check_health=False)
        replies: list[Reply] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response())
            except ResponseError as error:
                self._suspect |= isinstance(error, ReadOnlyError)  # it was demoted
                replies.append(error)
        return replies

    def _unconfirmed(self, reply: Reply) -> StoreSilent | None:
        """What the reply to WAIT lacks; the operator hears of it once."""
        enough = isinstance(reply, int) and reply >= self._replicas
        if enough == self._behind:
            share = f"{reply} of {self._replicas} replicas"
            self._alarm(f"{share} have what was written" + ("" if enough else ": opt-outs wait"))
        self._behind = not enough
        if enough:
            return None
        return StoreSilent(f"only {reply} of {self._replicas} replicas have it")

    def _suffer(self, error: Exception, batch: list[_Request]) -> None:
        """Keep whoever can still wait; tell the others, and the operator once."""
        now = asyncio.get_running_loop().time()
        if self._trouble is None:
            self._trouble_since = now
        self._trouble = _silence(error, self._deadline)
        over = now - self._trouble_since >= self._blip or isinstance(error, StoreUntrusted)
        if over and not self._given_up:
            self._given_up = True
            self._alarm(str(self._trouble))
        kept: list[_Request] = []
        for request in [*batch, *self._waiting]:
            if over or now >= request.until:
                _fail([request], self._trouble)
            elif not request.answer.done():
                kept.append(request)
        self._waiting = kept

    def _recover(self) -> None:
        if self._given_up:
            lasted = asyncio.get_running_loop().time() - self._trouble_since
            self._alarm(f"the store answers again, after {lasted:.0f} s")
        self._trouble = None
        self._given_up = False


def _connection(url: str, password: str, deadline: float) -> AbstractConnection:
    options: dict[str, Any] = dict(parse_url(url))
    kind = options.pop("connection_class", Connection)
    options.pop("max_connections", None)
    options |= {
        "protocol": 2,
        "decode_responses": False,
        "driver_info": None,
        "socket_timeout": None,
        "socket_connect_timeout": deadline,
        "retry_on_timeout": False,
    }
    if password:
        options["password"] = password
    connection: AbstractConnection = kind(**options)
    return connection


def _silence(error: Exception, deadline: float) -> StoreSilent:
    if isinstance(error, StoreSilent):
        return error
    if isinstance(error, TimeoutError) and not isinstance(error, RedisError):
        return StoreSilent(f"the store did not answer within {deadline:g} s")
    return StoreSilent(f"the store cannot be asked: {str(error) or type(error).__name__}")


def _again(error: StoreSilent) -> StoreSilent:
    """The same words in an exception of its own, so that tracebacks do not pile up on one."""
    if isinstance(error, StoreUntrusted):
        return StoreUntrusted(error.why, error.mend)
    return StoreSilent(str(error))


def _fail(requests: Sequence[_Request], error: StoreSilent) -> None:
    for request in requests:
        if not request.answer.done():
            request.answer.set_exception(_again(error))

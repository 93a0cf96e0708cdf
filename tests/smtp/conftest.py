"""A receiver without an upstream, a server around it, and an upstream without a server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest
import trustme

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Parameter, Recipient, Session
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.receiver import Transaction
from smtpguard.smtp.server import Server
from smtpguard.smtp.settings import Listener, Onward
from smtpguard.smtp.upstream import Upstream

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
MAIL, RCPT = b"FROM:<a@c.example>", b"TO:<b@d.example>"
OFFERS = b"250-up\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 8BITMIME\r\n"


@dataclass
class Box:
    """A receiver that keeps what it gets, and can be made to wait or to fail."""

    sessions: list[Session] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    abandoned: int = 0
    finished: int = 0
    fails_at: str = ""
    replies: list[bytes] = field(default_factory=lambda: [b"250 2.0.0 Kept\r\n"])
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def fail(self, at: str) -> None:
        if at == self.fails_at:
            raise LookupError("the secret of /etc/passwd")

    async def capabilities(self) -> Capabilities:
        self.fail("capabilities")
        return Capabilities(size=0, eightbitmime=True, smtputf8=True, dsn=True)

    async def mail(
        self, session: Session, sender: Address | None, parameters: tuple[Parameter, ...]
    ) -> Transaction:
        self.fail("mail")
        self.sessions.append(session)
        return self

    async def rcpt(self, recipient: Recipient) -> bytes:
        self.fail("rcpt")
        return b"250 2.1.5 Ok\r\n"

    async def data(self, content: bytes) -> AsyncIterator[bytes]:
        self.messages.append(content)
        self.reached.set()
        await self.gate.wait()
        self.fail("data")
        for reply in self.replies:
            yield reply
        self.fail("after data")
        self.finished += 1

    async def abandon(self) -> None:
        self.abandoned += 1
        self.reached.set()
        self.fail("abandon")


class Client:
    """Speaks SMTP by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *lines: bytes) -> None:
        self.writer.write(b"".join(line + b"\r\n" for line in lines))
        await self.writer.drain()

    async def hear(self) -> bytes:
        """The last line of the next reply; empty at the end."""
        async with asyncio.timeout(5):
            while (line := await self.reader.readline())[3:4] == b"-":
                pass
        return line.rstrip(b"\r\n")

    async def ask(self, *lines: bytes) -> list[bytes]:
        """Say lines in one piece and hear one reply for each."""
        await self.say(*lines)
        return [await self.hear() for _ in lines]

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return


@dataclass
class House:
    """Servers and clients that are put away after the test."""

    servers: list[Server] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    async def open(self, receiver: Any, address: Any = ("127.0.0.1", 0), **listener: Any) -> Any:
        """Start a server; the address that it has."""
        listener.setdefault("relay_from", LOOPBACK)
        server = Server(Listener("test", "guard.example", **listener), receiver)
        if isinstance(address, tuple):
            sock = socket.create_server(address)
        else:
            sock = socket.socket(socket.AF_UNIX)
            sock.bind(address)
        where = sock.getsockname()
        await server.start([sock])
        self.servers.append(server)
        return where

    async def visit(self, where: Any, greeting: bytes | None = b"EHLO c") -> Client:
        """A client that has heard the banner, and the reply to its greeting."""
        if isinstance(where, tuple):
            reader, writer = await asyncio.open_connection(*where)
        else:
            reader, writer = await asyncio.open_unix_connection(where)
        client = Client(reader, writer)
        self.clients.append(client)
        if greeting is not None:
            assert (await client.hear()).startswith(b"220 ")
            await client.ask(greeting)
        return client


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    for client in house.clients:
        await client.close()
    for server in house.servers:
        await server.drain(1)


@pytest.fixture
def box() -> Callable[..., Box]:
    return Box


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Upstairs:
    """A server that is played by a script, one call per connection."""

    port: int
    calls: int = 0


@pytest.fixture
async def upstairs() -> AsyncIterator[Callable[[Script], Awaitable[Upstairs]]]:
    servers, writers = [], []

    async def open_(script: Script) -> Upstairs:
        there = Upstairs(0)

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there.calls += 1
            writers.append(writer)
            await script(reader, writer)

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        servers.append(server)
        there.port = server.sockets[0].getsockname()[1]
        return there

    yield open_
    for server in servers:
        server.close()
    for writer in writers:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            continue


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The banner, and what is offered; a script goes on after it."""
    writer.write(b"220 up\r\n")
    await reader.readline()
    writer.write(OFFERS)


class Polite:
    """A sink that does everything right, and counts."""

    def __init__(self, ehlo: bytes = OFFERS) -> None:
        self.ehlo = ehlo
        self.heard: list[bytes] = []
        self.context: ssl.SSLContext | None = None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 up ESMTP\r\n")
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                self.heard.append(line.strip())
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(self.ehlo)
                elif verb == b"DATA":
                    writer.write(b"354 go\r\n")
                    while await reader.readline() != b".\r\n":
                        pass
                    writer.write(b"250 2.0.0 Taken\r\n")
                elif verb == b"STAR":
                    writer.write(b"220 go\r\n")
                    assert self.context is not None
                    try:
                        await writer.start_tls(self.context)
                    except (ssl.SSLError, ConnectionError):
                        return
                elif verb == b"AUTH":
                    good = line.split()[2] == b"AG1lAHNlY3JldA=="
                    writer.write(b"235 2.7.0 Ok\r\n" if good else b"535 5.7.8 No\r\n")
                elif verb == b"QUIT":
                    writer.write(b"221 Bye\r\n")
                    writer.close()
                    return
                else:
                    writer.write(b"250 2.0.0 Ok\r\n")

    def count(self, verb: bytes) -> int:
        return sum(line.startswith(verb) for line in self.heard)


@pytest.fixture
def sink() -> type[Polite]:
    return Polite


@pytest.fixture
async def upstream() -> AsyncIterator[Callable[..., Upstream]]:
    made = []

    def make(**settings: Any) -> Upstream:
        made.append(Upstream(Onward("guard.example", **settings)))
        return made[-1]

    yield make
    for one in made:
        await one.close()
    await asyncio.sleep(0)


async def send(up: Upstream) -> bytes:
    """A mail to one; the reply after its dot."""
    delivery = await up.begin(Session())
    burst = await delivery.burst(MAIL, [RCPT], b"x\r\n")
    await delivery.release()
    return burst.final.octets

"""Over real sockets, observed and in the clear: only our trace is added, whatever the mail is."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from smtpguard import log
from smtpguard.inspector import Inspector
from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.person import Person
from smtpguard.policy.match import Matcher
from smtpguard.policy.policy import Policy
from smtpguard.policy.stream import Match, Mode
from smtpguard.proxy.proxy import House, Proxy
from smtpguard.proxy.regime import Regime
from smtpguard.smtp.server import Server
from smtpguard.smtp.settings import Limits, Listener, Onward
from smtpguard.smtp.upstream import Upstream
from tests.corpora.test_corpora import STREAM

LOOPBACK = (ip_network("127.0.0.0/8"),)
END = b"\r\n.\r\n"
TAKEN = b"250 2.0.0 taken\r\n"
TRACE = re.compile(rb"Received: from c \(\[127\.0\.0\.1\]\)\r\n(\t[^\r\n]+\r\n){2,3}")


class Sink:
    """Takes everything, and keeps it as it came over the wire."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.sessions: list[asyncio.Task[None] | None] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions.append(asyncio.current_task())
        writer.write(b"220 sink ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-sink\r\n250-PIPELINING\r\n250-SIZE 0\r\n250 8BITMIME\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go\r\n")
                self.taken.append((await reader.readuntil(END))[: -len(END) + 2])
                writer.write(TAKEN)
            else:
                writer.write(b"250 2.0.0 ok\r\n")
        writer.close()
        await writer.wait_closed()


class Register:
    """A store in which nobody has left."""

    async def look_up(self, controller: str, addresses: Sequence[Address]) -> list[Person]:
        return [Person()] * len(addresses)

    async def close(self) -> None:
        pass


class Hop:
    """Client, guard and sink in one place."""

    def __init__(self, sink: Sink, where: tuple[str, int]) -> None:
        self.sink = sink
        self.where = where

    async def send(self, messages: Sequence[bytes]) -> list[bytes]:
        """All in one session; the reply to each."""
        reader, writer = await asyncio.open_connection(*self.where)

        async def hear() -> bytes:
            while (line := await reader.readline())[3:4] == b"-":
                pass
            return line

        async def ask(octets: bytes) -> bytes:
            writer.write(octets)
            await writer.drain()
            return await hear()

        answers = []
        await hear()
        await ask(b"EHLO c\r\n")
        for message in messages:
            await ask(b"MAIL FROM:<bounce@acme.fr>\r\n")
            await ask(b"RCPT TO:<reader@client.fr>\r\n")
            await ask(b"DATA\r\n")
            answers.append(await ask(stuffed(message) + b".\r\n"))
        writer.close()
        await writer.wait_closed()
        return answers


def stuffed(content: bytes) -> bytes:
    """RFC 5321 §4.5.2."""
    return re.sub(rb"^\.", b"..", content, flags=re.MULTILINE)


def unstuffed(content: bytes) -> bytes:
    return re.sub(rb"^\.", b"", content, flags=re.MULTILINE)


@pytest.fixture
async def hop() -> AsyncIterator[Hop]:
    log.configure(level="error")
    sink = Sink()
    upstairs = await asyncio.start_server(sink, "127.0.0.1", 0, limit=2**24)
    port = upstairs.sockets[0].getsockname()[1]
    policy = Policy("v1", streams=(replace(STREAM, mode=Mode.OBSERVE, match=Match()),))
    ring = Keyring((ReferenceKey("k1", b"r" * 32),), (LinkKey(1, b"l" * 64),))
    store: Any = Register()
    proxy = Proxy(
        House("guard.acme.fr", "0a1b2c3d"),
        Regime(policy, Matcher(policy), {}, ring),
        upstream=Upstream(Onward("guard.acme.fr", port=port)),
        store=store,
        journal=None,
        inspector=Inspector(30),
    )
    limits = Limits(junk=10_000)
    listener = Listener("smtp", "guard.acme.fr", relay_from=LOOPBACK, limits=limits)
    server = Server(listener, proxy)
    sock = socket.create_server(("127.0.0.1", 0))
    await server.start([sock])
    yield Hop(sink, sock.getsockname())
    await server.drain(5)
    await proxy.close()
    upstairs.close()
    await asyncio.gather(*filter(None, sink.sessions))
    log.configure()


async def test_only_the_trace_is_added(corpus: Mapping[str, bytes], hop: Hop) -> None:
    replies = await hop.send(list(corpus.values()))
    refused = [f"{name}: {r!r}" for name, r in zip(corpus, replies, strict=True) if r != TAKEN]
    assert not refused, "\n".join(refused)
    changed = []
    for (name, raw), taken in zip(corpus.items(), hop.sink.taken, strict=True):
        came = unstuffed(taken)
        trace = came[: len(came) - len(raw)]
        if not came.endswith(raw) or not TRACE.fullmatch(trace):
            changed.append(f"{name}: {trace!r}")
    assert not changed, "\n".join(changed)

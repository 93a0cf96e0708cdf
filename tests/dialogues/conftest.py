"""Plays written dialogues between a client (C), the server (S), and the upstream (U).

``G`` is what the guard says to the upstream. Lines of one speaker that follow each other are sent
in one piece. ``\\r``, ``\\n``, ``\\0``, ``\\xNN`` and ``\\\\`` are octets; a line that ends in a
single backslash is sent without CRLF. ``...`` stands for anything. ``(closes)`` and, for C,
``(half-closes)`` end a connection. ``@`` lines before the dialogue arrange it: ``@ lmtp``,
``@ upstream KEYWORD, KEYWORD ...`` (what it offers after EHLO), ``@ NAME=NUMBER`` (a limit or a
deadline of the server or the upstream), ``@ stray=normalise``, ``@ relay_from=NETWORK``,
``@ xforward``; ``@ greeted`` leaves out banner and EHLO. ``@ auth`` offers AUTH on this loopback
address, ``@ auth=tls`` over TLS only, ``@ auth=required`` where all mail must come over TLS; users
and their passwords are in ``USERS``. Another receiver than the plain relay below can be put in by
the fixture ``receiver``.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Parameter, Recipient, Session
from smtpguard.reply import Reply
from smtpguard.smtp.auth import Auth
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.receiver import Receiver, Transaction
from smtpguard.smtp.server import Server
from smtpguard.smtp.settings import Deadlines, Limits, Listener, Onward, Stray
from smtpguard.smtp.upstream import Delivery, Upstream, UpstreamUnavailable
from smtpguard.smtp.users import Hash, Users

HOST = "guard.example"
PATIENCE = 5.0
USERS = Users({name: Hash.new("correct horse", (10, 1, 1)) for name in ("crm", "boss")})


def path(verb: bytes, address: Address | None, parameters: tuple[Parameter, ...]) -> bytes:
    mailbox = b"" if address is None else bytes(address)
    return b" ".join([verb + b"<" + mailbox + b">", *(bytes(p) for p in parameters)])


@dataclass
class Relay:
    """A receiver that passes everything on as it comes."""

    upstream: Upstream

    async def capabilities(self) -> Capabilities:
        return await self.upstream.capabilities()

    async def mail(
        self, session: Session, sender: Address | None, parameters: tuple[Parameter, ...]
    ) -> Transaction | Reply | bytes:
        argument = path(b"FROM:", sender, parameters)
        try:
            delivery = await self.upstream.begin(session)
        except UpstreamUnavailable as unavailable:
            return unavailable.reply
        if session.protocol == "LMTP":
            return Gathered(delivery, argument)
        reply = await delivery.mail(argument)
        if reply.accepted:
            return Passed(delivery)
        await delivery.release()
        return reply.octets


@dataclass
class Passed:
    """Each recipient asked as it comes."""

    delivery: Delivery

    async def rcpt(self, recipient: Recipient) -> bytes:
        argument = path(b"TO:", recipient.address, recipient.parameters)
        return (await self.delivery.rcpt(argument)).octets

    async def data(self, content: bytes) -> AsyncIterator[bytes]:
        reply = await self.delivery.data(content)
        await self.delivery.release()
        yield reply.octets

    async def abandon(self) -> None:
        await self.delivery.release()


@dataclass
class Gathered:
    """All recipients in one burst after the dot."""

    delivery: Delivery
    sender: bytes
    recipients: list[bytes] = field(default_factory=list)

    async def rcpt(self, recipient: Recipient) -> bytes:
        self.recipients.append(path(b"TO:", recipient.address, recipient.parameters))
        return b"250 2.1.5 Ok\r\n"

    async def data(self, content: bytes) -> AsyncIterator[bytes]:
        burst = await self.delivery.burst(self.sender, self.recipients, content)
        await self.delivery.release()
        for answer in burst.rcpts:
            yield (burst.final if answer.accepted else answer).octets

    async def abandon(self) -> None:
        await self.delivery.release()


@dataclass
class Line:
    """One line of a dialogue."""

    number: int
    speaker: str
    octets: bytes


@dataclass
class Dialogue:
    """A file: its law, what it arranges, and who says what."""

    law: str
    settings: list[str]
    lines: list[Line]

    @classmethod
    def read(cls, file: Path) -> Dialogue:
        law, *rest = file.read_text().splitlines()
        assert law.startswith("# "), f"{file}: the first line is the law"
        settings, lines = [], []
        for number, text in enumerate(rest, 2):
            if text.startswith("@ "):
                settings.append(text[2:].strip())
            elif text and not text.startswith("#"):
                speaker, colon, said = text.partition(":")
                assert speaker + colon in ("C:", "S:", "G:", "U:"), f"{file}:{number}: {text}"
                lines.append(Line(number, speaker, octets(said[1:])))
        return cls(law[2:], settings, lines)


def octets(said: str) -> bytes:
    """A line as written -> as sent."""
    open_ended = re.search(r"(?<!\\)(?:\\\\)*\\$", said)
    said = said[:-1] if open_ended else said
    escapes = {"r": b"\r", "n": b"\n", "0": b"\0", "\\": b"\\"}

    def octet(match: re.Match[bytes]) -> bytes:
        code = match[1].decode()
        return bytes.fromhex(code[1:]) if code[0] == "x" else escapes[code]

    raw = re.sub(rb"\\(x[0-9a-f]{2}|[rn0\\])", octet, said.encode())
    return raw if open_ended else raw + b"\r\n"


class Peer:
    """One end of a connection that a dialogue plays."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, said: bytes) -> None:
        if said == b"(closes)\r\n":
            self.writer.close()
        elif said == b"(half-closes)\r\n":
            self.writer.write_eof()
        else:
            self.writer.write(said)

    async def hear(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readline() or b"(closes)\r\n"


@dataclass
class Stage:
    """Everything a dialogue needs, running."""

    address: tuple[str, int]
    offers: list[str]
    callers: asyncio.Queue[Peer]
    server: Server
    upstream: Upstream
    client: Peer | None = None
    called: Peer | None = None
    peers: list[Peer] = field(default_factory=list)

    async def peer(self, speaker: str) -> Peer:
        if speaker in "CS":
            if self.client is None:
                self.client = Peer(*await asyncio.open_connection(*self.address))
                self.peers.append(self.client)
            return self.client
        if self.called is None or (speaker == "G" and self.called.writer.is_closing()):
            async with asyncio.timeout(PATIENCE):
                self.called = await self.callers.get()
        return self.called

    async def play(self, dialogue: Dialogue) -> None:
        if "greeted" in dialogue.settings:
            client = await self.peer("C")
            await client.hear()
            await client.say(b"LHLO c\r\n" if "lmtp" in dialogue.settings else b"EHLO c\r\n")
            while (await client.hear())[3:4] == b"-":
                pass
        for line in dialogue.lines:
            peer = await self.peer(line.speaker)
            if line.speaker in "CU":
                await peer.say(line.octets)
                continue
            heard = await peer.hear()
            wanted = re.escape(line.octets).replace(rb"\.\.\.", b".*")
            assert re.fullmatch(wanted, heard, re.DOTALL), (
                f"line {line.number}: {dialogue.law}\nwanted {line.octets!r}\n heard {heard!r}"
            )

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The upstream's side of banner and EHLO, which no dialogue repeats."""
        caller = Peer(reader, writer)
        self.peers.append(caller)
        writer.write(b"220 up.example ESMTP\r\n")
        assert (await reader.readline()).upper().startswith(b"EHLO ")
        *head, last = ["up.example", *self.offers]
        lines = [*(f"250-{word}\r\n" for word in head), f"250 {last}\r\n"]
        writer.write("".join(lines).encode())
        self.callers.put_nowait(caller)


def arranged(settings: list[str]) -> tuple[Listener, Onward, list[str]]:
    """``@`` lines -> the server's settings, the upstream's, and what it offers."""
    listener = Listener("test", HOST, relay_from=(ip_network("127.0.0.0/8"),))
    onward = Onward(HOST)
    offers = ["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 1000000"]
    for setting in settings:
        name, equals, value = setting.partition("=")
        if setting == "lmtp":
            listener = replace(listener, lmtp=True)
        elif setting == "greeted":
            continue
        elif setting == "xforward":
            listener = replace(listener, xforward_from=listener.relay_from)
        elif name == "auth":
            auth = Auth(USERS, trusted=("boss",), without_tls=not equals, delay=0)
            listener = replace(listener, auth=auth, tls_required=value == "required")
        elif setting.partition(" ")[0] == "upstream":
            offers = [word.strip() for word in setting[8:].split(",") if word.strip()]
        elif name == "stray":
            listener = replace(listener, stray=Stray(value))
        elif name == "relay_from":
            listener = replace(listener, relay_from=(ip_network(value),))
        elif equals and name.startswith("upstream_"):
            onward = replace(onward, **_number(Onward, name[9:], value))
        elif equals and name.startswith("wait_"):
            deadlines = replace(listener.deadlines, **_number(Deadlines, name[5:], value))
            listener = replace(listener, deadlines=deadlines)
        else:
            limits = replace(listener.limits, **_number(Limits, name, value))
            listener = replace(listener, limits=limits)
    return listener, onward, offers


def _number(of: type, name: str, value: str) -> dict[str, Any]:
    kind = {f.name: f.type for f in fields(of)}[name]
    return {name: int(value) if kind == "int" else float(value)}


@pytest.fixture
def receiver() -> Callable[[Upstream], Receiver]:
    return Relay


@pytest.fixture
def stage(receiver: Callable[[Upstream], Receiver]) -> Callable[[Dialogue], Any]:
    """Play one dialogue from beginning to end."""

    async def play(dialogue: Dialogue) -> None:
        listener, onward, offers = arranged(dialogue.settings)
        callers: asyncio.Queue[Peer] = asyncio.Queue()
        scene = Stage(("", 0), offers, callers, None, None)  # type: ignore[arg-type]
        behind = await asyncio.start_server(scene.greet, "127.0.0.1", 0)
        onward = replace(onward, port=behind.sockets[0].getsockname()[1])
        scene.upstream = Upstream(onward)
        scene.server = Server(listener, receiver(scene.upstream))
        front = socket.create_server(("127.0.0.1", 0))
        scene.address = front.getsockname()
        await scene.server.start([front])
        try:
            await scene.play(dialogue)
        finally:
            for peer in scene.peers:
                peer.writer.close()
            await scene.server.drain(PATIENCE)
            await scene.upstream.close()
            behind.close()
            for peer in scene.peers:
                with contextlib.suppress(ConnectionError):
                    await peer.writer.wait_closed()

    return play


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "dialogue" in metafunc.fixturenames:
        files = sorted(Path(__file__).parent.glob("*.smtp"))
        dialogues = [Dialogue.read(file) for file in files]
        metafunc.parametrize("dialogue", dialogues, ids=[file.stem for file in files])

"""A proxy between a client that the test plays and an upstream that remembers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from smtpguard import log
from smtpguard.edit.fix import Change
from smtpguard.inspector import Inspector
from smtpguard.journal.journal import Journal
from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Parameter, Recipient, Session
from smtpguard.person import Person
from smtpguard.policy.controller import Brand, Controller, Unsubscribe
from smtpguard.policy.match import Matcher
from smtpguard.policy.policy import Policy
from smtpguard.policy.stream import Action, Asked, Kind, Match, Mode, Stream
from smtpguard.proxy.proxy import House, Proxy
from smtpguard.proxy.regime import Regime
from smtpguard.reply import Reply
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.delivery import Burst
from smtpguard.smtp.wire import UpstreamReply, UpstreamUnavailable
from smtpguard.store.errors import StoreSilent

OK = UpstreamReply(b"250 2.0.0 Ok: queued as 4F2\r\n")
ACME = Controller("acme", "Acme SAS", "12 rue des Lilas, 69003 Lyon", rights_contact="dpo@acme.fr")
BRAND = Brand(
    "acme",
    ("Acme",),
    frozenset({"acme.fr"}),
    unsubscribe=Unsubscribe("https://u.acme.fr", "unsubscribe@acme.fr"),
    languages=("fr",),
)


def asked(action: Action, *rules: str) -> dict[str, Asked]:
    return {rule: Asked(action, "test") for rule in rules}


NEWS = Stream(
    "news",
    ACME,
    BRAND,
    Kind.MARKETING,
    Match(from_domain="acme.fr"),
    owner="marketing@acme.fr",
    mode=Mode.ENFORCE,
    edits=Change.BODY,
    rules=asked(
        Action.FIX_OR_REJECT,
        "missing-unsubscribe-link",
        "missing-list-unsubscribe",
        "missing-one-click",
    ),
)
HEADER = (
    b"From: Acme <news@acme.fr>\r\nTo: a@client.fr\r\nSubject: Nouvelles\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@acme.fr>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
)
NEWSLETTER = HEADER + b"\r\nBonjour, nos prix du mois.\r\n\r\nAcme SAS\r\n"


@dataclass
class Upstream:
    """The next hop: says what it is told to say, and remembers what it heard."""

    offered: Capabilities = Capabilities(size=0, eightbitmime=True, dsn=True, pipelining=True)
    mail: UpstreamReply = OK
    rcpts: dict[bytes, UpstreamReply] = field(default_factory=dict)
    final: UpstreamReply = OK
    down: bool = False
    heard: list[tuple[bytes, list[bytes], bytes]] = field(default_factory=list)
    released: int = 0
    leased: int = 0

    async def capabilities(self) -> Capabilities:
        return self.offered

    async def begin(self, session: Session, seconds: float | None = None) -> Delivery:
        if self.down:
            raise UpstreamUnavailable(Reply(451, "4.1", ("The upstream is down.",)))
        self.leased += 1
        return Delivery(self)

    async def close(self) -> None:
        pass


@dataclass
class Delivery:
    upstream: Upstream
    sender: bytes = b""
    accepted: list[bytes] = field(default_factory=list)
    gone: bool = False

    @property
    def capabilities(self) -> Capabilities:
        return self.upstream.offered

    async def mail(self, argument: bytes, deadline: float | None = None) -> UpstreamReply:
        self.sender = argument
        return self.upstream.mail

    async def rcpt(self, argument: bytes, deadline: float | None = None) -> UpstreamReply:
        reply = self.upstream.rcpts.get(argument.split(b" ")[0], OK)
        if reply.accepted:
            self.accepted.append(argument)
        return reply

    async def data(self, content: bytes, deadline: float | None = None) -> UpstreamReply:
        self.upstream.heard.append((self.sender, self.accepted, content))
        return self.upstream.final

    async def burst(
        self, mail: bytes, rcpts: Sequence[bytes], content: bytes, deadline: float | None = None
    ) -> Burst:
        reply = await self.mail(mail)
        if not reply.accepted:
            return Burst(reply, (reply,) * len(rcpts), reply)
        replies = tuple([await self.rcpt(rcpt) for rcpt in rcpts])
        if not self.accepted:
            return Burst(reply, replies, replies[-1])
        return Burst(reply, replies, await self.data(content))

    async def release(self) -> None:
        if not self.gone:
            self.gone = True
            self.upstream.released += 1


@dataclass
class Store:
    """What is known, and what was changed, in order."""

    people: dict[str, Person] = field(default_factory=dict)
    silent: bool = False
    asked: int = 0
    events: list[tuple[str, str]] = field(default_factory=list)

    async def look_up(self, controller: str, addresses: Sequence[Address]) -> list[Person]:
        self.asked += 1
        if self.silent:
            raise StoreSilent("no answer")
        return [self.people.get(address.key, Person()) for address in addresses]

    async def reserve(self, controller: str, address: Address, token: str, notice: str) -> bool:
        self.events.append(("reserve", address.key))
        return True

    async def commit(self, controller: str, address: Address, token: str) -> bool:
        self.events.append(("commit", address.key))
        return True

    async def roll_back(self, controller: str, address: Address, token: str) -> bool:
        self.events.append(("roll back", address.key))
        return True

    async def ask(self, commands: Sequence[bytes]) -> list[Any]:
        raise StoreSilent("nobody shares what this worker counts")

    async def close(self) -> None:
        pass


class Bench:
    """Everything around one proxy."""

    def __init__(self, directory: Path) -> None:
        self.upstream = Upstream()
        self.store = Store()
        self.journal = Journal(directory / "decisions.jsonl", rotate_size=10**6, keep=1)
        self.ring = Keyring((ReferenceKey("k1", b"r" * 32),), (LinkKey(1, b"l" * 64),))
        self.streams: tuple[Stream, ...] = (NEWS,)
        self.default_refuses = False
        self.trusted = True
        self.now = 1_800_000_000.0
        self._proxy: Proxy | None = None

    @property
    def proxy(self) -> Proxy:
        if self._proxy is None:
            upstream: Any = self.upstream
            store: Any = self.store
            self._proxy = Proxy(
                House("guard.acme.fr", "0a1b2c3d"),
                self.regime(),
                upstream=upstream,
                store=store,
                journal=self.journal,
                inspector=Inspector(5),
                clock=lambda: self.now,
            )
        return self._proxy

    def regime(self) -> Regime:
        policy = Policy("v1", streams=self.streams, default_refuses=self.default_refuses)
        return Regime(policy, Matcher(policy), {}, self.ring)

    def change(self, **fields: Any) -> None:
        """Ask something else of the only stream."""
        self.streams = (replace(self.streams[0], **fields),)

    async def settled(self) -> None:
        """Wait for what the proxy has yet to write."""
        await self.proxy.close()

    async def send(
        self,
        content: bytes,
        *recipients: str,
        protocol: str = "ESMTP",
        sender: str = "bounce@acme.fr",
        parameters: tuple[Parameter, ...] = (),
    ) -> list[bytes]:
        """A whole transaction: the replies to each RCPT, then those after the dot."""
        session = Session("smtp", protocol, "127.0.0.1", "mta", trusted=self.trusted)
        begun = await self.proxy.mail(session, Address.parse(sender.encode()), parameters)
        if isinstance(begun, Reply):
            return [bytes(begun)]
        replies = []
        for word in recipients:
            address = Address.parse(word.encode())
            assert address is not None
            replies.append(await begun.rcpt(Recipient(address)))
        if any(reply.startswith(b"2") for reply in replies):
            replies += [reply async for reply in begun.data(content)]
        else:
            await begun.abandon()
        return replies

    def journalled(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.path.read_text().splitlines()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    log.configure(level="error")
    made = Bench(tmp_path)
    yield made
    made.journal.close()
    log.configure()

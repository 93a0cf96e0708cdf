"""A feedback listener over a real store, between a client that the test plays and an upstream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from smtpguard import log
from smtpguard.feedback.desk import Desk
from smtpguard.feedback.receiver import Feedback
from smtpguard.journal.journal import Journal
from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Recipient, Session
from smtpguard.person import Suppression
from smtpguard.policy.controller import Bounces, Brand, Controller, Unsubscribe
from smtpguard.policy.controller import Feedback as Returning
from smtpguard.policy.policy import Policy
from smtpguard.policy.stream import Kind, Stream
from smtpguard.proxy.proxy import House
from smtpguard.reply import Reply
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.delivery import Burst
from smtpguard.smtp.wire import UpstreamReply, UpstreamUnavailable
from smtpguard.store.embedded import Embedded
from smtpguard.store.greeting import Founding
from smtpguard.store.returns import Returns, Sent
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from smtpguard.unsubscribe.link import Ticket, seal
from tests.valkey import empty, running

RING = Keyring((ReferenceKey("k1", b"r" * 32),), (LinkKey(1, b"l" * 64),))
NOW = 1_800_000_000
ACME = Controller(
    "acme",
    "Acme SAS",
    feedback=Returning(
        ("bounces@acme.fr",), ("abuse@acme.fr",), ("news@acme.fr",), "postmaster@acme.fr"
    ),
)
BETA = Controller("beta", "Beta SpA")
NEWS = Stream(
    "news",
    ACME,
    Brand(
        "acme",
        ("Acme",),
        unsubscribe=Unsubscribe("https://u.acme.fr", "unsubscribe@acme.fr"),
        bounces=Bounces(hard=1, soft=3, window=86_400),
    ),
    Kind.MARKETING,
)
OFFERS = Stream(
    "offers",
    BETA,
    Brand("beta", ("Beta",), unsubscribe=Unsubscribe("", "leave@beta.it")),
    Kind.MARKETING,
)
OK = UpstreamReply(b"250 2.0.0 Ok: queued as 4F2\r\n")


def address(text: str) -> Address:
    parsed = Address.parse(text.encode())
    assert parsed is not None
    return parsed


def token(reader: str = "reader@client.fr", at: int = NOW - 60, ring: Keyring = RING) -> str:
    """The token in that reader's newsletter."""
    return seal(ring, Ticket("acme", "acme", "news", reader.encode(), at))


@dataclass
class Upstream:
    """The next hop: says what it is told to say, and remembers what it heard."""

    offered: Capabilities = Capabilities(size=0, eightbitmime=True, dsn=True)
    final: UpstreamReply = OK
    down: bool = False
    heard: list[tuple[bytes, list[bytes], bytes]] = field(default_factory=list)
    released: int = 0

    async def capabilities(self) -> Capabilities:
        return self.offered

    async def begin(self, session: Session, seconds: float | None = None) -> Delivery:
        if self.down:
            raise UpstreamUnavailable(Reply(451, "4.1", ("The upstream is down.",)))
        return Delivery(self)


@dataclass
class Delivery:
    upstream: Upstream

    @property
    def capabilities(self) -> Capabilities:
        return self.upstream.offered

    async def burst(
        self, mail: bytes, rcpts: Sequence[bytes], content: bytes, deadline: float
    ) -> Burst:
        if self.upstream.final.accepted:
            self.upstream.heard.append((mail, list(rcpts), content))
        return Burst(OK, (OK,) * len(rcpts), self.upstream.final)

    async def release(self) -> None:
        self.upstream.released += 1


class Bench:
    """Everything around one feedback listener."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.store = store
        self.upstream = Upstream()
        self.journal = Journal(directory / "decisions.jsonl", rotate_size=10**6, keep=1)
        self.now = NOW
        policy = Policy("v1", {"acme": ACME, "beta": BETA}, (NEWS, OFFERS))
        upstream: Any = self.upstream
        self.feedback = Feedback(
            House("guard.acme.fr", "0a1b2c3d"),
            Desk(policy, RING),
            upstream=upstream,
            store=store,
            journal=self.journal,
            clock=lambda: self.now,
        )

    async def send(
        self,
        mail: bytes | str,
        *recipients: str,
        sender: str = "reader@client.fr",
        protocol: str = "ESMTP",
    ) -> list[str]:
        """A whole transaction: the replies to each RCPT, then those after the dot."""
        session = Session("feedback", protocol, "127.0.0.1", "mx.acme.fr")
        begun = await self.feedback.mail(session, address(sender) if sender else None, ())
        replies = [
            await begun.rcpt(Recipient(address(word))) for word in recipients or ("news@acme.fr",)
        ]
        if any(reply.startswith(b"2") for reply in replies):
            octets = mail if isinstance(mail, bytes) else mail.encode().replace(b"\n", b"\r\n")
            replies += [reply async for reply in begun.data(octets)]
        return [reply.decode().strip() for reply in replies]

    async def sent(self, message_id: str, *readers: str) -> None:
        """The guard sent a newsletter under this Message-ID to these people."""
        people = [(address(reader), Sent(NOW - 60, "acme", "news")) for reader in readers]
        await Returns(self.store).mark("acme", message_id, people)

    async def left(self, who: str = "reader@client.fr") -> list[str]:
        """What stands against writing to somebody."""
        return [f"{s.reason} {s.scope} by {s.channel}" for s in await self.standing(who)]

    async def standing(self, who: str) -> tuple[Suppression, ...]:
        (person,) = await self.store.look_up("acme", [address(who)])
        return person.suppressions

    def passed_on(self) -> list[bytes]:
        """What the operator got."""
        assert all(rcpts == [b"TO:<postmaster@acme.fr>"] for _, rcpts, _ in self.upstream.heard)
        return [content for _, _, content in self.upstream.heard]

    def journalled(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.path.read_text().splitlines()]


@pytest.fixture(scope="session")
def server() -> Iterator[Embedded]:
    with running() as one:
        yield one


@pytest.fixture
async def store(server: Embedded, tmp_path: Path) -> AsyncIterator[Store]:
    empty(server)
    opened = await Store.open(
        Settings(tmp_path, url=f"unix://{server.socket}", blip=0.2, deadline=1.0),
        RING,
        lambda _: None,
        founding=Founding.ALWAYS,
    )
    yield opened
    await opened.close()


@pytest.fixture
async def bench(store: Store, tmp_path: Path) -> AsyncIterator[Bench]:
    log.configure(level="error")
    made = Bench(store, tmp_path)
    yield made
    made.journal.close()
    log.configure()

"""Workers of one guard over a real store, and an upstream that remembers what it got."""

from __future__ import annotations

import email
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from smtpguard import log
from smtpguard.digest.watch import Watch
from smtpguard.edit.fix import Change
from smtpguard.inspector import Inspector
from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Recipient, Session
from smtpguard.policy.controller import Feedback, Webhook
from smtpguard.policy.match import Matcher
from smtpguard.policy.policy import Policy
from smtpguard.policy.stream import Stream
from smtpguard.proxy.proxy import House, Proxy
from smtpguard.proxy.regime import Regime
from smtpguard.reply import Reply
from smtpguard.store.embedded import Embedded
from smtpguard.store.greeting import Founding
from smtpguard.store.outbox import HOOKS, LETTERS, Box, Event, Outbox
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from smtpguard.store.troubles import Pace
from tests.proxy.conftest import ACME, BRAND, NEWS, Upstream
from tests.valkey import empty, running

RING = Keyring((ReferenceKey("k1", b"r" * 32),), (LinkKey(1, b"l" * 64),))
EVENTS = ("digest.begun", "digest.lasts", "digest.ended")
COMPANY = replace(
    ACME,
    feedback=Feedback(operator="postmaster@acme.fr"),
    webhooks=(Webhook("https://crm.example", "file:a", EVENTS),),
)
STREAM = replace(
    NEWS,
    controller=COMPANY,
    brand=replace(BRAND, languages=("en",)),
    edits=Change.NONE,
    pause_after=3,
    pause_window=600,
)
PACE = Pace(spacing=3600, settle=60, quiet=300, again=86_400)
BAD = b"From: Acme <news@acme.fr>\r\nSubject: Prix\r\n\r\nBonjour, voici nos prix.\r\n"


class Guard:
    """Some workers on some machines; ``now`` is their clock."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.upstream = Upstream()
        self.now = 1_795_000_000.0
        self.streams: tuple[Stream, ...] = (STREAM,)
        self.workers: list[Worker] = []

    def worker(self, store: Store | None = None) -> Worker:
        """One more."""
        one = Worker(self, store or self.store)
        self.workers.append(one)
        return one

    def regime(self) -> Regime:
        controllers = {stream.controller.name: stream.controller for stream in self.streams}
        policy = Policy("v1", controllers, self.streams)
        return Regime(policy, Matcher(policy), {}, RING)

    async def later(self, seconds: float = 60) -> None:
        """Time passes, and everybody looks."""
        self.now += seconds
        for _ in range(2):  # who is asked last may be who tells
            for one in self.workers:
                await one.watch.round()

    def letters(self) -> list[EmailMessage]:
        """What the upstream took from nobody."""
        parser = email.message_from_bytes
        sent = [content for sender, _, content in self.upstream.heard if b"FROM:<>" in sender]
        return [parser(content, policy=default) for content in sent]

    def to(self) -> list[bytes]:
        """Who was told, in order."""
        return [
            rcpt.removeprefix(b"TO:")
            for sender, rcpts, _ in self.upstream.heard
            if b"FROM:<>" in sender
            for rcpt in rcpts
        ]

    async def hooks(self) -> list[Event]:
        """What a webhook will say."""
        return [job.event for job in await self.box(HOOKS).listed(dead=False)]

    def box(self, box: Box = LETTERS) -> Outbox:
        return Outbox(self.store, RING, box)


class Worker:
    """One process that takes mail."""

    def __init__(self, guard: Guard, store: Store) -> None:
        upstream: Any = guard.upstream
        self.proxy = Proxy(
            House("guard.acme.fr", "0a1b2c3d", help_url="https://help.example"),
            guard.regime(),
            upstream=upstream,
            store=store,
            journal=None,
            inspector=Inspector(5),
            clock=lambda: guard.now,
        )
        self.watch = Watch(self.proxy, pace=PACE)

    async def send(self, content: bytes = BAD, times: int = 1) -> bytes:
        """The last reply to so many mails."""
        for _ in range(times):
            session = Session("smtp", "ESMTP", "127.0.0.1", "mta")
            begun = await self.proxy.mail(session, Address.parse(b"bounce@acme.fr"), ())
            assert not isinstance(begun, Reply)
            reader = Address.parse(b"reader@client.fr")
            assert reader is not None
            await begun.rcpt(Recipient(reader))
            (reply,) = [reply async for reply in begun.data(content)]
        return reply


@pytest.fixture(scope="session")
def server() -> Iterator[Embedded]:
    with running() as one:
        yield one


@pytest.fixture
async def store(server: Embedded, tmp_path: Path) -> AsyncIterator[Store]:
    settings = Settings(tmp_path, url=f"unix://{server.socket}", blip=0.0, deadline=0.5)
    empty(server)
    opened = await Store.open(settings, RING, lambda _: None, founding=Founding.ALWAYS)
    yield opened
    await opened.close()


@pytest.fixture
def guard(store: Store) -> Iterator[Guard]:
    log.configure(level="error")
    yield Guard(store)
    log.configure()

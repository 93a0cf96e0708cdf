"""What comes back by mail reaches the company's other systems, where they listen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smtpguard.feedback.desk import Desk
from smtpguard.keys import Keyring
from smtpguard.person import ConflictKind, Consent, Scope
from smtpguard.policy.controller import Webhook
from smtpguard.policy.policy import Policy
from smtpguard.store.consent import Consents
from smtpguard.store.counts import Counts
from smtpguard.store.errors import StoreSilent
from smtpguard.store.outbox import CONFLICT, CREATED, Event, Outbox
from smtpguard.store.returns import Returns
from smtpguard.unsubscribe.link import Ticket, seal
from tests.feedback.conftest import ACME, NEWS, NOW, RING, address, token

if TYPE_CHECKING:
    from tests.feedback.conftest import Bench

LISTENING = replace(ACME, webhooks=(Webhook("https://crm.example", "file:a", ()),))
STOP = "In-Reply-To: <n1@acme.fr>\nFrom: reader@client.fr\nSubject: Re: News\n\nSTOP\n"


def listen(bench: Bench, ring: Keyring = RING) -> None:
    policy = Policy("v2", {"acme": LISTENING}, (replace(NEWS, controller=LISTENING),))
    bench.feedback.desk = Desk(policy, ring)


async def told(bench: Bench) -> list[Event]:
    return [job.event for job in await Outbox(bench.store, RING).listed(dead=False)]


async def test_a_stop_is_told_once(bench: Bench) -> None:
    listen(bench)
    await bench.sent("n1@acme.fr", "reader@client.fr")
    for _ in range(2):
        assert (await bench.send(STOP))[-1].startswith("250")
    (event,) = await told(bench)
    assert event == {
        "type": "suppression.created",
        "controller": "acme",
        "brand": "acme",
        "stream": "",
        "reason": "objection",
        "channel": "reply",
        "at": bench.now,
        "recipient": "reader@client.fr",
    }


async def test_what_the_sender_said_is_told_back(bench: Bench) -> None:
    listen(bench)
    ticket = Ticket("acme", "acme", "news", b"reader@client.fr", NOW - 60, "4711", "autumn")
    sealed = seal(RING, ticket)
    mail = f"From: someone@else.fr\nSubject: unsubscribe {sealed}\n\n"
    assert (await bench.send(mail, "unsubscribe@acme.fr"))[-1].startswith("250")
    (event,) = await told(bench)
    assert (event["recipient_id"], event["campaign"]) == ("4711", "autumn")


@pytest.mark.parametrize("channel", ["mailto", "reply"])
async def test_a_mail_older_than_a_consent_suppresses_and_is_a_conflict(
    bench: Bench, channel: str
) -> None:
    listen(bench)
    reader = address("reader@client.fr")
    consent = Consent(Scope("acme", "news"), NOW - 20, "form 12")
    await Consents(bench.store).add("acme", [(reader, consent)])
    if channel == "reply":
        await bench.sent("n1@acme.fr", "reader@client.fr")
        sent = await Returns(bench.store).sent("acme", ["n1@acme.fr"], reader)
        assert sent is not None
        minted, mail, to = sent.at, STOP, "news@acme.fr"
    else:
        minted, to = NOW - 60, "unsubscribe@acme.fr"
        mail = f"From: reader@client.fr\nSubject: unsubscribe {token(at=minted)}\n\n"
    for _ in range(2):
        assert (await bench.send(mail, to))[-1].startswith("250")
    assert len(await bench.left()) == 1
    (conflict,) = (await Consents(bench.store).of("acme", reader)).conflicts
    assert (conflict.kind, conflict.epoch) == (ConflictKind.OLD_LINK, minted)
    assert {event["type"] for event in await told(bench)} == {CREATED, CONFLICT}
    counts = await Counts(bench.store).total()
    assert counts["conflict", "acme", "old-link"].count == 1
    measured = {name: one.count for name, one in counts.items() if name[0] == "delay"}
    assert [(name[1], count) for name, count in measured.items()] == [(channel, 1)]
    assert "conflict old-link" in bench.journalled()[0]["did"]


@pytest.mark.parametrize("ring", [None, Keyring(RING.references)])
async def test_nothing_is_put_out_where_nobody_listens_or_nothing_seals(
    bench: Bench, ring: Keyring | None
) -> None:
    if ring is not None:
        listen(bench, ring)
    await bench.sent("n1@acme.fr", "reader@client.fr")
    assert (await bench.send(STOP))[-1].startswith("250")
    assert await bench.left()
    assert await told(bench) == []


async def test_the_wish_stands_whether_they_hear_or_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_: object) -> None:
        raise StoreSilent("gone")

    listen(bench)
    monkeypatch.setattr(bench.store, "tell", silent)
    await bench.sent("n1@acme.fr", "reader@client.fr")
    assert (await bench.send(STOP))[-1].startswith("250")
    assert await bench.left() == ["objection brand:acme by reply"]

"""What comes back by mail reaches the company's other systems, where they listen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smtpguard.feedback.desk import Desk
from smtpguard.keys import Keyring
from smtpguard.policy.controller import Webhook
from smtpguard.policy.policy import Policy
from smtpguard.store.errors import StoreSilent
from smtpguard.store.outbox import Event, Outbox
from tests.feedback.conftest import ACME, NEWS, RING

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

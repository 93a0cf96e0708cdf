"""A link older than a consent: it suppresses all the same, and everybody concerned hears of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smtpguard import log
from smtpguard.mail.address import Address
from smtpguard.person import Conflict, ConflictKind, Consent, Reason, Scope
from smtpguard.store.consent import Consents
from smtpguard.store.counts import Counts
from smtpguard.store.outbox import CONFLICT, CREATED, LIFTED, Outbox
from smtpguard.unsubscribe.link import Ticket, seal
from smtpguard.web.hooks import Hook
from tests.web.conftest import NOW, RING

if TYPE_CHECKING:
    from tests.web.conftest import House

JO = Address(b"jo", b"reader.example")
NEWS = Scope("acme", "news")
MINTED, CONSENTED = NOW - 2000, NOW - 1000
OLD = Ticket("acme", "acme", "news", bytes(JO), MINTED, "4711", "autumn")
HOOK = Hook("acme", "https://crm.example/", b"s" * 32, frozenset({CREATED, LIFTED, CONFLICT}))


def link(ticket: Ticket = OLD) -> str:
    return "/u/" + seal(RING, ticket)


async def consent(house: House, given: int = CONSENTED, scope: Scope = NEWS) -> None:
    await Consents(house.desk.store).add("acme", [(JO, Consent(scope, given, "form 12"))])


async def conflicts(house: House) -> list[Conflict]:
    found = (await Consents(house.desk.store).of("acme", JO)).conflicts
    return [replace(one, recorded=0) for one in found]


async def told(house: House) -> list[dict[str, object]]:
    jobs = await Outbox(house.desk.store, RING).listed(dead=False)
    return [dict(job.event) for job in jobs]


@pytest.fixture
def listening(house: House) -> House:
    house.desk.site = replace(house.desk.site, hooks=(HOOK,))
    return house


async def test_one_click_of_an_old_link(
    listening: House, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    await consent(listening)
    for _ in range(3):
        answer = await listening.client.post(link())
        assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    assert await listening.wishes() == {("objection", "stream:news", "one-click")}
    assert await conflicts(listening) == [
        Conflict(ConflictKind.OLD_LINK, Reason.OBJECTION, NEWS, NOW, CONSENTED, MINTED, "one-click")
    ]
    assert await Counts(listening.desk.store).conflicts() == {("acme", "old-link"): 1}
    created, conflict = await told(listening)
    assert created["type"] == CREATED
    ids = {"recipient_id": "4711", "campaign": "autumn", "recipient": "jo@reader.example"}
    assert created.items() >= ids.items()
    recorded = conflict.pop("at")
    assert isinstance(recorded, int)
    assert conflict == {
        "type": "suppression.conflict",
        "controller": "acme",
        "brand": "acme",
        "stream": "news",
        "reason": "objection",
        "channel": "one-click",
        "kind": "old-link",
        "opted_out": NOW,
        "consented": CONSENTED,
        "link": MINTED,
        **ids,
    }
    out = capsys.readouterr().out
    assert "what=conflict, controller=acme, kind=old-link, scope=stream:news" in out
    assert "reader.example" not in out


async def test_a_link_of_after_the_consent_contradicts_nothing(listening: House) -> None:
    await consent(listening)
    await listening.client.post(link(replace(OLD, at=CONSENTED)))
    assert await conflicts(listening) == []
    assert [event["type"] for event in await told(listening)] == [CREATED]


@pytest.mark.parametrize(
    ("wish", "scope"), [("stream", NEWS), ("brand", Scope("acme")), ("all", Scope())]
)
async def test_what_follows_from_an_old_link_is_as_old(
    house: House, wish: str, scope: Scope
) -> None:
    await house.press(link(), leave="stream")
    answer = await house.client.post(link(), data={"leave": "stream"})
    receipt = "/" + answer.headers["location"].removeprefix("../")
    await house.press(receipt, undo="yes")
    await consent(house)
    await house.press(receipt, leave=wish)
    (conflict,) = await conflicts(house)
    assert (conflict.scope, conflict.epoch, conflict.channel) == (scope, MINTED, "page")


async def test_streams_switched_off_from_an_old_link(house: House) -> None:
    await consent(house, scope=Scope())
    found = re.search(r'href="\.\.(/p/[\w-]+)"', (await house.get(link())).text)
    assert found
    await house.press(found[1], shown=["news", "sparks"], on=[])
    assert {(one.scope, one.epoch, one.channel) for one in await conflicts(house)} == {
        (NEWS, MINTED, "preferences"),
        (Scope("bolt", "sparks"), MINTED, "preferences"),
    }


async def test_what_stays_off_on_the_preference_page_was_said_there(house: House) -> None:
    """Narrowed, a wish keeps its age; a consent of before that moment opens none of it."""
    house.now -= 900
    await house.press(link(), leave="all")
    house.now += 900
    found = re.search(r'href="\.\.(/p/[\w-]+)"', (await house.get(link())).text)
    assert found
    await house.press(found[1], shown=["news", "offers", "sparks"], on=["sparks"])
    await consent(house, NOW - 100)
    assert {scope for _, scope, _ in await house.wishes()} == {"stream:news", "stream:offers"}
    await consent(house, NOW + 1)
    assert {scope for _, scope, _ in await house.wishes()} == {"stream:offers"}


async def test_a_consent_gives_a_link_no_new_life(house: House) -> None:
    """Switching on stays the page's own matter, for as long as it lasts (DESIGN, decision 12)."""
    await house.client.post(link())
    house.now += 1801
    await consent(house)  # older than the wish: it opens nothing
    found = re.search(r'href="\.\.(/p/[\w-]+)"', (await house.get(link())).text)
    assert found
    await house.press(found[1], shown=["news"], on=["news"])
    assert len(await house.wishes()) == 1


async def test_what_all_hosts_count_is_shown(house: House, counted: Callable[[str], float]) -> None:
    import httpx

    from smtpguard.web.status import application

    await consent(house)
    await house.client.post(link())
    await Counts(house.desk.store).attempted("acme", "news", [5, 10**6])
    await Counts(house.desk.store).delayed("mailto", "0.05", 40)
    transport = httpx.ASGITransport(application(house.desk))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        lines = (await client.get("/metrics")).text.splitlines()
        assert {
            'smtpguard_opt_out_conflicts_total{controller="acme",kind="old-link"} 1.0',
            "smtpguard_attempts_after_opt_out_total"
            '{age="uncleaned",controller="acme",stream="news"} 1.0',
            'smtpguard_opt_out_seconds_bucket{channel="mailto",le="0.025"} 0.0',
            'smtpguard_opt_out_seconds_bucket{channel="mailto",le="0.05"} 1.0',
            'smtpguard_opt_out_seconds_sum{channel="mailto"} 0.04',
        } <= set(lines)
        await house.desk.store.close()
        assert (await client.get("/metrics")).status_code == 200

"""Opt-outs that other tools tell us of, in the shapes that they document."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from smtpguard.store.errors import StoreSilent
from smtpguard.web.hooks import signed
from smtpguard.web.inlets import Inlet

if TYPE_CHECKING:
    from tests.web.conftest import House

SECRET = b"a secret of twenty-four octets"
MAUTIC = {
    "mautic.lead_channel_subscription_changed": [
        {
            "contact": {
                "id": 30,
                "points": 0,
                "fields": {
                    "core": {
                        "firstname": {"id": "2", "alias": "firstname", "value": "Jo"},
                        "email": {"id": "6", "alias": "email", "value": "jo@reader.example"},
                    }
                },
            },
            "channel": "email",
            "old_status": "contactable",
            "new_status": "unsubscribed",
            "timestamp": "2026-11-23T10:00:00+00:00",
        }
    ]
}
BREVO = {
    "id": 4711,
    "camp_id": 12,
    "email": "jo@reader.example",
    "campaign name": "News",
    "date_sent": "2026-11-22 00:00:00",
    "date_event": "2026-11-23 00:00:00",
    "event": "unsubscribe",
    "tag": "",
    "ts_sent": 1604933619,
    "ts_event": 1604933737,
    "list_id": [3, 42],
}
MAILCHIMP = {
    "type": "unsubscribe",
    "fired_at": "2026-11-23 21:40:57",
    "data[action]": "unsub",
    "data[reason]": "manual",
    "data[id]": "8a25ff1d98",
    "data[list_id]": "a6b5da1054",
    "data[email]": "jo@reader.example",
    "data[email_type]": "html",
    "data[merges][EMAIL]": "jo@reader.example",
}


def spoken(tool: str, said: dict[str, Any], house: House, secret: bytes = SECRET) -> dict[str, Any]:
    """The request that the tool makes: its content, header fields and query."""
    body = (urlencode(said) if tool == "mailchimp" else json.dumps(said)).encode()
    headers: dict[str, str] = {}
    if tool == "mautic":
        digest = hmac.digest(secret, body, "sha256")
        headers = {"Webhook-Signature": base64.b64encode(digest).decode()}
    elif tool == "brevo":
        headers = {"Authorization": f"Bearer {secret.decode()}"}
    elif tool == "standard":
        headers = dict(signed(secret, "msg_1", house.desk.now, body))
    params = {"key": secret.decode()} if tool == "mailchimp" else {}
    return {"content": body, "headers": headers, "params": params}


SHAPES = [
    ("mautic", MAUTIC),
    ("brevo", BREVO),
    ("brevo", {**BREVO, "event": "unsubscribed"}),
    ("mailchimp", MAILCHIMP),
    ("standard", {"email": "jo@reader.example"}),
    ("standard", {"type": "left", "data": {"email": " jo@reader.example "}}),
]


@pytest.fixture
def listening(house: House) -> House:
    inlets = [
        Inlet("acme", tool, tool, "acme" if tool == "brevo" else "", SECRET)
        for tool in ("mautic", "brevo", "mailchimp", "standard")
    ]
    known = {(one.controller, one.name): one for one in inlets}
    house.desk.site = replace(house.desk.site, inlets=known)
    return house


@pytest.mark.parametrize(("tool", "said"), SHAPES)
async def test_who_left_there_has_left_here(
    listening: House, tool: str, said: dict[str, Any]
) -> None:
    for expected in ("1 recorded.\n", "0 recorded.\n"):
        request = spoken(tool, said, listening)
        answer = await listening.client.post(f"/in/acme/{tool}", **request)
        assert (answer.status_code, answer.text) == (200, expected)
    scope = "brand:acme" if tool == "brevo" else "controller"
    assert await listening.wishes() == {("objection", scope, f"webhook:{tool}")}


@pytest.mark.parametrize(
    ("tool", "said"),
    [("brevo", {**BREVO, "event": "spam"}), ("mailchimp", {**MAILCHIMP, "data[reason]": "abuse"})],
)
async def test_a_complaint_is_one(listening: House, tool: str, said: dict[str, Any]) -> None:
    await listening.client.post(f"/in/acme/{tool}", **spoken(tool, said, listening))
    assert {reason for reason, _, _ in await listening.wishes()} == {"complaint"}


@pytest.mark.parametrize(("tool", "said"), SHAPES)
async def test_nobody_else_may_speak(listening: House, tool: str, said: dict[str, Any]) -> None:
    wrong = spoken(tool, said, listening, b"another secret of 24 octets")
    bare = {"content": wrong["content"]}
    for place in (f"/in/acme/{tool}", f"/in/other/{tool}", "/in/acme/unknown"):
        for request in (wrong, bare):
            assert (await listening.client.post(place, **request)).status_code == 401
    assert await listening.wishes() == set()


async def test_an_old_signature_is_not_played_again(listening: House) -> None:
    request = spoken("standard", {"email": "jo@reader.example"}, listening)
    listening.now += 301
    assert (await listening.client.post("/in/acme/standard", **request)).status_code == 401


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("mautic", {"mautic.lead_post_save_new": [{}]}),
        ("mautic", {"mautic.lead_channel_subscription_changed": [{"channel": "email"}]}),
        ("brevo", {**BREVO, "event": "opened"}),
        ("brevo", {**BREVO, "email": "nobody"}),
        ("brevo", {**BREVO, "email": None}),
        ("mailchimp", {**MAILCHIMP, "type": "subscribe"}),
        ("standard", {"email": "jo@reader.example", "reason": "boredom"}),
        ("standard", {"data": []}),
    ],
)
async def test_what_is_no_opt_out_is_passed_over(
    listening: House, tool: str, said: dict[str, Any]
) -> None:
    answer = await listening.client.post(f"/in/acme/{tool}", **spoken(tool, said, listening))
    assert (answer.status_code, answer.text) == (200, "0 recorded.\n")
    assert await listening.wishes() == set()


async def test_looking_changes_nothing(listening: House) -> None:
    assert (await listening.client.get("/in/acme/mailchimp")).status_code == 200
    assert await listening.wishes() == set()


async def test_a_silent_store_is_no_yes(listening: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> bool:
        raise StoreSilent("gone")

    monkeypatch.setattr(listening.desk.store, "suppress", silent)
    answer = await listening.client.post("/in/acme/brevo", **spoken("brevo", BREVO, listening))
    assert answer.status_code == 503

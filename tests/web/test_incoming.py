"""Opt-outs that other tools tell us of, in the shapes that they document."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from smtpguard import log
from smtpguard.mail.address import Address
from smtpguard.person import ConflictKind, Consent, Scope
from smtpguard.store.consent import Consents
from smtpguard.store.counts import Counts, Late
from smtpguard.store.errors import StoreSilent
from smtpguard.web.hooks import signed
from smtpguard.web.inlets import Inlet

if TYPE_CHECKING:
    from tests.web.conftest import House

NOW = 1_795_000_000
SECRET = b"a secret of twenty-four octets"


def field(alias: str, value: str | None) -> dict[str, Any]:
    """One field of a contact, as Mautic's serializer writes it."""
    return {
        "id": 6,
        "label": alias.title(),
        "alias": alias,
        "type": "text",
        "group": "core",
        "object": "lead",
        "is_fixed": True,
        "properties": [],
        "default_value": None,
        "value": value,
        "normalizedValue": value,
    }


def contact(channel: str = "email", status: str = "unsubscribed", **core: Any) -> dict[str, Any]:
    """One event of Mautic's; empty groups are lists, as PHP writes them."""
    email = {"email": field("email", "jo@reader.example")}
    fields = {"core": {"firstname": field("firstname", "Jo"), **email, **core}}
    return {
        "contact": {
            "isPublished": True,
            "dateAdded": "2026-01-02T03:04:05+00:00",
            "id": 30,
            "points": 0,
            "color": None,
            "doNotContact": [{"reason": 1, "channel": "email"}],
            "fields": {**fields, "social": [], "personal": [], "professional": []},
        },
        "channel": channel,
        "old_status": "contactable",
        "new_status": status,
        "timestamp": "2026-11-23T10:00:00+00:00",
    }


CHANGED = "mautic.lead_channel_subscription_changed"
MAUTIC = {CHANGED: [contact()]}
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
    ("mautic", {CHANGED: [contact(status="manual")], "mautic.lead_post_save_update": [{}]}),
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
    [
        ("brevo", {**BREVO, "event": "spam"}),
        ("brevo", {**BREVO, "event": "complaint"}),
        ("mailchimp", {**MAILCHIMP, "data[reason]": "abuse"}),
        ("mailchimp", {**MAILCHIMP, "type": "cleaned", "data[reason]": "abuse"}),
    ],
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


@pytest.mark.parametrize(("tool", "said"), SHAPES)
async def test_while_the_secret_changes_either_counts(
    listening: House, tool: str, said: dict[str, Any]
) -> None:
    old = b"the secret of the years before"
    inlets = dict(listening.desk.site.inlets)
    inlets["acme", tool] = replace(inlets["acme", tool], older=(old,))
    listening.desk.site = replace(listening.desk.site, inlets=inlets)
    for secret, status in ((SECRET, 200), (old, 200), (b"a secret of long, long ago", 401)):
        request = spoken(tool, said, listening, secret)
        assert (await listening.client.post(f"/in/acme/{tool}", **request)).status_code == status


async def test_one_good_signature_of_several_is_enough(listening: House) -> None:
    """Who changes their secret signs with both; and there are other kinds (Standard Webhooks)."""
    body = b'{"email": "jo@reader.example"}'
    headers = dict(signed(b"an unknown secret of 24 octets", "msg_1", NOW, body, [SECRET]))
    headers["webhook-signature"] = f"v1a,b64= {headers['webhook-signature']}"
    place = "/in/acme/standard"
    answer = await listening.client.post(place, content=body, headers=headers)
    assert answer.text == "1 recorded.\n"
    altered = await listening.client.post(place, content=body + b" ", headers=headers)
    assert altered.status_code == 401


@pytest.mark.parametrize(
    "stamp", ["", "now", "-5", f"{NOW}.0", f"+{NOW}", f" {NOW + 301}", f"00{NOW}{'9' * 5000}"]
)
async def test_an_odd_time_proves_nothing(listening: House, stamp: str) -> None:
    request = spoken("standard", {"email": "jo@reader.example"}, listening)
    request["headers"]["webhook-timestamp"] = stamp
    assert (await listening.client.post("/in/acme/standard", **request)).status_code == 401


async def test_a_tool_with_another_secret_is_warned_of_now_and_then(
    listening: House, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    for seconds, lines in ((0, 1), (599, 0), (1, 1)):
        listening.now += seconds
        for place in ("/in/acme/mautic", "/in/acme/unknown"):
            wrong = spoken("mautic", MAUTIC, listening, b"another secret of 24 octets")
            await listening.client.post(place, **wrong)
        said = capsys.readouterr().out
        assert said.count("did not prove to be mautic's") == said.count("warning") == lines


async def test_an_old_signature_is_not_played_again(listening: House) -> None:
    request = spoken("standard", {"email": "jo@reader.example"}, listening)
    listening.now += 301
    assert (await listening.client.post("/in/acme/standard", **request)).status_code == 401


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("mautic", {"mautic.lead_post_save_new": [{}]}),
        ("mautic", {CHANGED: [{"channel": "email"}]}),
        ("mautic", {CHANGED: [contact(status="bounced")]}),
        ("mautic", {CHANGED: [contact(status="contactable")]}),
        ("mautic", {CHANGED: [contact(channel="sms")]}),
        ("mautic", {CHANGED: [contact(email=field("email", None))]}),
        ("brevo", {**BREVO, "event": "opened"}),
        ("brevo", {**BREVO, "email": "nobody"}),
        ("brevo", {**BREVO, "email": None}),
        ("mailchimp", {**MAILCHIMP, "type": "subscribe"}),
        ("mailchimp", {**MAILCHIMP, "type": "cleaned", "data[reason]": "hard"}),
        ("mailchimp", {**MAILCHIMP, "data[action]": "delete"}),
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


async def test_one_odd_event_costs_the_others_nothing(
    listening: House, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    moved = contact(email=field("email", "ann@reader.example"))
    moved["contact"]["fields"]["professional"] = {
        "email": moved["contact"]["fields"]["core"].pop("email")
    }
    odd = [contact(email=field("email", None)), {}, None, contact(), moved]
    answer = await listening.client.post(
        "/in/acme/mautic", **spoken("mautic", {CHANGED: odd}, listening)
    )
    assert answer.text == "2 recorded.\n"
    assert await listening.wishes("ann@reader.example") == await listening.wishes() != set()
    assert "acme/mautic: 3 events could not be read" in capsys.readouterr().out


async def test_a_batch_of_brevo(listening: House) -> None:
    events = [{**BREVO, "email": f"r{n}@reader.example"} for n in range(500)]
    body = json.dumps(events).encode()
    assert len(body) > 100_000
    headers = {"Authorization": f"Bearer {SECRET.decode()}"}
    answer = await listening.client.post("/in/acme/brevo", content=body, headers=headers)
    assert answer.text == "500 recorded.\n"


async def test_brevo_may_give_a_password(listening: House) -> None:
    body = json.dumps(BREVO).encode()
    word = base64.b64encode(b"anybody:" + SECRET).decode()
    for said, status in ((f"Basic {word}", 200), (f"Basic {word[:-4]}", 401), ("Basic %%", 401)):
        headers = {"Authorization": said}
        answer = await listening.client.post("/in/acme/brevo", content=body, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize("tool", ["mautic", "brevo", "standard"])
@pytest.mark.parametrize("body", [b"", b"unsubscribe jo", b"[" * 100_000, b"\xff"])
async def test_what_the_tool_does_not_send_is_said_so(
    listening: House, tool: str, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    request = spoken(tool, {}, listening)
    if tool == "mautic":
        digest = base64.b64encode(hmac.digest(SECRET, body, "sha256")).decode()
        request["headers"] = {"Webhook-Signature": digest}
    elif tool == "standard":
        request["headers"] = dict(signed(SECRET, "msg_1", listening.desk.now, body))
    request["content"] = body
    answer = await listening.client.post(f"/in/acme/{tool}", **request)
    assert answer.status_code == 400
    assert f"acme/{tool}: what it sends is not what {tool} does" in capsys.readouterr().out


async def test_a_tool_may_send_more_than_a_reader(listening: House) -> None:
    fat = {CHANGED: [contact(notes=field("notes", "x" * 200_000))]}
    answer = await listening.client.post("/in/acme/mautic", **spoken("mautic", fat, listening))
    assert answer.text == "1 recorded.\n"
    stranger = await listening.client.post("/in/acme/unknown", content=b"x" * 8193)
    assert stranger.status_code == 413
    fat = {CHANGED: [contact(notes=field("notes", "x" * (1 << 20)))]}
    answer = await listening.client.post("/in/acme/mautic", **spoken("mautic", fat, listening))
    assert answer.status_code == 413


async def test_too_many_large_requests_at_once_come_again(
    listening: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smtpguard.web.gate.LARGE", 0)
    answer = await listening.client.post("/in/acme/mautic", **spoken("mautic", MAUTIC, listening))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert (await listening.client.post(listening.link())).status_code == 200


@pytest.mark.parametrize(
    ("tool", "said", "expected"),
    [
        ("mautic", MAUTIC, 1_795_428_000),
        ("brevo", BREVO, 1_604_933_737),
        ("mailchimp", MAILCHIMP, 1_795_470_057),
        ("standard", {"email": "jo@reader.example", "timestamp": "2026-11-18T11:06:40Z"}, NOW),
        ("standard", {"data": {"email": "jo@reader.example", "at": NOW - 7}}, NOW - 7),
        ("standard", {"data": {"email": "jo@reader.example"}}, 0),
    ],
)
def test_when_they_said_so(tool: str, said: dict[str, Any], expected: int) -> None:
    body = (urlencode(said) if tool == "mailchimp" else json.dumps(said)).encode()
    ((_, _, at),) = Inlet("acme", tool, tool, "", SECRET).read(body).told
    assert at == expected


@pytest.mark.parametrize("odd", ["yesterday", -1, 2**60, 1.5, True, [], {}, None, "9" * 400, ""])
def test_a_time_that_cannot_be_read_costs_no_wish(odd: object) -> None:
    for tool, said in (
        ("brevo", {**BREVO, "ts_event": odd}),
        ("standard", {"email": "jo@a.example", "at": odd}),
    ):
        body = json.dumps(said).encode()
        ((_, _, at),) = Inlet("acme", tool, tool, "", SECRET).read(body).told
        assert at == 0


async def test_what_came_late_is_counted_and_logged(
    listening: House, counted: Callable[[str], float], capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    measured = counted("smtpguard_opt_out_seconds_sum")
    for seconds, who in ((48 * 3600 - 1, "jo"), (48 * 3600 + 2, "al"), (0, "bo")):
        said = {"email": f"{who}@reader.example", "at": NOW - seconds}
        await listening.client.post("/in/acme/standard", **spoken("standard", said, listening))
        await listening.client.post("/in/acme/standard", **spoken("standard", said, listening))
    counts = Counts(listening.desk.store)
    assert await counts.late() == [Late("acme", "webhook:standard", 1, 48 * 3600 + 2)]
    assert counted("smtpguard_opt_out_seconds_sum") - measured == pytest.approx(345_601, abs=1)
    assert "late-opt-out: controller=acme, channel=webhook:standard" in capsys.readouterr().out


async def test_a_claim_older_than_a_consent_suppresses_and_is_a_conflict(listening: House) -> None:
    jo, store = Address(b"jo", b"reader.example"), listening.desk.store
    consent = Consent(Scope("acme", "news"), NOW - 100, "form 12")
    await Consents(store).add("acme", [(jo, consent)])
    said = {"email": "jo@reader.example", "at": NOW - 200}
    await listening.client.post("/in/acme/standard", **spoken("standard", said, listening))
    assert len(await listening.wishes()) == 1
    (conflict,) = (await Consents(store).of("acme", jo)).conflicts
    assert (conflict.kind, conflict.epoch) == (ConflictKind.OLD_LINK, NOW - 200)


async def test_looking_changes_nothing(listening: House) -> None:
    assert (await listening.client.get("/in/acme/mailchimp")).status_code == 200
    assert await listening.wishes() == set()


async def test_a_silent_store_is_no_yes(listening: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> bool:
        raise StoreSilent("gone")

    monkeypatch.setattr(listening.desk.store, "opt_out", silent)
    answer = await listening.client.post("/in/acme/brevo", **spoken("brevo", BREVO, listening))
    assert answer.status_code == 503

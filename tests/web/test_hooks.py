"""What a company is told: by whom it knows that it is us, and how long we try."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smtpguard.courier import Answer, Courier, Unreachable
from smtpguard.person import Reason, Scope, Suppression
from smtpguard.store.outbox import CREATED, LIFTED, Outbox, suppression
from smtpguard.web.hooks import Hook, key, signed
from smtpguard.web.messenger import PAUSES, Messenger

if TYPE_CHECKING:
    from tests.web.conftest import House

SECRET = b"s" * 32
BOTH = frozenset({CREATED, LIFTED})
CRM = Hook("acme", "https://crm.example/hook", SECRET, BOTH)
SHOP = Hook("acme", "https://shop.example/hook", SECRET, frozenset({CREATED}))
OTHER = Hook("other", "https://other.example/hook", SECRET, BOTH)


class Listening(Courier):
    """A courier whose places answer as they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.says: dict[str, int] = {}
        self.heard: list[tuple[str, Mapping[str, str], bytes]] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.heard.append((url, headers, body))
        status = self.says.get(url, 204)
        if not status:
            raise Unreachable("no route")
        return Answer(status, b"")

    def told(self, url: str) -> list[tuple[str, str, str]]:
        said = [json.loads(body) for place, _, body in self.heard if place == url]
        return [(one["type"], one["data"]["channel"], one["data"]["stream"]) for one in said]


@pytest.fixture
def courier() -> Listening:
    return Listening()


@pytest.fixture
def messenger(house: House, courier: Listening) -> Messenger:
    house.desk.site = replace(house.desk.site, hooks=(CRM, SHOP, OTHER))
    return Messenger(house.desk, courier)


def test_the_signature_is_the_standards() -> None:
    """The example of the Standard Webhooks reference libraries."""
    secret = key(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    body = b'{"test": 2432232314}'
    headers = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-signature"] == expected


@pytest.mark.parametrize("written", [b"", b"short", b"whsec_AAAA", b"whsec_%%%%"])
def test_a_weak_secret_is_refused(written: bytes) -> None:
    with pytest.raises(ValueError, match=r"24 octets|base64|Incorrect|Non-base64"):
        key(written)


async def test_one_click_is_told_once_and_signed(
    house: House, messenger: Messenger, courier: Listening
) -> None:
    for _ in range(3):
        await house.client.post(house.link())
    assert await messenger.deliver() == 1
    assert await messenger.deliver() == 0
    assert sorted(url for url, _, _ in courier.heard) == [CRM.url, SHOP.url]
    _, headers, body = courier.heard[0]
    said = json.loads(body)
    assert said["data"] == {
        "controller": "acme",
        "brand": "acme",
        "stream": "news",
        "reason": "objection",
        "channel": "one-click",
        "at": house.desk.now,
        "recipient": "jo@reader.example",
    }
    content = b"%b.%b.%b" % (
        headers["webhook-id"].encode(),
        headers["webhook-timestamp"].encode(),
        body,
    )
    expected = base64.b64encode(hmac.digest(SECRET, content, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_what_is_undone_is_told_to_who_wants_to_know(
    house: House, messenger: Messenger, courier: Listening
) -> None:
    left = await house.press(house.link(), leave="brand")
    await house.press(left.url.path, undo="yes")
    await messenger.deliver()
    assert sorted(courier.told(CRM.url)) == [(CREATED, "page", ""), (LIFTED, "page", "")]
    assert courier.told(SHOP.url) == [(CREATED, "page", "")]


async def test_preferences_are_told(house: House, messenger: Messenger, courier: Listening) -> None:
    from smtpguard.unsubscribe.link import Ticket, seal
    from smtpguard.web.desk import PREFERENCES

    ticket = Ticket("acme", "acme", "news", b"jo@reader.example", house.desk.now + 60)
    page = "/p/" + seal(house.desk.ring, ticket, PREFERENCES)
    await house.press(page, shown=["news", "offers"], on=["offers"])
    await house.press(page, shown=["news", "offers"], on=["news", "offers"])
    await messenger.deliver()
    told = [(CREATED, "preferences", "news"), (LIFTED, "preferences", "news")]
    assert sorted(courier.told(CRM.url)) == told


async def test_who_has_heard_is_not_told_again(
    house: House, messenger: Messenger, courier: Listening
) -> None:
    courier.says[SHOP.url] = 500
    await house.client.post(house.link())
    await messenger.deliver()
    house.now += PAUSES[0]
    await messenger.deliver()
    assert len(courier.told(CRM.url)) == 1
    assert len(courier.told(SHOP.url)) == 2
    names = {headers["webhook-id"] for _, headers, _ in courier.heard}
    assert len(names) == 1


@pytest.mark.parametrize("says", [0, 302, 404, 500])
async def test_after_the_last_try_it_is_laid_aside_and_can_be_revived(
    house: House, messenger: Messenger, courier: Listening, says: int
) -> None:
    courier.says = {CRM.url: says, SHOP.url: says}
    await house.client.post(house.link())
    outbox = Outbox(house.desk.store, house.desk.ring)
    for pause in (*PAUSES, 0):
        assert await messenger.deliver() == 1
        assert await messenger.deliver() == 0
        house.now += pause
    assert await outbox.listed(dead=False) == []
    (dead,) = await outbox.listed(dead=True)
    assert dead.tries == len(PAUSES) + 1
    assert dead.fault
    courier.says = {}
    await outbox.revive(dead, house.desk.now)
    assert await messenger.deliver() == 1
    assert await outbox.listed(dead=True) == await outbox.listed(dead=False) == []


async def test_nothing_waits_where_nobody_listens(house: House) -> None:
    await house.client.post(house.link())
    assert await Outbox(house.desk.store, house.desk.ring).listed(dead=False) == []


async def test_a_hook_that_was_taken_out_of_the_policy_is_not_asked(
    house: House, messenger: Messenger, courier: Listening
) -> None:
    event = suppression(CREATED, "acme", Suppression(Reason.OBJECTION, Scope("acme")), "")
    await house.desk.store.tell(event)
    house.desk.site = replace(house.desk.site, hooks=(OTHER,))
    await messenger.deliver()
    assert courier.heard == []
    assert await Outbox(house.desk.store, house.desk.ring).listed(dead=False) == []


async def test_what_holds_mail_up_is_told_to_who_wants_to_know(
    house: House, messenger: Messenger, courier: Listening
) -> None:
    wanting = replace(CRM, events=frozenset({"digest.begun"}))
    house.desk.site = replace(house.desk.site, hooks=(wanting, SHOP, OTHER))
    fault = {"stream": "news", "rule": "deceptive-from", "refused": 9, "deferred": 1}
    event = {"type": "digest.begun", "controller": "acme", "at": house.desk.now, "faults": [fault]}
    await house.desk.store.tell(event)
    await messenger.deliver()
    ((url, _, body),) = courier.heard
    assert url == CRM.url
    assert json.loads(body)["type"] == "digest.begun"
    assert json.loads(body)["data"]["faults"] == [fault]

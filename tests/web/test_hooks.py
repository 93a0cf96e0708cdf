"""What a company is told: by whom it knows that it is us, and how long we try."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smtpguard.courier import Answer, Courier, Unreachable
from smtpguard.mail.address import Address
from smtpguard.person import OptOut, Reason, Scope, Suppression
from smtpguard.store.outbox import CREATED, LIFTED, Outbox, created, recipient, suppression
from smtpguard.store.store import Who
from smtpguard.web.hooks import Hook, key, keys, signed
from smtpguard.web.messenger import PAUSES, RESTS, Messenger

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


def test_several_secrets_stand_one_a_line_the_newest_first() -> None:
    assert keys(b"\n" + b"n" * 24 + b"\r\n" + b"o" * 24 + b"\n\n") == (b"n" * 24, b"o" * 24)
    with pytest.raises(ValueError, match="24 octets"):
        keys(b"n" * 24 + b"\nshort\n")
    with pytest.raises(ValueError, match="24 octets"):
        keys(b"\n")


def test_while_the_secret_changes_both_sign() -> None:
    new, old = (signed(secret, "msg_1", 5, b"{}")["webhook-signature"] for secret in (b"n", b"o"))
    assert signed(b"n", "msg_1", 5, b"{}", [b"o"])["webhook-signature"] == f"{new} {old}"


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
    house.now += RESTS[1]
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


def leave(house: House, who: int, controller: str = "acme") -> Awaitable[None]:
    """Somebody leaves, on the desk of that company."""
    wish = Suppression(Reason.OBJECTION, Scope("acme"), house.desk.now, "page")
    event = suppression(CREATED, controller, wish, f"r{who}@reader.example")
    return house.desk.store.tell(event)


async def test_nobody_waits_behind_who_does_not_answer(
    house: House, messenger: Messenger, courier: Listening
) -> None:
    courier.says = {CRM.url: 0, SHOP.url: 0}
    for who in range(30):
        await leave(house, who)
    await leave(house, 99, "other")
    assert await messenger.deliver() == 20
    asked = len(courier.told(CRM.url))
    assert 0 < asked <= 20  # until they are known to be silent
    while await messenger.deliver():
        pass
    assert len(courier.told(OTHER.url)) == 1
    assert len(courier.told(CRM.url)) == asked
    # None of those that were not asked for has lost a try.
    waiting = await Outbox(house.desk.store, house.desk.ring).listed(dead=False)
    assert Counter(job.tries for job in waiting) == {0: 30 - asked, 1: asked}


async def test_one_event_finds_out_whether_they_answer_again(
    house: House, messenger: Messenger, courier: Listening
) -> None:
    courier.says = {CRM.url: 0, SHOP.url: 0}
    for who in range(10):
        await leave(house, who)
    await messenger.deliver()
    for rest in (5, 10, 20, 40, 60, 60):
        asked = len(courier.told(CRM.url))
        await leave(house, 50)  # meanwhile
        assert await messenger.deliver() == 1
        assert len(courier.told(CRM.url)) == asked
        house.now += rest
        await messenger.deliver()
        assert len(courier.told(CRM.url)) == asked + 1
    courier.says = {}
    house.now += 60
    await messenger.deliver()
    house.now += 1
    while await messenger.deliver():
        house.now += PAUSES[1]
    assert await Outbox(house.desk.store, house.desk.ring).depth() == (0, 0)


async def test_an_answer_that_is_an_error_is_an_answer(
    house: House, messenger: Messenger, courier: Listening
) -> None:
    """An event that they choke on does not hold up the others."""
    courier.says = {CRM.url: 500}
    for who in range(3):
        await leave(house, who)
    await messenger.deliver()
    assert len(courier.told(CRM.url)) == 3


async def test_an_event_that_cannot_be_sent_is_laid_aside_in_the_end(
    house: House, messenger: Messenger, courier: Listening
) -> None:
    event = {"type": CREATED, "controller": "acme", "at": 1 << 60}
    await house.desk.store.tell(event)
    outbox = Outbox(house.desk.store, house.desk.ring)
    (job,) = await outbox.take(now=1 << 60)
    await outbox.put_off(job, house.desk.now)
    await leave(house, 1)
    for pause in (*PAUSES, 0):
        await messenger.deliver()
        house.now += pause
    (dead,) = await outbox.listed(dead=True)
    assert dead.fault.startswith("it cannot be sent: ")
    assert len(courier.told(CRM.url)) == 1


@pytest.mark.parametrize("who", ["jo@reader.example", "@reader.example", "b\u00f6@reader.example"])
async def test_a_lift_that_was_overtaken_is_not_told(
    house: House, messenger: Messenger, courier: Listening, who: str
) -> None:
    """They left, took it back, and left again: heard in another order, they would be written to."""
    one: Who | None = who[1:] if who.startswith("@") else Address.parse(who.encode())
    assert one
    scope, store = Scope("acme", "news"), house.desk.store
    wish = Suppression(Reason.OBJECTION, scope, house.desk.now, "page", isinstance(one, str))
    courier.says = {CRM.url: 500, SHOP.url: 500}
    maker = created("acme")
    await store.opt_out("acme", [(one, OptOut(wish))], maker)
    await store.unsuppress("acme", one, scope, wish.reason, because="undone", at=house.desk.now)
    await house.desk.tell(LIFTED, "acme", wish, recipient(one))
    await messenger.deliver()
    courier.says = {}
    courier.heard.clear()
    await store.opt_out("acme", [(one, OptOut(wish))], maker)
    house.now += PAUSES[0]
    await messenger.deliver()
    assert {kind for kind, *_ in courier.told(CRM.url)} == {CREATED}
    assert await Outbox(store, house.desk.ring).depth() == (0, 0)
    # What is lifted and stays so is told.
    await store.unsuppress("acme", one, scope, wish.reason, because="undone", at=house.desk.now)
    await house.desk.tell(LIFTED, "acme", wish, recipient(one))
    await messenger.deliver()
    assert courier.told(CRM.url)[-1][0] == LIFTED


async def test_two_messengers_tell_once(house: House, courier: Listening) -> None:
    house.desk.site = replace(house.desk.site, hooks=(CRM,))
    for who in range(50):
        await leave(house, who)
    both = [Messenger(house.desk, courier) for _ in range(2)]
    while any(await asyncio.gather(*(one.deliver() for one in both))):
        pass
    assert len(courier.told(CRM.url)) == 50
    assert len({headers["webhook-id"] for _, headers, _ in courier.heard}) == 50

"""Streams on and off: what was shown and nothing else, and other people's reasons stay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from smtpguard.mail.address import Address
from smtpguard.person import Reason, Scope, Suppression

if TYPE_CHECKING:
    from tests.web.conftest import House

STREAMS = ["news", "offers", "sparks"]


async def page_of(house: House) -> str:
    """The path of the reader's preference page, as the exit page gives it."""
    found = re.search(r'href="\.\.(/p/[\w-]+)"', (await house.get(house.link())).text)
    assert found
    return found[1]


async def suppress(house: House, reason: Reason, scope: Scope, at: float | None = None) -> None:
    at = house.now if at is None else at
    address = Address.parse(b"jo@reader.example")
    assert address
    await house.desk.store.suppress(
        "acme", address, Suppression(reason, scope, int(at), "operator")
    )


async def ticked(house: House, path: str) -> dict[str, bool]:
    text = (await house.get(path)).text
    boxes = re.findall(r'name="on" value="(\w+)"([^>]*)>', text)
    return {name: "checked" in rest for name, rest in boxes}


async def test_every_promotional_stream_and_no_other(house: House) -> None:
    assert await ticked(house, await page_of(house)) == dict.fromkeys(STREAMS, True)


async def test_off_and_on_again(house: House) -> None:
    path = await page_of(house)
    page = await house.press(path, shown=STREAMS, on=["news", "sparks"])
    assert "Saved" in page.text
    assert await house.wishes() == {("objection", "stream:offers", "preferences")}
    assert await ticked(house, path) == {"news": True, "offers": False, "sparks": True}
    await house.press(path, shown=STREAMS, on=STREAMS)
    assert await house.wishes() == set()


async def test_one_click_can_be_taken_back_here(house: House) -> None:
    await house.client.post(house.link())
    path = await page_of(house)
    await house.press(path, shown=STREAMS, on=STREAMS)
    assert await house.wishes() == set()


async def test_what_was_not_shown_is_not_changed(house: House) -> None:
    path = await page_of(house)
    await house.press(path, shown=["news"], on=[])
    assert await house.wishes() == {("objection", "stream:news", "preferences")}
    await house.press(path, shown=["offers", "invoices", "x"], on=["news", "invoices"])
    assert {scope for _, scope, _ in await house.wishes()} == {"stream:news", "stream:offers"}


@pytest.mark.parametrize(
    ("wide", "on", "left"),
    [
        (Scope(), ["news"], {"stream:offers", "stream:sparks"}),
        (Scope("acme"), ["news"], {"stream:offers", "stream:sparks"}),
        (Scope(), STREAMS, set()),
        (Scope(), [], {"controller"}),
    ],
)
async def test_a_wider_wish_becomes_one_for_each_that_stays_off(
    house: House, wide: Scope, on: list[str], left: set[str]
) -> None:
    await suppress(house, Reason.OBJECTION, wide)
    await house.press(await page_of(house), shown=STREAMS, on=on)
    assert {scope for _, scope, _ in await house.wishes()} == left


@pytest.mark.parametrize("scope", [Scope(), Scope("acme"), Scope("acme", "news")])
async def test_an_old_mail_somebody_was_shown_switches_nothing_on_again(
    house: House, scope: Scope
) -> None:
    await suppress(house, Reason.OBJECTION, scope)
    before = await house.wishes()
    house.now += 1801
    path = await page_of(house)
    assert "Off since <bdi>18 November 2026</bdi>" in (await house.get(path)).text
    await house.press(path, shown=STREAMS, on=STREAMS)
    assert await house.wishes() == before


async def test_a_wish_does_not_grow_younger_by_being_narrowed(house: House) -> None:
    await suppress(house, Reason.OBJECTION, Scope("acme"))
    house.now += 1700
    path = await page_of(house)
    await house.press(path, shown=STREAMS, on=["news", "sparks"])
    house.now += 101
    await house.press(path, shown=STREAMS, on=STREAMS)
    assert {scope for _, scope, _ in await house.wishes()} == {"stream:offers"}


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.OBJECTION])
async def test_what_others_decided_is_not_lifted(house: House, reason: Reason) -> None:
    await suppress(house, reason, Scope("acme"))
    path = await page_of(house)
    page = await house.get(path)
    assert page.text.count("disabled") == 2
    await house.press(path, shown=STREAMS, on=STREAMS)
    assert await house.wishes() == {(reason.value, "brand:acme", "operator")}


async def test_the_page_ends(house: House) -> None:
    path = await page_of(house)
    house.now += 1801
    assert (await house.get(path)).status_code == 404
    assert (await house.press(path, shown=STREAMS, on=[])).status_code == 404
    assert await house.wishes() == set()


async def test_the_exit_s_own_token_opens_no_preferences(house: House) -> None:
    assert (await house.get(f"/p/{house.token()}")).status_code == 404


async def test_a_silent_store_promises_nothing(house: House) -> None:
    path = await page_of(house)
    await house.desk.store.close()
    assert (await house.get(path)).status_code == 503
    assert (await house.press(path, shown=STREAMS, on=[])).status_code == 503

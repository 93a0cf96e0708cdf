"""Rights requests: numbered, dated, sealed, once; and what holds at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from smtpguard.keys import Keyring, LinkKey
from smtpguard.store.requests import Kind, every, show
from smtpguard.unsubscribe import asker
from tests.web.conftest import NOW, RING

if TYPE_CHECKING:
    from tests.web.conftest import House


async def page_of(house: House) -> str:
    found = re.search(r'href="\.\.(/r/[\w-]+)"', (await house.get(house.link())).text)
    assert found
    return found[1]


def number_in(text: str) -> str:
    found = re.search(r"R-\d{6}-[0-9A-Z]{6}", text)
    assert found
    return found[0]


async def test_the_form_says_what_is_kept_and_until_when(house: House) -> None:
    text = (await house.get(await page_of(house))).text
    assert "18 December 2026" in text
    assert "17 May 2027" in text
    assert "encrypted" in text


@pytest.mark.parametrize(
    ("kind", "stops"),
    [("access", set()), ("erasure", {"erasure"}), ("objection", {"objection"})],
)
async def test_a_request_is_opened(house: House, kind: str, stops: set[str]) -> None:
    page = await house.press(await page_of(house), kind=kind, note="Jo <Doe>\nplease")
    number = number_in(page.text)
    assert ("stop from this moment" in page.text) is bool(stops)
    found = await show(house.desk.store, number)
    assert found
    assert (found.kind, found.opened, found.controller) == (Kind(kind), NOW, "acme")
    assert asker.unseal(RING, found.sealed) == asker.Asker(
        "jo@reader.example", "en", "Jo <Doe>\nplease"
    )
    assert {(reason, scope) for reason, scope, _ in await house.wishes()} == {
        (stop, "controller") for stop in stops
    }


async def test_who_asks_is_nowhere_in_the_store(house: House) -> None:
    await house.press(await page_of(house), kind="access", note="secret words")
    keys = (await house.desk.store.ask([b"*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n"]))[0]
    assert len(keys) == 4
    (one,) = [found async for found in every(house.desk.store)]
    assert b"reader" not in b"".join(keys)
    assert "reader" not in repr(one)
    assert asker.unseal(Keyring(links=(LinkKey(7, b"x" * 64),)), one.sealed) is None


async def test_asking_twice_is_asking_once(house: House) -> None:
    path = await page_of(house)
    first = number_in((await house.press(path, kind="access")).text)
    assert number_in((await house.press(path, kind="access", note="again")).text) == first
    assert number_in((await house.press(path, kind="objection")).text) != first


async def test_without_a_choice_nothing_is_opened(house: House) -> None:
    before = await house.content()
    page = await house.press(await page_of(house), note="?")
    assert page.status_code == 422
    assert "Please choose" in page.text
    assert await house.content() == before


async def test_the_page_ends(house: House) -> None:
    path = await page_of(house)
    house.now += 1801
    assert (await house.press(path, kind="access")).status_code == 404


async def test_a_silent_store_promises_nothing(house: House) -> None:
    path = await page_of(house)
    await house.desk.store.close()
    assert (await house.press(path, kind="erasure")).status_code == 503


async def test_a_long_note_is_cut(house: House) -> None:
    page = await house.press(await page_of(house), kind="access", note="漢" * 800 + "é")
    found = await show(house.desk.store, number_in(page.text))
    assert found
    who = asker.unseal(RING, found.sealed)
    assert who
    assert who.note == "漢" * 800

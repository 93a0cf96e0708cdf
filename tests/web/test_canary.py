"""The guard's canary and the pages: links are promised only while they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from smtpguard import log
from smtpguard.courier import Answer, Unreachable
from smtpguard.keys import Keyring, LinkKey
from smtpguard.policy.controller import Brand, Controller, Unsubscribe
from smtpguard.policy.stream import Kind, Stream
from smtpguard.service import canary as service
from smtpguard.service.canary import Canary
from smtpguard.store.errors import StoreSilent
from smtpguard.unsubscribe import canary

if TYPE_CHECKING:
    from tests.web.conftest import House

URL = "https://u.acme.example"
STREAM = Stream(
    "news",
    Controller("acme", "Acme"),
    Brand("acme", ("Acme",), unsubscribe=Unsubscribe(URL)),
    Kind.MARKETING,
)


class ToThePages:
    """A courier who knows one place."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.failures = 0
        self.asked = 0

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.asked += 1
        assert url.startswith(URL)
        if self.failures:
            self.failures -= 1
            raise Unreachable("no route")
        response = await self.house.client.post(
            urlsplit(url).path, content=body, headers=dict(headers)
        )
        return Answer(response.status_code, response.content)

    async def close(self) -> None:
        pass


@pytest.fixture
def courier(house: House) -> ToThePages:
    return ToThePages(house)


@pytest.fixture
def proxy(house: House) -> Any:
    regime = SimpleNamespace(policy=SimpleNamespace(streams=(STREAM,)), ring=house.desk.ring)
    return SimpleNamespace(regime=regime, shut=frozenset())


@pytest.fixture
def asker(proxy: Any, courier: Any, monkeypatch: pytest.MonkeyPatch) -> Canary:
    monkeypatch.setattr(service, "PAUSE", 0)
    monkeypatch.setattr(service, "AGAIN", 0.01)
    return Canary(proxy, courier, 3600)


async def test_the_pages_answer_and_nothing_changes(
    house: House, asker: Canary, proxy: Any
) -> None:
    before = await house.content()
    await asker.round()
    assert proxy.shut == frozenset()
    assert await house.content() == before


async def test_one_lost_request_is_not_an_alarm(
    asker: Canary, proxy: Any, courier: ToThePages, counted: Callable[[str], float]
) -> None:
    before = counted("smtpguard_exit_silent_total")
    courier.failures = 1
    await asker.round()
    assert proxy.shut == frozenset()
    assert counted("smtpguard_exit_silent_total") == before


async def test_a_silent_exit_is_shut_until_it_answers(
    asker: Canary,
    proxy: Any,
    courier: ToThePages,
    counted: Callable[[str], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[tuple[str, ...]] = []
    monkeypatch.setattr(log, "exit_silent", lambda *words: said.append(words))
    monkeypatch.setattr(log, "exit_answers", lambda *words: said.append(words))
    before = counted("smtpguard_exit_silent_total")
    courier.failures = 6
    await asker.start()
    assert proxy.shut == {URL}
    async with asyncio.timeout(5):
        while proxy.shut:
            await asyncio.sleep(0.01)
    await asker.close()
    assert courier.asked == 7
    assert counted("smtpguard_exit_silent_total") == before + 1
    assert said == [(URL, "no route"), (URL,)]


async def test_pages_without_their_store_are_no_exit(
    house: House, asker: Canary, proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_: object) -> None:
        raise StoreSilent("gone")

    monkeypatch.setattr(house.desk.store, "keep", silent)
    await asker.round()
    assert proxy.shut == {URL}


async def test_pages_with_other_keys_are_no_exit(asker: Canary, proxy: Any) -> None:
    ring = proxy.regime.ring
    proxy.regime.ring = Keyring(ring.references, (LinkKey(7, b"8" * 64),))
    await asker.round()
    assert proxy.shut == {URL}


async def test_who_says_yes_to_everything_is_no_exit(
    asker: Canary, proxy: Any, monkeypatch: pytest.MonkeyPatch, courier: ToThePages
) -> None:
    async def yes(*_: object) -> Answer:
        return Answer(200, b"Unsubscribed.\n")

    monkeypatch.setattr(courier, "post", yes)
    await asker.round()
    assert proxy.shut == {URL}


async def test_reading_a_canary_shows_nothing(house: House) -> None:
    answer = await house.get(f"/u/{canary.ask(house.desk.ring, b'n' * 16)}")
    assert answer.status_code == 404

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
from smtpguard.proxy.patience import Pauses
from smtpguard.service import canary as service
from smtpguard.service.canary import Canary
from smtpguard.store.errors import StoreSilent
from smtpguard.store.troubles import Cause, Name
from smtpguard.unsubscribe import canary

if TYPE_CHECKING:
    from tests.web.conftest import House

NOW = 1_795_000_000
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
        self.certified = 0

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.asked += 1
        assert url.startswith(URL)
        if self.failures:
            self.failures -= 1
            raise Unreachable("no route")
        response = await self.house.client.post(
            urlsplit(url).path, content=body, headers=dict(headers)
        )
        return Answer(response.status_code, response.content, self.certified)

    async def close(self) -> None:
        pass


@pytest.fixture
def courier(house: House) -> ToThePages:
    return ToThePages(house)


@pytest.fixture
def proxy(house: House) -> Any:
    regime = SimpleNamespace(policy=SimpleNamespace(streams=(STREAM,)), ring=house.desk.ring)
    patience = SimpleNamespace(pauses=Pauses())
    clock = lambda: NOW  # noqa: E731
    return SimpleNamespace(regime=regime, shut=frozenset(), patience=patience, clock=clock)


@pytest.fixture
def asker(proxy: Any, courier: Any, monkeypatch: pytest.MonkeyPatch) -> Canary:
    monkeypatch.setattr(service, "PAUSE", 0)
    monkeypatch.setattr(service, "AGAIN", 0.01)
    monkeypatch.setattr(service, "TICK", 0.01)
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


async def until(there: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not there():
            await asyncio.sleep(0.005)


async def test_what_others_find_silent_is_asked_soon(
    asker: Canary, proxy: Any, courier: ToThePages
) -> None:
    await asker.start()
    proxy.patience.pauses.elsewhere = [Name(Cause.EXIT, "acme", "https://u.other.example")]
    await asyncio.sleep(0.1)
    assert courier.asked == 1
    courier.failures = 2
    proxy.patience.pauses.elsewhere = [Name(Cause.EXIT, "acme", URL)]
    await until(lambda: proxy.shut)
    await until(lambda: not proxy.shut)
    await asker.close()


async def test_other_policies_are_other_exits(
    asker: Canary, proxy: Any, courier: ToThePages
) -> None:
    await asker.start()
    courier.failures = 2
    asker.again()
    await until(lambda: proxy.shut)
    await asker.close()


async def test_a_fault_of_ours_shuts_the_exit_and_ends_nothing(
    asker: Canary,
    proxy: Any,
    courier: ToThePages,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log.configure()
    asked, broken = courier.post, 4

    async def post(*words: Any) -> Answer:
        nonlocal broken
        broken -= 1
        if broken >= 0:
            raise RuntimeError("a bug")
        return await asked(*words)

    monkeypatch.setattr(courier, "post", post)
    await asker.start()
    assert proxy.shut == {URL}
    await until(lambda: not proxy.shut)
    await asker.close()
    assert "exits: error: incident" in capsys.readouterr().out


async def test_a_certificate_that_should_have_been_renewed_is_told_of_once(
    asker: Canary, proxy: Any, courier: ToThePages, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    for days, lines in ((30, 0), (2, 1), (2, 0), (90, 0), (1, 1)):
        courier.certified = NOW + days * 86_400
        await asker.round()
        assert capsys.readouterr().out.count(f"{URL}: its certificate ends at 2026-11-") == lines
    assert proxy.shut == frozenset()


async def test_a_question_is_for_nothing_else(house: House) -> None:
    """Neither as a link, nor as any other page's ticket, nor twice."""
    before = await house.content()
    token = canary.ask(house.desk.ring, b"n" * 16)
    for path in (f"/p/{token}", f"/r/{token}", f"/left-all/{token}", f"/why/{token}"):
        for answer in (await house.get(path), await house.client.post(path, data={"leave": "all"})):
            assert answer.status_code in (404, 405)
    answers = {
        (await house.client.post(f"/u/{token}", data=fields)).text
        for fields in ({"leave": "all"}, {"List-Unsubscribe": "One-Click"}, {})
    }
    assert len(answers) == 1
    said = answers.pop().strip()
    assert (await house.client.post(f"/u/{said}")).status_code == 404
    assert await house.content() == before


async def test_reading_a_canary_shows_nothing(house: House) -> None:
    answer = await house.get(f"/u/{canary.ask(house.desk.ring, b'n' * 16)}")
    assert answer.status_code == 404

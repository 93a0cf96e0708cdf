"""What is turned away: too large, too often, framed twice; whose request it is; scanners."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.datastructures import Headers

from smtpguard import log
from smtpguard.policy.peers import Peers
from smtpguard.web.app import application
from smtpguard.web.desk import Desk
from smtpguard.web.gate import STORM, STRANGER, client, household
from smtpguard.web.settings import Limits, Web

if TYPE_CHECKING:
    from tests.web.conftest import House


async def test_a_large_body_is_refused_and_nothing_happens(house: House) -> None:
    answer = await house.client.post(house.link(), content=b"x" * 8193)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert await house.wishes() == set()
    assert (await house.client.post(house.link(), content=b"x" * 8192)).status_code == 200


async def test_a_large_body_without_a_length(house: House) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b"x" * 1024

    answer = await house.client.post(house.link(), content=chunks())
    assert answer.status_code == 413
    assert await house.wishes() == set()


@pytest.mark.parametrize("length", ["-1", "+5", "5,5", "x", "0x5", "٣"])
async def test_an_odd_length(house: House, length: str) -> None:
    headers = {b"content-length": length.encode()}
    answer = await house.client.post(house.link(), content=b"", headers=headers)
    assert answer.status_code == 413
    assert await house.wishes() == set()


async def test_two_framings_at_once(house: House) -> None:
    headers = {"Content-Length": "4", "Transfer-Encoding": "chunked"}
    answer = await house.client.post(house.link(), content=b"abcd", headers=headers)
    assert answer.status_code == 400
    assert await house.wishes() == set()


@pytest.fixture
def few() -> Web:
    return Web(limits=Limits(burst=30, rate=0.001))


async def asking(desk: Desk, few: Web, peer: str) -> httpx.AsyncClient:
    desk.settings = few
    app = application(desk)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=(peer, 1)), base_url="http://exit.example"
    )


async def test_too_often(house: House, few: Web) -> None:
    async with await asking(house.desk, few, "192.0.2.7") as browser:
        statuses = [(await browser.get(house.link())).status_code for _ in range(31)]
        assert statuses == [200] * 30 + [429]
        answer = await browser.post(house.link())
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
        page = await browser.get(house.link(), headers={"Accept-Language": "de"})
        assert "Das war zu viel auf einmal" in page.text
    assert await house.wishes() == set()


async def test_strange_links_cost_more(house: House, few: Web) -> None:
    async with await asking(house.desk, few, "192.0.2.8") as browser:
        statuses = [(await browser.get("/u/x")).status_code for _ in range(5)]
    assert statuses == [404] * (30 // STRANGER) + [429] * 2


async def test_a_scanner_is_counted_once_and_changes_nothing(
    house: House, counted: Callable[[str], float]
) -> None:
    before, content = counted("smtpguard_scanner_storms_total"), await house.content()
    for number in range(STORM * 2):
        await house.get(house.link(f"r{number}@reader.example"))
    assert counted("smtpguard_scanner_storms_total") == before + 1
    assert await house.content() == content


async def test_a_reader_who_reloads_is_no_scanner(
    house: House, counted: Callable[[str], float]
) -> None:
    before = counted("smtpguard_scanner_storms_total")
    for _ in range(STORM * 2):
        await house.get(house.link())
    assert counted("smtpguard_scanner_storms_total") == before


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "who"),
    [
        ("198.51.100.1", "203.0.113.5", [], "198.51.100.1"),
        ("198.51.100.1", "203.0.113.5", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.1", "203.0.113.5", ["10.0.0.0/8"], "203.0.113.5"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.5, 10.0.0.2", ["10.0.0.0/8"], "203.0.113.5"),
        ("10.0.0.1", "6.6.6.6, nonsense", ["10.0.0.0/8"], "nonsense"),
        ("10.0.0.1", "", ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", " , ,", ["10.0.0.0/8"], "10.0.0.1"),
        ("", "203.0.113.5", ["unix"], "203.0.113.5"),
        ("", "203.0.113.5", [], ""),
        ("10.0.0.1", "203.0.113.5:50001", ["10.0.0.0/8"], "203.0.113.5"),
        ("10.0.0.1", "[2001:db8::5]:50001", ["10.0.0.0/8"], "2001:db8::5"),
        ("10.0.0.1", "2001:db8::5", ["10.0.0.0/8"], "2001:db8::5"),
        ("10.0.0.1", "x" * 5000, ["10.0.0.0/8"], "x" * 45),
    ],
)
def test_whose_request_it_is(peer: str, forwarded: str, proxies: list[str], who: str) -> None:
    headers = Headers({"x-forwarded-for": forwarded} if forwarded else {})
    scope = {"client": (peer, 1) if peer else None}
    assert client(scope, headers, Peers.parse(proxies)) == who


async def test_a_proxy_that_is_not_listed_is_noticed_once(
    house: House, few: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(log, "warned", said.append)
    async with await asking(house.desk, few, "127.0.0.1") as proxy:
        for _ in range(2):
            await proxy.get("/favicon.ico", headers={"X-Forwarded-For": "203.0.113.5"})
    assert len(said) == 1
    assert "name it in web.proxies" in said[0]


async def test_the_host_is_never_used(house: House) -> None:
    answer = await house.client.get(house.link(), headers={"Host": "evil.example"})
    assert "evil" not in answer.text
    sent = await house.client.post(
        house.link(), data={"leave": "stream"}, headers={"Host": "evil.example"}
    )
    assert sent.headers["location"].startswith("../left-stream/")


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_whose_limits_count(address: str, whole: str) -> None:
    assert household(address) == whole


async def test_a_thousand_addresses_of_one_network_are_one_client(house: House, few: Web) -> None:
    house.desk.settings = few
    scope_app = application(house.desk)
    answers = []
    for host in range(1, 32):
        transport = httpx.ASGITransport(scope_app, client=(f"2001:db8::{host:x}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as browser:
            answers.append((await browser.get(house.link())).status_code)
    assert answers == [200] * 30 + [429]

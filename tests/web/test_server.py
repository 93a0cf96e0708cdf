"""The door itself, by raw sockets: slow, large and smuggled requests, and a clean end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from smtpguard.web import status
from smtpguard.web.app import application
from smtpguard.web.desk import Desk
from smtpguard.web.settings import Limits, Tls, Web
from smtpguard.web.site import Asset
from tests.web.door import say, served

if TYPE_CHECKING:
    from tests.web.conftest import House


@pytest.fixture
def web() -> Web:
    return Web(limits=Limits(seconds=0.3, connections_per_client=20))


def opened(desk: Desk, tls: Tls | None = None) -> AbstractAsyncContextManager[int]:
    """The port of the pages."""
    return served(application(desk), desk.settings, tls)


def heavy(desk: Desk) -> str:
    """The path of a file that no socket's buffers hold."""
    desk.site = replace(desk.site, assets={"x.svg": Asset(bytes(8_000_000), "image/svg+xml")})
    return "/static/x.svg"


def post(path: str, *fields: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *fields])
    return head.encode() + b"\r\n\r\n" + body


async def test_a_click_as_gmail_sends_it(house: House) -> None:
    body = b"List-Unsubscribe=One-Click"
    form = "Content-Type: application/x-www-form-urlencoded"
    async with opened(house.desk) as port:
        answer = await say(
            port, post(house.link(), form, "Content-Length: 26", "Connection: close", body=body)
        )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"server:" not in answer.lower()
    assert len(await house.wishes()) == 1


async def test_a_header_that_does_not_come(house: House) -> None:
    async with opened(house.desk) as port:
        assert await say(port) == b""
        assert await say(port, b"GET /u/x HT") == b""
        pieces = [bytes([octet]) for octet in post("/u/x")]
        assert await say(port, *pieces, pause=0.02) == b""


async def test_a_body_that_does_not_come(house: House) -> None:
    async with opened(house.desk) as port:
        answer = await say(port, post(house.link(), "Content-Length: 26", body=b"List"))
        assert answer.startswith(b"HTTP/1.1 408 ")
        answer = await say(
            port, post(house.link(), "Transfer-Encoding: chunked", body=b"4\r\nList\r\n")
        )
        assert answer.startswith(b"HTTP/1.1 408 ")
    assert await house.wishes() == set()


async def test_a_large_body_is_not_waited_for(house: House) -> None:
    async with opened(house.desk) as port:
        answer = await say(port, post(house.link(), "Content-Length: 1000000"))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert await house.wishes() == set()


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 4"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: 4\r\n Content-Length: 5",),
        ("X: a\0b",),
    ],
)
async def test_a_smuggled_request_is_not_served(house: House, fields: tuple[str, ...]) -> None:
    hidden = post(house.link("victim@reader.example"), "Content-Length: 0")
    async with opened(house.desk) as port:
        answer = await say(port, post("/u/x", *fields, body=b"0\r\n\r\n" + hidden))
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert answer.count(b"HTTP/1.1") == 1
    assert await house.wishes("victim@reader.example") == set()


@pytest.mark.parametrize(
    "line",
    [
        b"GET /u/\r\nX: HTTP/1.1\r\n\r\n",
        b"GET /u/" + b"x" * 20_000,
        b"\x16\x03\x01\x02\x00\x01",
        b"EHLO x\r\n\r\n",
    ],
)
async def test_what_is_no_request(house: House, line: bytes) -> None:
    async with opened(house.desk) as port:
        answer = await say(port, line)
    assert not answer or answer.startswith(b"HTTP/1.1 400 ")


async def test_one_client_holds_so_many_connections(
    house: House, counted: Callable[[str], float]
) -> None:
    before = counted("smtpguard_web_limited_total")
    async with opened(house.desk) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(25)]
        async with asyncio.timeout(2):
            while counted("smtpguard_web_limited_total") < before + 5:
                await asyncio.sleep(0.01)
        for _, writer in held:
            writer.close()


async def test_who_does_not_read_is_not_waited_for(
    house: House, counted: Callable[[str], float]
) -> None:
    path, before = heavy(house.desk), counted("smtpguard_web_limited_total")
    async with opened(house.desk) as port:
        with socket.create_connection(("127.0.0.1", port)) as idle:
            idle.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            async with asyncio.timeout(5):
                while counted("smtpguard_web_limited_total") == before:
                    await asyncio.sleep(0.02)


async def test_who_reads_slowly_is_waited_for(house: House) -> None:
    path = heavy(house.desk)
    async with opened(house.desk) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        taken = 0
        async with asyncio.timeout(30):
            while taken < 8_000_000:
                taken += len(await reader.read(1_000_000))
                await asyncio.sleep(0.001)
        writer.close()


async def test_what_is_under_way_is_finished(house: House) -> None:
    async with opened(house.desk) as port:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(house.link(), "Content-Length: 26", body=b"List-Unsubscribe="))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(asyncio.sleep(0.05))
        closing.add_done_callback(lambda _: writer.write(b"One-Click"))
    answer = await asyncio.wait_for(_reader.read(), 2)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert len(await house.wishes()) == 1
    writer.close()


async def test_over_tls(house: House, tmp_path: Path) -> None:
    """A page of many records, and one that the sockets' buffers do not hold."""
    authority = trustme.CA()
    issued = authority.issue_cert("exit.example")
    tls = Tls(certificate=tmp_path / "chain.pem", key=tmp_path / "key.pem")
    issued.private_key_pem.write_to_path(str(tls.key))
    for octets in issued.cert_chain_pems:
        octets.write_to_path(str(tls.certificate), append=True)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    path = heavy(house.desk)
    async with opened(house.desk, tls) as port:
        for asked, size in (("/u/x", 1000), (path, 8_000_000)):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="exit.example"
            )
            writer.write(f"GET {asked} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            async with asyncio.timeout(30):
                answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 ")
            assert len(answer) > size
            writer.close()


async def test_status(house: House) -> None:
    import httpx

    transport = httpx.ASGITransport(status.application(house.desk))
    async with httpx.AsyncClient(transport=transport, base_url="http://s") as operator:
        assert (await operator.get("/healthz")).text == "ok\n"
        ready = await operator.get("/readyz")
        assert (ready.status_code, ready.text[:11]) == (200, "ok, policy ")
        await house.client.post(house.link())
        numbers = (await operator.get("/metrics")).text
        assert 'smtpguard_opt_outs_total{channel="one-click",new="true",scope="stream"}' in numbers
        assert 'smtpguard_webhooks_waiting{state="given-up"} 0.0' in numbers
        assert "reader.example" not in numbers
        assert house.token() not in numbers
        await house.desk.store.close()
        silent = await operator.get("/readyz")
        assert (silent.status_code, silent.text) == (503, "store: the store is closed\n")
        assert (await operator.get("/healthz")).status_code == 200

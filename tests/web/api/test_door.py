"""The door of the API, by raw sockets: large, slow, smuggled, and given up."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest

from smtpguard.web.api.app import application
from smtpguard.web.desk import Desk
from smtpguard.web.settings import Web
from tests.web.api.conftest import CHECK, narrow, token
from tests.web.door import say, served

if TYPE_CHECKING:
    from tests.web.api.conftest import Program


@pytest.fixture
def web() -> Web:
    return narrow()


def opened(desk: Desk) -> AbstractAsyncContextManager[int]:
    """The port of the API."""
    return served(application(desk), desk.settings)


def post(path: str, *fields: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    said = (f"Authorization: Bearer {token('crm')}", f"Content-Type: {kind}", "Host: localhost")
    head = "\r\n".join([f"POST {path} HTTP/1.1", *said, *fields])
    return head.encode() + b"\r\n\r\n" + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


BODY = json.dumps(CHECK).encode()


async def test_as_a_program_sends_it(desk: Desk, program: Program) -> None:
    async with opened(desk) as port:
        length = f"Content-Length: {len(BODY)}"
        answer = await say(port, post("/v1/check", length, "Connection: close", body=BODY))
        assert status(answer) == 200
        assert b"server:" not in answer.lower()
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
        fields = ("Transfer-Encoding: chunked", "Connection: close")
        assert status(await say(port, post("/v1/check", *fields, body=chunked))) == 200


async def test_a_large_body_is_not_waited_for(desk: Desk) -> None:
    async with opened(desk) as port:
        for length in ("4097", "99999999999999999999999999", "-1", "+5", "0x10", "5, 6"):
            answer = await say(port, post("/v1/check", f"Content-Length: {length}"))
            assert status(answer) in (400, 413)
        more = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        answer = await say(port, post("/v1/check", "Transfer-Encoding: chunked", body=more * 2))
        assert status(answer) == 413


async def test_a_body_that_does_not_come(desk: Desk) -> None:
    async with opened(desk) as port:
        answer = await say(port, post("/v1/check", "Content-Length: 60", body=b'{"'))
        assert status(answer) == 408
        slow = [bytes([octet]) for octet in BODY]
        answer = await say(port, post("/v1/check", "Content-Length: 99"), *slow, pause=0.02)
        assert status(answer) in (0, 408)  # who goes on sending may not hear it
        answer = await say(port, post("/v1/check", "Transfer-Encoding: chunked", body=b"4\r\nx"))
        assert status(answer) == 408


async def test_a_header_that_does_not_come(desk: Desk) -> None:
    async with opened(desk) as port:
        assert await say(port, b"POST /v1/check HTTP/1.1\r\nHost: local") == b""
        assert status(await say(port, b"GET / HTTP/1.1\r\nHost: " + b"x" * 20_000)) in (0, 400)


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 4"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: 4\r\n Content-Length: 5",),
        ("Host: localhost", "Content-Length: 0"),
        ("X: a\0b",),
    ],
)
async def test_a_smuggled_request_is_not_served(
    desk: Desk, program: Program, fields: tuple[str, ...]
) -> None:
    victim = b'{"addresses":["victim@client.example"]}'
    hidden = post("/v1/suppressions", f"Content-Length: {len(victim)}", body=victim)
    async with opened(desk) as port:
        answer = await say(port, post("/v1/check", *fields, body=b"0\r\n\r\n" + hidden))
    assert status(answer) in (400, 501)
    assert answer.count(b"HTTP/1.1") == 1
    assert not await program.standing("victim@client.example")


@pytest.mark.parametrize("path", ["/v1/stats", "/v1/check", "/v1/nothing"])
async def test_a_body_that_nobody_reads_is_not_waited_for(desk: Desk, path: str) -> None:
    async with opened(desk) as port:
        answer = await say(port, post(path, "Content-Length: 4000", kind="text/plain", body=b"x"))
    assert status(answer) in (403, 404, 405, 415)
    assert b"connection: close" in answer.lower()


async def test_two_tokens_are_none(desk: Desk) -> None:
    second = f"Authorization: Bearer {token('root')}"
    async with opened(desk) as port:
        answer = await say(port, post("/v1/check", second, "Connection: close"))
    assert status(answer) == 401


async def test_without_a_host_it_is_nobody_s(desk: Desk) -> None:
    said = f"POST /v1/check HTTP/1.0\r\nAuthorization: Bearer {token('crm')}\r\n\r\n".encode()
    async with opened(desk) as port:
        assert status(await say(port, said)) == 421


async def test_too_much_at_a_time_is_put_off(desk: Desk, program: Program) -> None:
    """Bodies that have arrived in part count, and are forgotten when who sent them goes."""
    part = b"x" * 60_000
    more = post("/v1/clean", "Content-Length: 65000", body=part, kind="text/plain")
    async with opened(desk) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(more)
        await asyncio.sleep(0.1)
        answer = await say(port, more)
        assert (status(answer), b"retry-after: 10" in answer.lower()) == (503, True)
        writer.close()
        await asyncio.sleep(0.1)
        rows = b"a@b.example\n" * 5000
        fields = (f"Content-Length: {len(rows)}", "Connection: close")
        whole = post("/v1/clean?stream=news", *fields, body=rows, kind="text/plain")
        assert status(await say(port, whole)) == 200


async def test_who_goes_away_is_not_worked_for(
    desk: Desk, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, asked = desk.store.look_up, 0

    async def slow(*words: object) -> object:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.02)
        return await look_up(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.store, "look_up", slow)
    rows = b"a@b.example\n" * 5000
    async with opened(desk) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        fields = f"Content-Length: {len(rows)}"
        writer.write(post("/v1/clean?stream=news", fields, body=rows, kind="text/plain"))
        while not asked:
            await asyncio.sleep(0.01)
        writer.close()
        await asyncio.sleep(0.2)
    assert asked < 15  # of fifty portions

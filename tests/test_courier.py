"""Requests of our own: where they go, and when they give up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from smtpguard.courier import LARGEST, Answer, Courier, Unreachable

Server = Callable[[bytes], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Server]:
    """A server that always answers the same octets; ``heard`` of it is not needed."""
    running: list[asyncio.Server] = []

    async def start(octets: bytes) -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(octets)
            if octets:
                await writer.drain()
            else:
                await reader.read()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        running.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for one in running:
        one.close()
        await one.wait_closed()


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    one = Courier(0.3)
    yield one
    await one.close()


async def test_it_brings_the_answer(serve: Server, courier: Courier) -> None:
    url = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    assert await courier.post(url, b"x", {}) == Answer(200, b"hi")


async def test_it_goes_nowhere_else(serve: Server, courier: Courier) -> None:
    other = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n"
    assert await courier.post(await serve(moved.encode()), b"x", {}) == Answer(307, b"")


async def test_no_proxy_of_the_environment_is_believed(
    serve: Server, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    url = await serve(b"HTTP/1.1 204 Fine\r\n\r\n")
    assert (await courier.post(url, b"x", {})).status == 204


async def test_a_server_that_says_nothing_is_not_waited_for(
    serve: Server, courier: Courier
) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"within 0\.3 s"):
        await courier.post(await serve(b""), b"x", {})
    assert time.monotonic() - began < 3


async def test_an_answer_without_end_is_cut(serve: Server, courier: Courier) -> None:
    url = await serve(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2 * LARGEST)
    assert len((await courier.post(url, b"x", {})).body) == LARGEST


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://[::1", "nonsense"])
async def test_no_server(courier: Courier, url: str) -> None:
    with pytest.raises(Unreachable):
        await courier.post(url, b"x", {})

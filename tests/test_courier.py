"""Requests of our own: where they go, what they carry, and when they give up."""

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from smtpguard.courier import LARGEST, LONGEST_WHY, Answer, Courier, Unreachable

Octets = Callable[[bytes], bytes]
"""The answer to a request's header."""


class Place:
    """A server that answers, again and again, what it is told to; and what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.running: list[asyncio.Server] = []

    async def __call__(
        self, says: bytes | Octets, *, tls: ssl.SSLContext | None = None, end: bool = True
    ) -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while not reader.at_eof():
                try:
                    header = await reader.readuntil(b"\r\n\r\n")
                    await reader.readexactly(1)  # of the body, which is "x"
                except asyncio.IncompleteReadError:
                    break
                self.heard.append(header)
                octets = says if isinstance(says, bytes) else says(header)
                writer.write(octets)
                await writer.drain()
                if end and octets:
                    break
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
        self.running.append(server)
        port = server.sockets[0].getsockname()[1]
        return f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"


@pytest.fixture
async def serve() -> AsyncIterator[Place]:
    place = Place()
    yield place
    for one in place.running:
        one.close()
        await one.wait_closed()


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    one = Courier(0.3)
    yield one
    await one.close()


async def test_it_brings_the_answer(serve: Place, courier: Courier) -> None:
    url = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    assert await courier.post(url, b"x", {}) == Answer(200, b"hi")


async def test_it_goes_nowhere_else(serve: Place, courier: Courier) -> None:
    other = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n"
    assert await courier.post(await serve(moved.encode()), b"x", {}) == Answer(307, b"")


async def test_no_proxy_of_the_environment_is_believed(
    serve: Place, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    url = await serve(b"HTTP/1.1 204 Fine\r\n\r\n")
    assert (await courier.post(url, b"x", {})).status == 204


async def test_no_cookie_comes_back(serve: Place, courier: Courier) -> None:
    """A balancer's would have every question answered by the same of several servers."""
    url = await serve(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: server=1; Path=/\r\nContent-Length: 0\r\n\r\n", end=False
    )
    for _ in range(2):
        await courier.post(url, b"x", {})
    assert [b"cookie" in header.lower() for header in serve.heard] == [False, False]


async def test_answers_are_asked_for_as_they_are(serve: Place, courier: Courier) -> None:
    def compressed(header: bytes) -> bytes:
        body = gzip.compress(b"hi") if b"gzip" in header else b"hi"
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    assert (await courier.post(await serve(compressed), b"x", {})).body == b"hi"
    assert b"user-agent: smtpguard/" in serve.heard[0].lower()


async def test_what_is_compressed_all_the_same_is_not_opened(
    serve: Place, courier: Courier
) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    answer = await courier.post(await serve(head + bomb), b"x", {})
    assert answer.body == bomb[:LARGEST]


async def test_a_server_that_says_nothing_is_not_waited_for(serve: Place, courier: Courier) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"within 0\.3 s"):
        await courier.post(await serve(b""), b"x", {})
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("piece", [b"HTTP/1.1 102 Wait\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: y"])
async def test_nor_one_that_says_a_little_now_and_then(courier: Courier, piece: bytes) -> None:
    gone = asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.05)
        gone.set()

    began = time.monotonic()
    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(Unreachable, match=r"within 0\.3 s"):
            await courier.post(url, b"x", {})
        assert time.monotonic() - began < 3
        await courier.close()
        await gone.wait()


async def test_an_answer_without_end_is_cut(serve: Place, courier: Courier) -> None:
    url = await serve(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2 * LARGEST)
    assert len((await courier.post(url, b"x", {})).body) == LARGEST


async def test_what_is_wrong_with_an_answer_is_quoted_in_short(
    serve: Place, courier: Courier
) -> None:
    """It is kept with every event that was not heard."""
    url = await serve(b"HTTP/1.1 200 OK\r\n" + b"no\x1bheader " * 6000 + b"\r\n\r\n")
    with pytest.raises(Unreachable) as caught:
        await courier.post(url, b"x", {})
    assert 0 < len(str(caught.value)) <= LONGEST_WHY
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9",
        "http://127.0.0.1:99999",
        "http://[::1",
        "nonsense",
        f"http://{'a' * 70}.example",
        "http://a..example",
        "http://a\x00b",
    ],
)
async def test_no_server(courier: Courier, url: str) -> None:
    with pytest.raises(Unreachable):
        await courier.post(url, b"x", {})


FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def shown(authority: trustme.CA, *names: str, ends: datetime | None = None) -> ssl.SSLContext:
    """What a server of these names shows its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=ends).configure_cert(context)
    return context


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    one = trustme.CA()
    one.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return one


async def test_a_certificate_is_believed_and_its_end_is_known(
    serve: Place, authority: trustme.CA
) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=30)
    courier = Courier(3)
    url = await serve(FINE, tls=shown(authority, "localhost", ends=ends))
    assert await courier.post(url, b"x", {}) == Answer(200, b"", int(ends.timestamp()))
    await courier.close()


async def test_the_wrong_certificate_is_not(serve: Place, authority: trustme.CA) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    for context in (
        shown(authority, "elsewhere.example"),
        shown(authority, "localhost", ends=past),
        shown(trustme.CA(), "localhost"),
    ):
        courier = Courier(3)
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await courier.post(await serve(FINE, tls=context), b"x", {})
        await courier.close()
    assert serve.heard == []

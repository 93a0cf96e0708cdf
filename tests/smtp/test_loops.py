"""A whole way, TLS on both sides, on each event loop that we run on."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
import trustme
import uvloop

from smtpguard.mail.envelope import Recipient, Session
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.server import Server
from smtpguard.smtp.settings import Deadlines, Limits, Listener, Onward, Tls
from smtpguard.smtp.upstream import Delivery, Upstream

LOOPBACK = (ip_network("127.0.0.0/8"),)
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


class Onwards:
    """A receiver that sends everything on in one burst."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.delivery: Delivery | None = None

    async def capabilities(self) -> Capabilities:
        return await self.upstream.capabilities()

    async def mail(self, session: Session, sender: Any, parameters: Any) -> Onwards:
        self.delivery = await self.upstream.begin(session)
        return self

    async def rcpt(self, recipient: Recipient) -> bytes:
        return b"250 2.1.5 Ok\r\n"

    async def data(self, content: bytes) -> AsyncIterator[bytes]:
        assert self.delivery is not None
        burst = await self.delivery.burst(b"FROM:<a@c.example>", [b"TO:<b@d.example>"], content)
        await self.delivery.release()
        yield burst.final.octets

    async def abandon(self) -> None:
        assert self.delivery is not None
        await self.delivery.release()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("behind", ["tcp", "unix"])
def test_mail_passes_under_tls_on_both_sides(
    loop: Callable[[], asyncio.AbstractEventLoop],
    behind: str,
    box: Any,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "guard.example").configure_cert(server_side)
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client_side)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    content = b"Subject: x\r\n\r\n.dot\r\n" + b"y" * 997 + b"\r\n" * 2000
    content += (b"z" * 500 + b"\r\n") * 2000

    faults: list[dict[str, Any]] = []

    async def pass_through() -> tuple[list[bytes], Server]:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        kept = box()
        sink = Server(Listener("sink", "up.example", relay_from=LOOPBACK, tls=server_side), kept)
        onward = Onward("guard.example", tls=Tls.REQUIRED, ca_file=str(tmp_path / "ca.pem"))
        if behind == "unix":
            sock = socket.socket(socket.AF_UNIX)
            sock.bind(str(tmp_path / "up"))
            onward = replace(onward, path=str(tmp_path / "up"))
        else:
            sock = socket.create_server(("127.0.0.1", 0))
            onward = replace(onward, port=sock.getsockname()[1])
        await sink.start([sock])
        upstream = Upstream(onward)
        listener = Listener("front", "guard.example", relay_from=LOOPBACK, tls=server_side)
        front = Server(listener, Onwards(upstream))
        sock = socket.create_server(("127.0.0.1", 0))
        await front.start([sock])
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1",
            port=sock.getsockname()[1],
            local_hostname="client.example",
            start_tls=True,
            tls_context=client_side,
        )
        async with client:
            for _ in range(2):
                await client.mail("a@c.example")
                await client.rcpt("b@d.example")
                assert (await client.data(content)).message == "2.0.0 Kept"
        assert await front.drain(5) == 0
        await upstream.close()
        assert await sink.drain(5) == 0
        assert all(session.tls for session in kept.sessions)
        return kept.messages, sink

    with asyncio.Runner(loop_factory=loop) as runner:
        messages, _ = runner.run(pass_through())
        gc.collect()
    assert faults == []
    assert messages == [content, content]
    if behind == "unix":
        assert (tmp_path / "up").exists()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_goodbye_is_heard(loop: Callable[[], asyncio.AbstractEventLoop], box: Any) -> None:
    async def say_nothing() -> bytes:
        listener = Listener(
            "front",
            "guard.example",
            limits=Limits(errors=2),
            deadlines=Deadlines(command=0.2),
        )
        front = Server(listener, box())
        sock = socket.create_server(("127.0.0.1", 0))
        await front.start([sock])
        heard = b""
        for said in (b"", b"NOOP\r\nA\r\nB\r\n", b"GET / HTTP/1.1\r\n", b"QUIT\r\n"):
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(said)
            heard += await reader.read()
            writer.close()
        await front.drain(5)
        return heard

    with asyncio.Runner(loop_factory=loop) as runner:
        heard = runner.run(say_nothing())
    codes = b" ".join(line[:3] for line in heard.splitlines())
    assert codes == b"220 421 220 250 500 500 421 220 221 220 221"

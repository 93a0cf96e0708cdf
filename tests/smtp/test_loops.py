"""A whole way, TLS on both sides, on each event loop that we run on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
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
from smtpguard.smtp.settings import Listener, Onward, Tls
from smtpguard.smtp.upstream import Delivery, Upstream


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


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
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

    async def pass_through() -> tuple[list[bytes], Server]:
        kept = box()
        listener = {"relay_from": (ip_network("127.0.0.0/8"),), "tls": server_side}
        sink = Server(Listener("sink", "up.example", **listener), kept)
        if behind == "unix":
            sock = socket.socket(socket.AF_UNIX)
            sock.bind(str(tmp_path / "up"))
            where = {"path": str(tmp_path / "up")}
        else:
            sock = socket.create_server(("127.0.0.1", 0))
            where = {"port": sock.getsockname()[1]}
        await sink.start([sock])
        trust = {"tls": Tls.REQUIRED, "ca_file": str(tmp_path / "ca.pem")}
        upstream = Upstream(Onward("guard.example", **where, **trust))
        front = Server(Listener("front", "guard.example", **listener), Onwards(upstream))
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
    assert messages == [content, content]
    if behind == "unix":
        assert (tmp_path / "up").exists()

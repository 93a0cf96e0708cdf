"""Connecting, keeping connections, and what is said when there is none."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from smtpguard.mail.envelope import Session
from smtpguard.smtp.capabilities import ASSUMED
from smtpguard.smtp.settings import Tls
from smtpguard.smtp.upstream import UpstreamUnavailable
from tests.processes import free_port
from tests.smtp.conftest import MAIL, RCPT, greet, send


async def test_what_the_upstream_offers_is_known_and_kept(
    upstream: Any, upstairs: Any, sink: Any
) -> None:
    there = await upstairs(sink())
    up = upstream(port=there.port)
    capabilities = await up.capabilities()
    assert (capabilities.size, capabilities.eightbitmime, capabilities.dsn) == (1000, True, False)
    assert await up.capabilities() is capabilities
    assert there.calls == 1


async def test_one_question_for_all_who_ask_at_once(
    upstream: Any, upstairs: Any, sink: Any
) -> None:
    there = await upstairs(sink())
    up = upstream(port=there.port)
    await asyncio.gather(*(up.capabilities() for _ in range(5)))
    assert there.calls == 1


async def test_nothing_known_is_assumed_and_nobody_waits_twice(upstream: Any) -> None:
    up = upstream(port=free_port())
    assert await up.capabilities() is ASSUMED
    failed_at = up._failed_at
    assert await up.capabilities() is ASSUMED
    assert up._failed_at == failed_at


async def test_no_listener_is_451(upstream: Any) -> None:
    with pytest.raises(UpstreamUnavailable) as raised:
        await upstream(port=free_port()).begin(Session())
    assert bytes(raised.value.reply).startswith(b"451 4.4.1 ")


async def test_no_name_is_451(upstream: Any, tmp_path: Path) -> None:
    with pytest.raises(UpstreamUnavailable) as raised:
        await upstream(path=str(tmp_path / "none")).begin(Session())
    assert bytes(raised.value.reply).startswith(b"451 4.4.1 ")


@pytest.mark.parametrize(
    ("banner", "code"),
    [
        (b"554 no\r\n", b"4.4.2"),
        (b"421 later\r\n", b"4.4.2"),
        (b"SSH-2.0\r\n", b"4.4.1"),
        (b"", b"4.4.1"),
    ],
)
async def test_a_banner_that_is_none_is_451(
    upstream: Any, upstairs: Any, banner: bytes, code: bytes
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        writer.close()

    there = await upstairs(script)
    with pytest.raises(UpstreamUnavailable) as raised:
        await upstream(port=there.port).begin(Session())
    assert bytes(raised.value.reply).startswith(b"451 " + code)


async def test_a_silent_banner_is_451_in_time(upstream: Any, upstairs: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    there = await upstairs(script)
    with pytest.raises(UpstreamUnavailable) as raised:
        await upstream(port=there.port, connect=0.05).begin(Session())
    assert bytes(raised.value.reply).startswith(b"451 4.4.1 ")


async def test_helo_is_said_where_ehlo_is_refused(upstream: Any, upstairs: Any, sink: Any) -> None:
    polite = sink(b"502 5.5.1 what?\r\n")
    up = upstream(port=(await upstairs(polite)).port)
    delivery = await up.begin(Session())
    assert not delivery.capabilities.pipelining
    burst = await delivery.burst(MAIL, [RCPT], b"x\r\n")
    assert burst.final.octets == b"250 2.0.0 Taken\r\n"
    await delivery.release()


async def test_death_after_the_dot_is_ambiguous_and_before_it_is_not(
    upstream: Any, upstairs: Any
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 Ok\r\n250 Ok\r\n" + (b"354 go\r\n" if there.calls == 1 else b""))
        if there.calls == 1:
            await reader.readuntil(b"\r\n.\r\n")
        writer.close()

    there = await upstairs(script)
    up = upstream(port=there.port)
    finals = []
    for _ in range(2):
        delivery = await up.begin(Session())
        finals.append((await delivery.burst(MAIL, [RCPT], b"x\r\n")).final)
        await delivery.release()
    assert [final.octets[:9] for final in finals] == [b"451 4.4.2", b"451 4.4.2"]
    assert [final.ambiguous for final in finals] == [True, False]
    assert all(final.own for final in finals)
    assert there.calls == 2


async def test_an_answer_before_the_dot_is_kept_and_no_dot_is_sent(
    upstream: Any, upstairs: Any
) -> None:
    heard: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 Ok\r\n250 Ok\r\n354 go\r\n552 5.3.4 Enough\r\n")
        with contextlib.suppress(ConnectionError):
            heard.append(await reader.read())

    there = await upstairs(script)
    delivery = await upstream(port=there.port).begin(Session())
    burst = await delivery.burst(MAIL, [RCPT], b"x" * 5_000_000)
    await delivery.release()
    assert burst.final.octets == b"552 5.3.4 Enough\r\n"
    assert not burst.final.ambiguous
    assert not b"".join(heard).endswith(b".\r\n")


async def test_a_deadline_holds_for_the_whole_delivery(upstream: Any, upstairs: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        await reader.read()

    there = await upstairs(script)
    delivery = await upstream(port=there.port).begin(Session())
    burst = await delivery.burst(MAIL, [RCPT, RCPT], b"x\r\n", deadline=0.05)
    await delivery.release()
    assert len(burst.rcpts) == 2
    assert bytes(burst.final.octets).startswith(b"451 4.4.2 ")
    assert not burst.final.ambiguous


async def test_a_unix_socket_will_do(upstream: Any, tmp_path: Path, sink: Any) -> None:
    path = str(tmp_path / "s")
    server = await asyncio.start_unix_server(sink(), path)
    up = upstream(path=path)
    assert await send(up) == b"250 2.0.0 Taken\r\n"
    await up.close()
    server.close()
    await asyncio.sleep(0.01)


def tls(polite: Any, authority: trustme.CA, name: str) -> None:
    polite.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(polite.context)
    polite.ehlo = b"250-up\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"


@pytest.mark.parametrize("mode", [Tls.REQUIRED, Tls.OPPORTUNISTIC])
async def test_tls_and_credentials(
    upstream: Any, upstairs: Any, sink: Any, authority: trustme.CA, tmp_path: Path, mode: Tls
) -> None:
    polite = sink()
    tls(polite, authority, "127.0.0.1" if mode is Tls.REQUIRED else "other.example")
    there = await upstairs(polite)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    up = upstream(
        host="127.0.0.1",
        port=there.port,
        tls=mode,
        ca_file=str(tmp_path / "ca.pem"),
        user="me",
        password="secret",
    )
    delivery = await up.begin(Session())
    assert delivery.capabilities.auth
    assert delivery.capabilities.authenticated
    content = b"x" * 998 + b"\r\n"
    content *= 600
    burst = await delivery.burst(MAIL, [RCPT], content)
    assert burst.final.octets == b"250 2.0.0 Taken\r\n"
    assert delivery._wire.transport.get_extra_info("ssl_object") is not None
    await delivery.release()
    assert polite.count(b"EHLO") == 2


async def test_tls_that_does_not_verify_is_no_tls(
    upstream: Any, upstairs: Any, sink: Any, authority: trustme.CA, tmp_path: Path
) -> None:
    polite = sink()
    tls(polite, authority, "other.example")
    there = await upstairs(polite)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    up = upstream(port=there.port, tls=Tls.REQUIRED, ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(UpstreamUnavailable) as raised:
        await up.begin(Session())
    assert bytes(raised.value.reply).startswith(b"451 4.7.5 ")
    assert not polite.count(b"MAIL")


async def test_tls_that_is_not_offered_is_not_done_without(
    upstream: Any, upstairs: Any, sink: Any
) -> None:
    there = await upstairs(sink())
    with pytest.raises(UpstreamUnavailable) as raised:
        await upstream(port=there.port, tls=Tls.REQUIRED).begin(Session())
    assert bytes(raised.value.reply).startswith(b"451 4.7.5 ")
    assert await send(upstream(port=there.port, tls=Tls.OPPORTUNISTIC)) == b"250 2.0.0 Taken\r\n"


async def test_wrong_credentials_are_451(upstream: Any, upstairs: Any, sink: Any) -> None:
    there = await upstairs(sink(b"250-up\r\n250 AUTH PLAIN\r\n"))
    with pytest.raises(UpstreamUnavailable) as raised:
        await upstream(port=there.port, user="me", password="wrong").begin(Session())
    assert bytes(raised.value.reply).startswith(b"451 4.7.0 ")

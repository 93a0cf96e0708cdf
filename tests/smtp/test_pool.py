"""Connections kept: which one is used next, how long, and what is done about dead ones."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from smtpguard.mail.envelope import Session
from smtpguard.smtp.upstream import UpstreamUnavailable
from tests.processes import free_port
from tests.smtp.conftest import MAIL, RCPT, greet, send


async def test_a_connection_is_used_again(upstream: Any, upstairs: Any, sink: Any) -> None:
    there = await upstairs(sink())
    up = upstream(port=there.port)
    for _ in range(3):
        assert await send(up) == b"250 2.0.0 Taken\r\n"
    assert there.calls == 1


async def test_a_connection_is_used_so_many_times(upstream: Any, upstairs: Any, sink: Any) -> None:
    polite = sink()
    there = await upstairs(polite)
    up = upstream(port=there.port, uses=2)
    for _ in range(4):
        await send(up)
    assert there.calls == 2


async def test_the_last_one_used_is_used_next(upstream: Any, upstairs: Any, sink: Any) -> None:
    up = upstream(port=(await upstairs(sink())).port)
    first, second = await up.begin(Session()), await up.begin(Session())
    wire = first._wire
    await second.release()
    await first.release()
    assert (await up.begin(Session()))._wire is wire


async def test_unused_connections_are_closed(upstream: Any, upstairs: Any, sink: Any) -> None:
    polite = sink()
    up = upstream(port=(await upstairs(polite)).port, idle=0.02)
    await send(up)
    async with asyncio.timeout(5):
        while not polite.count(b"QUIT"):
            await asyncio.sleep(0.005)
    assert up._pool._idle == []


async def test_a_stale_connection_is_asked_first(upstream: Any, upstairs: Any, sink: Any) -> None:
    polite = sink()
    up = upstream(port=(await upstairs(polite)).port, stale=-1.0)
    await send(up)
    await send(up)
    assert polite.count(b"NOOP") == 1


async def test_a_stale_connection_that_is_silent_is_replaced(
    upstream: Any, upstairs: Any, sink: Any
) -> None:
    polite = sink()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if there.calls > 1:
            await polite(reader, writer)
        else:
            await greet(reader, writer)
            await reader.read()

    there = await upstairs(script)
    up = upstream(port=there.port, stale=-1.0, connect=0.3)
    await up.capabilities()
    assert await send(up) == b"250 2.0.0 Taken\r\n"
    assert there.calls == 2


async def test_one_too_many_waits_and_is_put_off(upstream: Any, upstairs: Any, sink: Any) -> None:
    up = upstream(port=(await upstairs(sink())).port, connections=1, connect=0.2)
    delivery = await up.begin(Session())
    with pytest.raises(UpstreamUnavailable) as raised:
        await up.begin(Session())
    assert bytes(raised.value.reply).startswith(b"451 4.4.5 ")
    waiting = asyncio.create_task(up.begin(Session()))
    await asyncio.sleep(0)
    await delivery.release()
    await (await waiting).release()


async def test_failing_to_connect_takes_no_slot(upstream: Any) -> None:
    up = upstream(port=free_port(), connections=1)
    for _ in range(3):
        with pytest.raises(UpstreamUnavailable):
            await up.begin(Session())


async def test_an_abandoned_transaction_is_reset_before_the_next(
    upstream: Any, upstairs: Any, sink: Any
) -> None:
    polite = sink()
    there = await upstairs(polite)
    up = upstream(port=there.port)
    delivery = await up.begin(Session())
    assert (await delivery.mail(MAIL)).accepted
    assert (await delivery.rcpt(RCPT)).accepted
    await delivery.release()
    await delivery.release()
    assert await send(up) == b"250 2.0.0 Taken\r\n"
    said = [line.split()[0] for line in polite.heard]
    assert said == [b"EHLO", b"MAIL", b"RCPT", b"RSET", b"MAIL", b"RCPT", b"DATA"]
    assert there.calls == 1


async def test_a_cancelled_delivery_does_not_leave_its_connection_to_others(
    upstream: Any, upstairs: Any
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        await reader.read()

    there = await upstairs(script)
    up = upstream(port=there.port, connections=1)
    delivery = await up.begin(Session())
    asking = asyncio.create_task(delivery.mail(MAIL))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await delivery.release()
    await (await up.begin(Session())).release()
    assert there.calls == 2


async def test_connections_that_are_silent_together_are_waited_for_once(
    upstream: Any, upstairs: Any, sink: Any
) -> None:
    polite = sink()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if there.calls > 5:
            await polite(reader, writer)
            return
        await greet(reader, writer)
        await reader.read()

    there = await upstairs(script)
    up = upstream(port=there.port, stale=-1.0, connect=0.3)
    for delivery in [await up.begin(Session()) for _ in range(5)]:
        await delivery.release()
    async with asyncio.timeout(0.9):
        assert await send(up) == b"250 2.0.0 Taken\r\n"
    assert up._pool._idle[1:] == []

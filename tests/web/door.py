"""A server on a port, and a client that says whatever octets it likes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from smtpguard.web.server import serving
from smtpguard.web.settings import Tls, Web


@asynccontextmanager
async def served(pages: Starlette, web: Web, tls: Tls | None = None) -> AsyncIterator[int]:
    """The port on which an application is served."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = serving(pages, web, tls=tls)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task


async def say(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send pieces, then read until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()

"""Connections to the upstream, kept for the next transaction: the last one used is used next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from smtpguard.reply import Reply
from smtpguard.smtp.settings import Onward
from smtpguard.smtp.wire import SILENT, UpstreamUnavailable, Wire

CROWDED = Reply(451, "4.5", ("all connections to the upstream are in use, try again later",))


class Pool:
    """At most ``settings.connections`` wires, leased or idle, of one event loop."""

    def __init__(self, connect: Callable[[], Awaitable[Wire]], settings: Onward) -> None:
        self._connect = connect
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.connections)
        self._idle: list[Wire] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def lease(self, seconds: float | None = None) -> Wire:
        """An idle wire that works, or a new one.

        Raises ``UpstreamUnavailable``, and ``TimeoutError`` where it takes longer than ``seconds``.
        """
        now = asyncio.get_running_loop().time()
        if self._idle and not self._slots.locked() and self._is_ready(self._idle[-1], now):
            await self._slots.acquire()
            return self._idle.pop()
        async with asyncio.timeout(seconds):
            return await self._found()

    async def renew(self, wire: Wire) -> Wire:
        """A new wire in place of a leased one that turned out dead; the lease is kept.

        When it raises ``UpstreamUnavailable``, the old wire still has to be given back.
        """
        wire.close()
        return await self._connect()

    async def _found(self) -> Wire:
        """One for which somebody may have to wait."""
        await self._slot()
        try:
            while self._idle:
                wire = self._idle.pop()
                if await self._works(wire):
                    return wire
                if wire.broken is SILENT:
                    self._drop_idle()  # each of them would be waited for in vain
            return await self._connect()
        except BaseException:
            self._slots.release()
            raise

    def give_back(self, wire: Wire) -> None:
        """End a lease. A wire in the middle of a transaction has to be ``reset`` before."""
        self._slots.release()
        wire.uses += 1
        if self._closed or wire.broken is not None or wire.uses >= self._settings.uses:
            wire.close()
            return
        loop = asyncio.get_running_loop()
        wire.since = loop.time()
        self._idle.append(wire)
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._settings.idle, self._sweep)

    def close(self) -> None:
        """Close what is idle now, and what is given back from now on."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._drop_idle()

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _slot(self) -> None:
        if self._slots.locked():
            try:
                async with asyncio.timeout(self._settings.connect):
                    await self._slots.acquire()
            except TimeoutError:
                raise UpstreamUnavailable(CROWDED) from None
        else:
            await self._slots.acquire()

    def _is_ready(self, wire: Wire, now: float) -> bool:
        """It needs not be asked whether it works."""
        return wire.usable and not wire.owing and now - wire.since <= self._settings.stale

    async def _works(self, wire: Wire) -> bool:
        now = asyncio.get_running_loop().time()
        try:
            if not await wire.settled(now + self._settings.connect):
                wire.close()
            elif now - wire.since > self._settings.stale:
                wire.send(b"NOOP\r\n")
                await wire.reply(now + self._settings.connect)
        except BaseException:
            wire.close()
            raise
        return wire.usable

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        kept = [wire for wire in self._idle if loop.time() - wire.since < self._settings.idle]
        for wire in self._idle:
            if wire not in kept:
                wire.close()
        self._idle = kept
        due = kept[0].since + self._settings.idle if kept else 0.0
        self._sweeper = loop.call_at(due, self._sweep) if kept else None

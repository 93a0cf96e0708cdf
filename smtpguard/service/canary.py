"""Asks every exit whether it answers: a link that leads nowhere is not promised.

Each worker asks for itself, beside the mail and never in its way; what another one finds silent,
on whichever machine, it asks soon.
"""

from __future__ import annotations

import asyncio
import secrets
import traceback
from contextlib import suppress
from datetime import UTC, datetime

from smtpguard import log, metrics
from smtpguard.courier import Courier, Unreachable
from smtpguard.proxy.proxy import Proxy
from smtpguard.store.troubles import Cause
from smtpguard.unsubscribe import canary

AGAIN = 15.0
"""Seconds until an exit that was silent is asked again."""
TRIES = 2
PAUSE = 1.0
"""Seconds between two tries of one round."""
TICK = 1.0
"""Seconds after which it is noticed that another worker finds an exit silent."""
EXPIRES = 3 * 86_400
"""Seconds before the end of a certificate: by then it should have been renewed."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Canary:
    """Tells a proxy which exits are shut."""

    def __init__(self, proxy: Proxy, courier: Courier, every: float) -> None:
        """``every``: seconds between two rounds."""
        self._proxy = proxy
        self._courier = courier
        self._every = every
        self._expiring: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask once before any mail is taken; then go on."""
        await self.round()
        self._task = asyncio.create_task(self._run())

    def again(self) -> None:
        """Other policies are in force, which may name other exits: ask at once."""
        self._changed.set()

    async def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._courier.close()

    async def round(self) -> None:
        """Ask all the exits that the policy in force names."""
        urls = sorted(self._urls())
        faults = await asyncio.gather(*map(self._fault, urls))
        before = self._proxy.shut
        for url, fault in zip(urls, faults, strict=True):
            if fault and url not in before:
                metrics.EXIT_SILENT.inc()
                log.exit_silent(url, fault)
            elif not fault and url in before:
                log.exit_answers(url)
        self._proxy.shut = frozenset(url for url, why in zip(urls, faults, strict=True) if why)

    def _urls(self) -> frozenset[str]:
        streams = self._proxy.regime.policy.streams
        return frozenset(s.brand.unsubscribe.url for s in streams if s.brand.unsubscribe.url)

    async def _run(self) -> None:
        while True:
            await self._pause()
            self._changed.clear()
            await self.round()

    async def _pause(self) -> None:
        """Until it is time: soon, while an exit is silent here or for anybody else."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self._changed.is_set() and (left := began + self._patience - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(TICK, left)):
                    await self._changed.wait()

    @property
    def _patience(self) -> float:
        elsewhere = self._proxy.patience.pauses.elsewhere
        rumoured = {name.subject for name in elsewhere if name.cause is Cause.EXIT}
        silent = self._proxy.shut or rumoured & self._urls()
        return min(self._every, AGAIN) if silent else self._every

    async def _fault(self, url: str) -> str:
        """Why no link may lead there; empty where one may."""
        fault = ""
        for number in range(TRIES):
            if number:
                await asyncio.sleep(PAUSE)
            try:
                fault = await self._ask(url)
            except Exception:
                log.incident("exits", traceback.format_exc())
                fault = "it could not be asked"
            if not fault:
                break
        return fault

    async def _ask(self, url: str) -> str:
        ring = self._proxy.regime.ring
        if not ring.links:
            return "there is no link key"
        nonce = secrets.token_bytes(16)
        place = f"{url}/u/{canary.ask(ring, nonce)}"
        try:
            answer = await self._courier.post(place, b"List-Unsubscribe=One-Click", FORM)
        except Unreachable as unreachable:
            return str(unreachable)
        if answer.status != 200:
            return f"it says {answer.status}"
        if not canary.sings(ring, nonce, answer.body.decode("ascii", "replace").strip()):
            return "what answers there is not `smtpguard web`, or has other keys"
        self._look(url, answer.certified)
        return ""

    def _look(self, url: str, ends: int) -> None:
        """Say once that a certificate should have been renewed."""
        if 0 < ends < self._proxy.clock() + EXPIRES and self._expiring.get(url) != ends:
            self._expiring[url] = ends
            day = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d %H:%M UTC")
            log.warned(f"{url}: its certificate ends at {day}")

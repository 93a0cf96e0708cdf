"""Asks every exit whether it answers: a link that leads nowhere is not promised.

Each worker asks for itself, beside the mail and never in its way.
"""

from __future__ import annotations

import asyncio
import secrets

from smtpguard import log, metrics
from smtpguard.courier import Courier, Unreachable
from smtpguard.proxy.proxy import Proxy
from smtpguard.unsubscribe import canary

AGAIN = 15.0
"""Seconds until an exit that was silent is asked again."""
TRIES = 2
PAUSE = 1.0
"""Seconds between two tries of one round."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Canary:
    """Tells a proxy which exits are shut."""

    def __init__(self, proxy: Proxy, courier: Courier, every: float) -> None:
        """``every``: seconds between two rounds."""
        self._proxy = proxy
        self._courier = courier
        self._every = every
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask once before any mail is taken; then go on."""
        await self.round()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._courier.close()

    async def round(self) -> None:
        """Ask all the exits that the policy in force names."""
        streams = self._proxy.regime.policy.streams
        urls = sorted({s.brand.unsubscribe.url for s in streams if s.brand.unsubscribe.url})
        faults = await asyncio.gather(*map(self._fault, urls))
        before = self._proxy.shut
        for url, fault in zip(urls, faults, strict=True):
            if fault and url not in before:
                metrics.EXIT_SILENT.inc()
                log.exit_silent(url, fault)
            elif not fault and url in before:
                log.exit_answers(url)
        self._proxy.shut = frozenset(url for url, why in zip(urls, faults, strict=True) if why)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(min(self._every, AGAIN) if self._proxy.shut else self._every)
            await self.round()

    async def _fault(self, url: str) -> str:
        """Why no link may lead there; empty where one may."""
        fault = ""
        for number in range(TRIES):
            if number:
                await asyncio.sleep(PAUSE)
            if not (fault := await self._ask(url)):
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
        return ""

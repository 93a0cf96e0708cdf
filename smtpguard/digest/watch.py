"""Watches over what is held up: counts it together with all other workers, and has it told.

It runs beside the mail. A worker hears within a second or two that a stream pauses elsewhere; while
the store is silent, each goes by what it counted itself.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from contextlib import suppress

from smtpguard import log
from smtpguard.digest.news import news
from smtpguard.digest.post import Post
from smtpguard.proxy.patience import SILENT
from smtpguard.proxy.proxy import Proxy
from smtpguard.store.counts import Counts
from smtpguard.store.errors import StoreSilent
from smtpguard.store.troubles import PACE, Cause, Heard, Name, Note, Pace, Trouble, Troubles

EVERY = 1.0
"""Seconds between two rounds."""


class Watch:
    """Of one worker."""

    def __init__(self, proxy: Proxy, *, sender: str = "", pace: Pace = PACE) -> None:
        self._proxy = proxy
        self._troubles = Troubles(proxy.store, pace)
        self._post = Post(proxy, sender, lambda: self.now)
        self._task: asyncio.Task[None] | None = None

    @property
    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self._proxy.clock())

    def start(self) -> None:
        """Go on until closed."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Watch no more; what was counted last is still said."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if notes := self._proxy.patience.taken():
            with suppress(StoreSilent):  # which has told the operator
                await self._troubles.watch(notes, self.now)

    async def _run(self) -> None:
        while True:
            try:
                await self.round()
            except StoreSilent:
                pass  # the store has told the operator
            except Exception:
                log.incident("digest", traceback.format_exc())
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """Say what was counted, hear what is held up, tell who must hear. ``StoreSilent``."""
        pauses = self._proxy.patience.pauses
        notes = self._proxy.patience.taken()
        try:
            heard = await self._troubles.watch(self._with_exits(notes), self.now)
        except StoreSilent:
            pauses.elsewhere = ()
            self._proxy.patience.put_back(notes)
            raise
        pauses.elsewhere = heard.open
        _say(heard)
        if heard.owed and self._proxy.regime.ring.links:  # what is put out is sealed
            for trouble in await self._troubles.take(self.now):
                await self._tell(trouble)
        if heard.letters:
            await self._post.deliver()

    async def _tell(self, trouble: Trouble) -> None:
        regime = self._proxy.regime
        page = self._proxy.house.manual(regime.ring, self.now).page
        uncleaned = {
            one.stream: one.uncleaned
            for one in await Counts(self._proxy.store).attempts(now=self.now)
            if one.controller == trouble.name.controller
        }
        told = news(trouble, regime.policy, page, self.now, uncleaned)
        await self._troubles.told(
            trouble, regime.ring, self.now, hooks=told.hooks, letters=told.letters
        )
        if not told.letters:
            log.digest_lost(str(trouble.name), "no owner with an address")

    def _with_exits(self, notes: Sequence[Note]) -> list[Note]:
        """The same, and one for each exit that does not answer, by company."""
        found = {note.name: note for note in notes}
        streams = self._proxy.regime.policy.streams
        for url, controller in {(s.brand.unsubscribe.url, s.controller.name) for s in streams}:
            if url in self._proxy.shut:
                name = Name(Cause.EXIT, controller, url)
                found.setdefault(name, Note(name, 0, SILENT)).count += 1
        return list(found.values())


def _say(heard: Heard) -> None:
    for what, names in (("begins", heard.begun), ("ends", heard.ended)):
        for name in names:
            log.trouble(what, name.cause, f"{name.controller}/{name.subject}", name.fault)

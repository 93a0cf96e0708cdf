"""The processes of ``smtpguard web``: one alone, or a parent and its workers.

Every worker shows the pages; the first of them also has the status listener, the API and the
messenger, of which one is enough.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from smtpguard import log, metrics
from smtpguard.config import Config
from smtpguard.courier import Courier
from smtpguard.keys import Keyring
from smtpguard.policy.source import Problems
from smtpguard.service import build
from smtpguard.service.channel import Channel
from smtpguard.service.crew import Crew, Worker
from smtpguard.store.embedded import Embedded
from smtpguard.store.keyfiles import KeyFileError, load_ring
from smtpguard.store.store import Store
from smtpguard.web.desk import Desk
from smtpguard.web.messenger import DEADLINE, Messenger
from smtpguard.web.server import GRACE, run, serve
from smtpguard.web.site import Site
from smtpguard.web.tally import Tally

Sockets = Mapping[str, socket.socket]


class Taken(NamedTuple):
    """What the pages are made from."""

    site: Site
    ring: Keyring


class Doors(Crew[Taken]):
    """The parent. It binds, and sees no request."""

    drain = float(GRACE)

    def __init__(
        self,
        config: Config,
        taken: Taken,
        sockets: Sockets,
        reread: Callable[[], Taken],
        store: Embedded | None,
        on_ready: Callable[[], None],
    ) -> None:
        """``reread`` compiles the files as they are now; ``Problems`` when they are wrong."""
        super().__init__(taken, config.web.workers, sockets, store, on_ready)
        self._config = config
        self._reread = reread
        self._tally = Tally(config.web.workers)

    def work(self, one: Worker, parent: Channel) -> None:
        """Show pages until told to stop, or until the parent has gone."""
        gc.freeze()
        self._tally.enter(one.number)
        first = one.number == 1
        sockets = self.sockets if first else {"web": self.sockets["web"]}

        def orphaned() -> None:
            asyncio.get_running_loop().remove_reader(parent.fileno())
            os.kill(os.getpid(), signal.SIGTERM)

        async def main() -> None:
            asyncio.get_running_loop().add_reader(parent.fileno(), orphaned)
            await show(
                self._config,
                self.taken,
                sockets,
                self._reread,
                ready=partial(parent.send, "ready"),
                tick=self._tally.note,
                others=self._tally.others,
            )
            self._tally.note()

        run(main)

    def reload(self) -> None:
        """What cannot be compiled is refused once, here; else each worker compiles it."""
        try:
            self.taken = self._reread()
        except (Problems, KeyFileError, OSError) as problem:
            log.reload_refused(str(problem))
            return
        for one in self.workers:
            if one.ready:
                self.welcome(one)

    def welcome(self, one: Worker) -> None:
        """A reload that came while it was at work, or while it started, is done there as well."""
        if one.taken is not self.taken:
            one.taken = self.taken
            os.kill(one.pid, signal.SIGHUP)


async def show(
    config: Config,
    taken: Taken,
    sockets: Sockets,
    reread: Callable[[], Taken],
    *,
    ready: Callable[[], None],
    tick: Callable[[], None],
    others: Callable[[], Iterable[metrics.Counted]] = tuple,
) -> None:
    """Serve the doors that ``sockets`` has, until told to stop."""
    store = await opened(config, taken.ring)
    courier = Courier(DEADLINE)
    try:
        desk = Desk(store, taken.ring, config.web, taken.site)
        messenger = Messenger(desk, courier)
        telling = asyncio.create_task(messenger.run()) if "status" in sockets else None
        await serve(
            desk,
            sockets["web"],
            sockets.get("status"),
            sockets.get("api"),
            reread=reread,
            ready=ready,
            tick=tick,
            others=others,
        )
        if telling is not None:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
    finally:
        await courier.close()
        await store.close()


async def opened(config: Config, ring: Keyring) -> Store:
    """The store. ``StoreUntrusted`` where its answers would prove nothing."""
    settings = build.store_settings(config)
    return await Store.open(settings, ring, log.store_silent, reread=lambda: complete(config))


def complete(config: Config) -> Keyring:
    """The keys as they are now. ``KeyFileError`` without those that the pages need."""
    return whole(load_ring(config.keys.directory))


def whole(ring: Keyring) -> Keyring:
    """The same, with what the pages need in it; else ``KeyFileError``."""
    if not ring.links or not ring.references:
        raise KeyFileError("the exit pages need a reference key and a link key: `smtpguard keys`")
    return ring

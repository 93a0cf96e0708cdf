"""The parent of those that take mail: what they work by, and how all of them change it at once.

It handles no mail.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from smtpguard import log
from smtpguard.config import Config
from smtpguard.keys import Keyring
from smtpguard.policy.source import Problems
from smtpguard.service import build, worker
from smtpguard.service.build import Snapshot
from smtpguard.service.channel import Channel
from smtpguard.service.crew import Crew, Worker, trace
from smtpguard.service.notify import notify
from smtpguard.store.embedded import Embedded
from smtpguard.store.keyfiles import KeyFileError

FOLLOW = 30.0
"""Seconds in which a worker must have compiled a policy."""


class Supervisor(Crew[Snapshot]):
    """The crew of ``smtpguard serve``."""

    def __init__(
        self,
        taken: Snapshot,
        sockets: Mapping[str, socket.socket],
        keys: Callable[[], Keyring],
        reread: Callable[[], Config],
        store: Embedded | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """``keys`` reads the key files again, ``reread`` the configuration, or ``Problems``."""
        super().__init__(taken, taken.config.workers, sockets, store, on_ready)
        self.keys = keys
        self.reread = reread

    @property
    def drain(self) -> float:
        """Seconds that transactions under way may take."""
        return worker.drain(self.taken.config)

    def work(self, one: Worker, parent: Channel) -> None:
        """Take mail."""
        worker.run(self.taken, self.sockets, parent)

    def welcome(self, one: Worker) -> None:
        """It lets clients in when it has what is in force."""
        if one.taken is not self.taken and not self._switch([one], self.taken):
            _replace(one)
        elif one.channel is not None:
            with suppress(OSError):
                one.channel.send(("open", None), FOLLOW)

    def reload(self) -> None:
        """Whole or not at all: every worker has compiled it before any switches."""
        notify("RELOADING=1")
        try:
            taken = build.snapshot(self.reread(), self.keys())
            version = build.regime(taken).policy.version
            if changed := build.changed(self.taken.config, taken.config):
                log.reload_refused(f"smtpguard must be restarted for another {', '.join(changed)}")
            elif self._switch([one for one in self.workers if one.ready], taken):
                log.reloaded(version)
        except (Problems, KeyFileError, OSError) as problems:
            log.reload_refused(str(problems))
        except Exception:  # whatever it is, what is in force goes on
            log.incident("reload", trace())
        notify("READY=1")

    def _switch(self, workers: Sequence[Worker], taken: Snapshot) -> bool:
        """All of them, or none; one that dies meanwhile is started with what is in force."""
        following = [(one, one.channel) for one in workers if one.channel is not None]
        for one, channel in following:
            try:
                channel.send(("prepare", taken), FOLLOW)
                problem = channel.receive(FOLLOW)
            except (OSError, EOFError) as failure:
                problem = f"worker {one.number} did not follow: {failure!r}"
                _replace(one)
            if problem:
                log.reload_refused(problem)
                return False
        self.taken = taken
        for one, channel in following:
            one.taken = taken
            with suppress(OSError):  # its end will be heard
                channel.send(("commit", None), FOLLOW)
        for one, channel in following:
            try:
                channel.receive(FOLLOW)
            except (OSError, EOFError):
                _replace(one)
        return True


def _replace(one: Worker) -> None:
    """Who is out of step ends, and is started again with what is in force."""
    if one.pid:
        os.kill(one.pid, signal.SIGTERM)

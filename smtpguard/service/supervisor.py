"""The parent: binds, forks workers, keeps them and the store's server running, reloads.

It has no event loop and no threads, so that it may fork at any time. It handles no mail.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

from smtpguard import log
from smtpguard.config import Config
from smtpguard.keys import Keyring
from smtpguard.policy.source import Problems
from smtpguard.service import build, worker
from smtpguard.service.build import Snapshot
from smtpguard.service.channel import Channel
from smtpguard.service.notify import notify, watchdog_interval
from smtpguard.store.embedded import Embedded
from smtpguard.store.keyfiles import KeyFileError

GRACE = 5.0
"""Seconds, beyond what a worker may drain, before it is killed."""
BACK_OFF = (0.1, 0.5, 1, 2, 5, 10)
"""Seconds before a worker that keeps dying is started again."""
TICK = 0.5
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
FOLLOW = 30.0
"""Seconds in which a worker must have compiled a policy."""


@dataclass(slots=True)
class Worker:
    """One child."""

    number: int
    pid: int = 0
    channel: Channel | None = None
    ready: bool = False
    started: float = 0.0
    deaths: int = 0
    not_before: float = 0.0
    taken: Snapshot | None = None
    """What it works by."""


@dataclass
class Supervisor:
    """Runs until SIGTERM or SIGINT; ``run`` returns the exit code."""

    taken: Snapshot
    sockets: dict[str, socket.socket]
    keys: Callable[[], Keyring]
    """Reads the key files again."""
    reread: Callable[[], Config]
    """Reads the configuration again; ``Problems`` when it is wrong."""
    store: Embedded | None = None
    on_ready: Callable[[], None] = lambda: None
    """Called once, when every worker takes mail for the first time."""
    workers: list[Worker] = field(default_factory=list)
    _stopping: float = 0.0
    _announced: bool = False

    def run(self) -> int:
        """Fork, watch, reload, drain."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        wake, self._wake = socket.socketpair()
        for end in (wake, self._wake):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, _noted)
        self.workers = [Worker(number) for number in range(1, self.taken.config.workers + 1)]
        self._selector = selectors.DefaultSelector()
        self._selector.register(wake, selectors.EVENT_READ, wake)
        interval = watchdog_interval()
        alive = 0.0
        while not self._stopping or any(one.pid for one in self.workers):
            self._start_missing()
            if interval and time.monotonic() >= alive + interval:
                notify("WATCHDOG=1")
                alive = time.monotonic()
            for key, _ in self._selector.select(min(TICK, interval or TICK)):
                if key.data is wake:
                    self._heed(wake.recv(4096))
                else:
                    self._hear(key.data)
            if not self._stopping and self.store is not None and (news := self.store.poll()):
                log.child(news)
            if self._stopping and time.monotonic() > self._stopping + self._patience:
                self._signal(signal.SIGKILL)
        notify("STOPPING=1")
        if self.store is not None:
            self.store.stop()
        log.stopped()
        return os.EX_OK

    def _heed(self, signals: bytes) -> None:
        if signal.SIGCHLD in signals:
            self._reap()
        if signal.SIGHUP in signals and not self._stopping:
            self._reload()
        if self._stopping:
            # Cutting a transaction off can double its mail: only who sits at the terminal may.
            if signal.SIGINT in signals:
                self._signal(signal.SIGKILL)
        elif signal.SIGTERM in signals or signal.SIGINT in signals:
            self._stop()

    def _stop(self) -> None:
        self._stopping = time.monotonic()
        notify("STOPPING=1")
        # Nobody would answer who connects from now on.
        for listening in self.sockets.values():
            listening.close()
        self._signal(signal.SIGTERM)

    def _start_missing(self) -> None:
        now = time.monotonic()
        for one in self.workers:
            if not one.pid and not self._stopping and now >= one.not_before:
                self._fork(one)

    def _fork(self, one: Worker) -> None:
        ours, theirs = Channel.pair()
        # A signal to the child must not reach us through the wake-up descriptor it inherits.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        pid = os.fork()
        if pid == 0:
            code = os.EX_SOFTWARE
            try:
                self._become_worker(ours)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
                worker.run(self.taken, self.sockets, theirs)
                code = os.EX_OK
            except BaseException:
                log.child("failed", worker=one.number, trace=_trace())
            finally:
                os._exit(code)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        theirs.close()
        one.pid, one.channel, one.ready, one.started = pid, ours, False, time.monotonic()
        one.taken = self.taken
        self._selector.register(ours, selectors.EVENT_READ, one)

    def _become_worker(self, ours: Channel) -> None:
        """Give up what is the parent's."""
        signal.set_wakeup_fd(-1)
        for number in HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.close()
        ours.close()
        for one in self.workers:
            if one.channel is not None:
                one.channel.close()

    def _hear(self, one: Worker) -> None:
        """A worker speaks unasked only to say that it is ready; silence is its end."""
        if one.channel is None:  # its end was noticed a moment ago, with another's
            return
        try:
            one.channel.receive(seconds=5)
        except (EOFError, OSError):
            self._forget(one)
            return
        one.ready = True
        if one.taken is not self.taken:  # a reload came while it started
            self._switch([one], self.taken)
        if not self._announced and all(each.ready for each in self.workers):
            self._announced = True
            notify("READY=1")
            self.on_ready()

    def _forget(self, one: Worker) -> None:
        if one.channel is not None:
            self._selector.unregister(one.channel)
            one.channel.close()
            one.channel = None

    def _reap(self) -> None:
        for one in self.workers:
            if not one.pid:
                continue
            pid, status = os.waitpid(one.pid, os.WNOHANG)
            if not pid:
                continue
            self._forget(one)
            one.pid, one.ready = 0, False
            if self._stopping:
                continue
            lived = time.monotonic() - one.started
            one.deaths = 1 if lived > 60 else one.deaths + 1
            wait = BACK_OFF[min(one.deaths, len(BACK_OFF)) - 1]
            one.not_before = time.monotonic() + wait
            code = os.waitstatus_to_exitcode(status)
            log.child("worker ended", worker=one.number, code=code, again_in=wait)

    def _reload(self) -> None:
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
            log.incident("reload", _trace())
        notify("READY=1")

    def _switch(self, workers: Sequence[Worker], taken: Snapshot) -> bool:
        """All of them, or none; one that dies meanwhile is started with what is in force."""
        for one in workers:
            if one.channel is None:
                continue
            try:
                one.channel.send(("prepare", taken), FOLLOW)
                problem = one.channel.receive(FOLLOW)
            except (OSError, EOFError) as failure:
                problem = f"worker {one.number} did not follow: {failure!r}"
                os.kill(one.pid, signal.SIGTERM)  # who is out of step is replaced
            if problem:
                log.reload_refused(problem)
                return False
        self.taken = taken
        for one in workers:
            if one.channel is not None:
                one.taken = taken
                with suppress(OSError):
                    one.channel.send(("commit", None), FOLLOW)
        return True

    @property
    def _patience(self) -> float:
        """Seconds after SIGTERM before workers are killed."""
        return worker.drain(self.taken.config) + GRACE

    def _signal(self, number: signal.Signals) -> None:
        for one in self.workers:
            if one.pid:
                os.kill(one.pid, number)


def _noted(number: int, frame: FrameType | None) -> None:
    """The wake-up descriptor carries the number; nothing to do here."""


def _trace() -> str:
    import traceback

    return traceback.format_exc()

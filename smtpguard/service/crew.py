"""A parent and its children: forks them, starts those that die again, tells them to stop.

It has no event loop and no threads, so that it may fork at any time. What a child does, and what a
reload is, its kinds say: ``Supervisor`` for mail, ``cli.web`` for the exit pages.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Generic, TypeVar

from smtpguard import log
from smtpguard.service.channel import Channel
from smtpguard.service.notify import notify, watchdog_interval
from smtpguard.store.embedded import Embedded

GRACE = 5.0
"""Seconds, beyond what a worker may drain, before it is killed."""
BACK_OFF = (0.1, 0.5, 1, 2, 5, 10)
"""Seconds before a worker that keeps dying is started again."""
TICK = 0.5
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


Taken = TypeVar("Taken")


@dataclass(slots=True)
class Worker:
    """One child."""

    number: int
    """From 1 on; who is started in its place has the same."""
    pid: int = 0
    channel: Channel | None = None
    ready: bool = False
    started: float = 0.0
    deaths: int = 0
    not_before: float = 0.0
    taken: object = None
    """What it works by."""


class Crew(ABC, Generic[Taken]):
    """Runs until SIGTERM or SIGINT; ``run`` returns the exit code.

    ``taken`` is what the workers work by; a reload puts another in its place.
    """

    def __init__(
        self,
        taken: Taken,
        size: int,
        sockets: Mapping[str, socket.socket],
        store: Embedded | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_ready`` is called once, when every worker is at work for the first time."""
        self.taken = taken
        self.sockets = sockets
        self.store = store
        self.on_ready = on_ready
        self.workers = [Worker(number) for number in range(1, size + 1)]
        self._stopping = 0.0
        self._announced = False

    @abstractmethod
    def work(self, one: Worker, parent: Channel) -> None:
        """In the child: say one word to the parent when ready; return when the work is over."""

    @abstractmethod
    def reload(self) -> None:
        """SIGHUP came."""

    @abstractmethod
    def welcome(self, one: Worker) -> None:
        """A worker is ready, perhaps for something else than ``taken``: a reload came meanwhile."""

    @property
    @abstractmethod
    def drain(self) -> float:
        """Seconds that a worker may take to end its work."""

    def run(self) -> int:
        """Fork, watch, reload, drain."""
        all_descriptors()
        wake, self._wake = socket.socketpair()
        for end in (wake, self._wake):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, _noted)
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
            if self._stopping and time.monotonic() > self._stopping + self.drain + GRACE:
                self.tell(signal.SIGKILL)
        notify("STOPPING=1")
        if self.store is not None:
            self.store.stop()
        log.stopped()
        return os.EX_OK

    def _heed(self, signals: bytes) -> None:
        if signal.SIGCHLD in signals:
            self._reap()
        if signal.SIGHUP in signals and not self._stopping:
            self.reload()
        if self._stopping:
            # Cutting a transaction off can double its mail: only who sits at the terminal may.
            if signal.SIGINT in signals:
                self.tell(signal.SIGKILL)
        elif signal.SIGTERM in signals or signal.SIGINT in signals:
            self._stop()

    def _stop(self) -> None:
        self._stopping = time.monotonic()
        notify("STOPPING=1")
        # Nobody would answer who connects from now on.
        for listening in self.sockets.values():
            listening.close()
        self.tell(signal.SIGTERM)

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
                self.work(one, theirs)
                code = os.EX_OK
            except BaseException:
                log.child("failed", worker=one.number, trace=trace())
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
        self.welcome(one)
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

    def tell(self, number: signal.Signals) -> None:
        """A signal to every worker."""
        for one in self.workers:
            if one.pid:
                os.kill(one.pid, number)


def _noted(number: int, frame: FrameType | None) -> None:
    """The wake-up descriptor carries the number; nothing to do here."""


def all_descriptors() -> None:
    """As many open files as we may have: a client is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def trace() -> str:
    """Of the exception that is being handled."""
    import traceback

    return traceback.format_exc()

"""Under load, everything that can die dies; every mail is counted by its id.

A 250 of the guard means that the upstream said 250, so nothing is ever lost: the front's queue
keeps what was not answered. Doubles are possible only where a kill fell between the upstream's
250 and ours (RFC 1047): no more of them than sessions were open at that moment.
"""

from __future__ import annotations

import os
import random
import signal
import smtplib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.real.mta import Guard, Postfix, free_port, message, more, together, until

pytestmark = pytest.mark.real

SESSIONS = 8
"""Deliveries of the front to the guard at the same time."""
FEEDERS = 3
MAILS = 240


@dataclass
class Chain:
    """Front, guard, behind, and what was handed in."""

    front: Postfix
    guard: Guard
    behind: Postfix
    submission: int

    @contextmanager
    def load(self, scenario: str, mails: int = MAILS) -> Iterator[Load]:
        """Mails flow while the body runs; then all of them must have arrived."""
        numbers = [f"{scenario}.{count}" for count in range(mails)]
        load = Load(self, scenario, numbers)
        with ThreadPoolExecutor(FEEDERS) as feeders:
            fed = [feeders.submit(self._feed, numbers[n::FEEDERS]) for n in range(FEEDERS)]
            yield load
            for each in fed:
                each.result()
        load.settle()

    def _feed(self, numbers: list[str]) -> None:
        with smtplib.SMTP("127.0.0.1", self.submission, timeout=60) as client:
            for number in numbers:
                client.sendmail("news@acme.fr", ["reader@client.fr"], message(number))


@dataclass
class Load:
    """One scenario's mails."""

    chain: Chain
    scenario: str
    numbers: list[str]

    def __post_init__(self) -> None:
        self._before = self.chain.behind.count()

    def flows(self, share: float) -> None:
        """Wait until that share of the mails has arrived, and the rest has not."""
        chain, wanted = self.chain, int(share * len(self.numbers))
        until(
            lambda: chain.behind.count() - self._before >= wanted,
            f"mail {wanted} of {self.scenario}",
            chain.guard,
            chain.front,
        )

    def settle(self) -> None:
        """Wait for the last of them."""
        chain = self.chain
        until(lambda: not chain.front.queued(), "an empty queue", chain.guard, chain.front)
        until(lambda: not chain.behind.queued(), "an empty queue behind", chain.behind)

    @property
    def left(self) -> int:
        """How many have not arrived."""
        arrived = self.chain.behind.ids()
        return sum(number not in arrived for number in self.numbers)

    @property
    def doubles(self) -> int:
        """How many copies too many."""
        arrived = self.chain.behind.ids()
        return sum(max(arrived[number] - 1, 0) for number in self.numbers)


@pytest.fixture(scope="module")
def chain(
    postfix: Callable[..., Postfix], guard: Callable[..., Guard], behind: Postfix
) -> Iterator[Chain]:
    """Two workers, a register that may be silent for a moment only."""
    (last,) = behind.ports
    one = guard(last, workers=2, store={"blip": 0.1})
    submission = free_port()
    front = postfix(
        "front",
        ports={submission: ()},
        mailboxes=["acme.fr"],
        relayhost=f"[127.0.0.1]:{one.smtp}",
        smtp_destination_concurrency_limit=SESSIONS,
        initial_destination_concurrency=SESSIONS,
    )
    together(front.start, one.start)
    yield Chain(front, one, behind, submission)
    assert not front.count(), "nothing may bounce, whatever dies"


def test_nothing_dies(chain: Chain) -> None:
    with chain.load("calm") as load:
        pass
    assert (load.left, load.doubles) == (0, 0)


def test_the_guard_is_killed(chain: Chain) -> None:
    shares = sorted(random.uniform(0.05, 0.8) for _ in range(3))
    with chain.load("guard") as load:
        for share in shares:
            load.flows(share)
            chain.guard.kill()
            chain.guard.start()
    assert load.left == 0, shares
    assert load.doubles <= SESSIONS * len(shares), shares


def test_a_worker_is_killed_and_replaced(chain: Chain) -> None:
    guard = chain.guard
    with chain.load("worker") as load:
        for share in (0.1, 0.4):
            load.flows(share)
            ended = more(guard, "worker ended")
            os.kill(guard.workers[0], signal.SIGKILL)
            until(ended, "its end", guard)
            until(lambda: len(guard.workers) == 2, "another worker", guard)
    assert load.left == 0
    assert load.doubles <= SESSIONS * 2


def test_the_register_is_killed(chain: Chain) -> None:
    guard = chain.guard
    with chain.load("register") as load:
        for share in (0.1, 0.4):
            load.flows(share)
            deferred = more(guard, "unavailable-suppressions")
            (store,) = guard.store
            os.kill(store, signal.SIGKILL)
            until(deferred, "a deferral", guard)
            until(lambda: guard.store, "another register", guard)
    assert (load.left, load.doubles) == (0, 0)


def test_the_upstream_is_stopped_and_started(chain: Chain) -> None:
    with chain.load("upstream") as load:
        load.flows(0.2)
        deferred = more(chain.front, "status=deferred")
        chain.behind.stop()
        until(deferred, "a deferral", chain.guard)
        chain.behind.start()
    assert load.left == 0
    assert load.doubles <= SESSIONS, "a Postfix told to stop may have taken mail without a word"


def test_the_guard_drains_and_comes_back(chain: Chain) -> None:
    with chain.load("drain") as load:
        for share in (0.1, 0.4):
            load.flows(share)
            assert chain.guard.stop() == 0
            chain.guard.start()
    assert (load.left, load.doubles) == (0, 0)


def test_policies_change_under_load(chain: Chain) -> None:
    guard = chain.guard
    file = guard.policies / "acme.yaml"
    right = file.read_text()
    deferred = more(chain.front, "status=deferred")
    with chain.load("reload") as load:
        for share, text, told in (
            (0.1, right.replace("12 rue des Lilas", "14 rue des Lilas"), "reloaded: "),
            (0.3, "streams: [", "reload-refused: "),
            (0.5, right, "reloaded: "),
        ):
            load.flows(share)
            heard = more(guard, told)
            file.write_text(text)
            os.kill(guard.pid, signal.SIGHUP)
            until(heard, told, guard)
    assert (load.left, load.doubles) == (0, 0)
    assert not deferred(), "no mail waits for a reload"

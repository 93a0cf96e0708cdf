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
from functools import partial

import pytest

from tests.processes import command, free_port, until
from tests.real.guard import Guard
from tests.real.mta import Postfix, message, more, together

pytestmark = pytest.mark.real

SESSIONS = 8
"""Deliveries of the front to the guard at the same time."""
FEEDERS = 3
MAILS = 240
READERS = {"smtp": ("a@client.fr",), "lmtp": ("a@client.fr", "b@client.fr", "c@client.fr")}
"""Whom a mail goes to, by the way it takes to the guard."""


@dataclass
class Chain:
    """Front, guard, behind, and what was handed in."""

    front: Postfix
    guard: Guard
    behind: Postfix
    submission: dict[str, int]

    @contextmanager
    def load(self, scenario: str, way: str = "smtp") -> Iterator[Load]:
        """Mails flow while the body runs; at its end all of them have left the queues."""
        readers = READERS[way]
        numbers = [f"{scenario}.{way}.{count}" for count in range(MAILS // len(readers))]
        load = Load(self, scenario, [(number, reader) for number in numbers for reader in readers])

        def feed(numbers: list[str]) -> None:
            with smtplib.SMTP("127.0.0.1", self.submission[way], timeout=60) as client:
                for number in numbers:
                    client.sendmail("news@acme.fr", readers, message(number))

        with ThreadPoolExecutor(FEEDERS) as feeders:
            fed = [feeders.submit(feed, numbers[n::FEEDERS]) for n in range(FEEDERS)]
            yield load
            for each in fed:
                each.result()
        for one in (self.front, self.behind):
            until(one.emptied, "an empty queue", self.guard, one, seconds=60, every=0.25)


@dataclass
class Load:
    """One scenario's copies: id and reader."""

    chain: Chain
    scenario: str
    copies: list[tuple[str, str]]

    def __post_init__(self) -> None:
        self._before = self.chain.behind.count()

    def flows(self, share: float) -> None:
        """Wait until that share of the copies has arrived."""
        chain, wanted = self.chain, int(share * len(self.copies))
        until(
            lambda: chain.behind.count() - self._before >= wanted,
            f"copy {wanted} of {self.scenario}",
            chain.guard,
            chain.front,
        )

    @property
    def left(self) -> int:
        """How many have not arrived."""
        arrived = self.chain.behind.copies()
        return sum(copy not in arrived for copy in self.copies)

    @property
    def doubles(self) -> int:
        """How many arrived once more than once."""
        arrived = self.chain.behind.copies()
        return sum(max(arrived[copy] - 1, 0) for copy in self.copies)


@pytest.fixture(scope="module")
def chain(
    postfix: Callable[..., Postfix], guard: Callable[..., Guard], behind: Postfix
) -> Iterator[Chain]:
    """Two workers, a register that may be silent for a moment only."""
    (last,) = behind.ports
    one = guard(last, workers=2, store={"blip": 0.1})
    smtp, lmtp = free_port(), free_port()
    front = postfix(
        "front",
        ports={smtp: (), lmtp: (f"content_filter=guard:[127.0.0.1]:{one.lmtp}",)},
        services="guard unix - - n - - lmtp\n",
        mailboxes=["acme.fr"],
        relayhost=f"[127.0.0.1]:{one.smtp}",
        default_destination_concurrency_limit=SESSIONS,
        initial_destination_concurrency=SESSIONS,
    )
    together(front.start, one.start)
    yield Chain(front, one, behind, {"smtp": smtp, "lmtp": lmtp})
    assert not front.count(), "nothing may bounce, whatever dies"


@pytest.mark.parametrize("way", READERS)
def test_nothing_dies(chain: Chain, way: str) -> None:
    with chain.load("calm", way) as load:
        pass
    assert (load.left, load.doubles) == (0, 0)


@pytest.mark.parametrize("way", READERS)
def test_the_guard_is_killed(chain: Chain, way: str) -> None:
    shares = sorted(random.uniform(0.05, 0.8) for _ in range(3))
    with chain.load("guard", way) as load:
        for share in shares:
            load.flows(share)
            chain.guard.kill()
            chain.guard.start()
    assert load.left == 0, shares
    assert load.doubles <= SESSIONS * len(READERS[way]) * len(shares), shares


def test_the_parent_alone_is_killed(chain: Chain) -> None:
    with chain.load("parent") as load:
        load.flows(0.2)
        workers = chain.guard.workers
        os.kill(chain.guard.pid, signal.SIGKILL)
        until(lambda: not any(map(command, workers)), "its workers to drain", chain.guard)
        assert chain.guard.stop() == -signal.SIGKILL
        chain.guard.start()
    assert (load.left, load.doubles) == (0, 0)


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


def _another(guard: Guard, register: int) -> bool:
    return bool(set(guard.store) - {register})


def test_the_register_is_killed(chain: Chain) -> None:
    guard = chain.guard
    with chain.load("register") as load:
        for share in (0.1, 0.4):
            load.flows(share)
            (killed,) = guard.store
            os.kill(killed, signal.SIGKILL)
            # Whether any mail was deferred is chance: the guard rides out a blip.
            until(partial(_another, guard, killed), "another register", guard)
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


@pytest.mark.parametrize("way", READERS)
def test_the_guard_drains_and_comes_back(chain: Chain, way: str) -> None:
    with chain.load("drain", way) as load:
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

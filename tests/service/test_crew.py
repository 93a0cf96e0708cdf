"""The parent: a race that nobody can stage from outside."""

from __future__ import annotations

import os
import selectors
import shutil

from smtpguard.service.channel import Channel
from smtpguard.service.crew import Crew, Worker


class Idle(Crew[None]):
    """Nobody is at work."""

    drain = 0.0

    def work(self, one: Worker, parent: Channel) -> None:
        raise AssertionError

    def reload(self) -> None:
        raise AssertionError

    def welcome(self, one: Worker) -> None:
        raise AssertionError


def test_a_worker_that_ends_while_another_is_reaped_is_not_heard_again() -> None:
    parent = Idle(None, 0, {})
    parent._selector = selectors.DefaultSelector()
    program = shutil.which("true")
    assert program is not None
    for number in (1, 2):
        ours, theirs = Channel.pair()
        theirs.close()
        pid = os.posix_spawn(program, ["true"], {})
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        one = Worker(number, pid, ours)
        parent._selector.register(ours, selectors.EVENT_READ, one)
        parent.workers.append(one)
    heard = [key.data for key, _ in parent._selector.select(1)]
    assert heard == parent.workers
    parent._reap()  # the signal of the first of them stood before the rest
    for each in heard:
        parent._hear(each)
        assert (each.pid, each.channel, each.ready) == (0, None, False)
    parent._selector.close()

"""The parent of those that take mail, and a worker that a thread plays."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from smtpguard.service.channel import Channel
from smtpguard.service.crew import Worker
from smtpguard.service.supervisor import Supervisor

NOTHING = cast("Any", None)
OLD, NEW = (cast("Any", SimpleNamespace(config=SimpleNamespace(workers=0))) for _ in range(2))


class Played:
    """A worker; ``answers`` is what it says to each word of the parent, without one it ends."""

    def __init__(self, **answers: str) -> None:
        ours, self.theirs = Channel.pair()
        program = shutil.which("sleep")
        assert program is not None
        self.one = Worker(1, os.posix_spawn(program, ["sleep", "60"], {}), ours, taken=OLD)
        self.answers = answers
        self.heard: list[str] = []
        self.thread = threading.Thread(target=self._play)
        self.thread.start()

    def _play(self) -> None:
        while self.heard[-1:] != ["open"]:
            try:
                word, _ = self.theirs.receive()
            except EOFError:
                return
            self.heard.append(word)
            if word in self.answers:
                self.theirs.send(self.answers[word])
            elif word != "open":
                self.theirs.close()
                return

    def end(self) -> int:
        """The signal that ended it."""
        assert self.one.channel is not None
        self.one.channel.end.shutdown(2)
        self.thread.join(10)
        self.one.channel.close()
        self.theirs.close()
        os.kill(self.one.pid, signal.SIGKILL)
        _, status = os.waitpid(self.one.pid, 0)
        return os.WTERMSIG(status)


def supervisor(taken: Any) -> Supervisor:
    return Supervisor(taken, {}, keys=NOTHING, reread=NOTHING)


@pytest.mark.parametrize(("taken", "said"), [(OLD, ["open"]), (NEW, ["prepare", "commit", "open"])])
def test_clients_are_let_in_once_it_has_what_is_in_force(taken: Any, said: list[str]) -> None:
    played = Played(prepare="", commit="committed")
    supervisor(taken).welcome(played.one)
    played.thread.join(10)
    assert played.heard == said
    assert played.one.taken is taken
    assert played.end() == signal.SIGKILL, "until then it ran"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"prepare": "a certificate has gone"}, ["prepare"]),
        ({}, ["prepare"]),
        ({"prepare": ""}, ["prepare", "commit"]),
    ],
)
def test_who_does_not_follow_is_replaced(
    answers: dict[str, str], said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    played = Played(**answers)
    supervisor(NEW).welcome(played.one)
    os.waitid(os.P_PID, played.one.pid, os.WEXITED | os.WNOWAIT)
    assert played.heard == said
    assert played.end() == signal.SIGTERM


def test_a_reload_that_one_refuses_is_taken_by_none() -> None:
    willing, unwilling = Played(prepare="", commit="committed"), Played(prepare="no")
    parent = supervisor(OLD)
    assert not parent._switch([willing.one, unwilling.one], NEW)
    assert parent.taken is OLD
    assert (willing.one.taken, unwilling.one.taken) == (OLD, OLD)
    assert willing.end() == unwilling.end() == signal.SIGKILL
    assert (willing.heard, unwilling.heard) == (["prepare"], ["prepare"])

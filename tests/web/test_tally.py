"""Several workers, one page of numbers."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from smtpguard import metrics
from smtpguard.web.tally import Tally

CLICKS = ("one-click", "stream", "true")


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    metrics.OPT_OUT_SECONDS.clear()
    yield
    metrics.OPT_OUT_SECONDS.clear()


def in_a_worker(work: Callable[[], None]) -> None:
    """Do it in a child, and wait."""
    if (pid := os.fork()) == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


def lives(tally: Tally, number: int, clicks: int) -> None:
    """A worker of that number takes so many opt-outs, and dies."""

    def work() -> None:
        tally.enter(number)
        metrics.OPT_OUTS.clear()
        metrics.OPT_OUTS.labels(*CLICKS).inc(clicks)
        metrics.OPT_OUT_SECONDS.labels("one-click").observe(0.002)
        metrics.UP.set(1)
        tally.note()

    in_a_worker(work)


def shown(tally: Tally, name: str) -> list[str]:
    lines = metrics.page(tally.others()).decode().splitlines()
    return [line.rpartition(" ")[2] for line in lines if line.startswith(name)]


def test_the_first_adds_up_and_who_died_is_not_forgotten() -> None:
    ours = metrics.OPT_OUTS.labels(*CLICKS)
    before = metrics.counted()[
        *("smtpguard_opt_outs", "smtpguard_opt_outs_total"),
        *("channel", "one-click", "scope", "stream", "new", "true"),
    ]
    with closing(Tally(3)) as tally:
        tally.enter(1)
        assert tally.others() == [{}, {}, {}]
        lives(tally, 2, 5)
        lives(tally, 2, 7)
        lives(tally, 3, 100)
        ours.inc()
        name = 'smtpguard_opt_outs_total{channel="one-click",new="true",scope="stream"}'
        assert shown(tally, name) == [str(before + 113)]
        delays = 'smtpguard_opt_out_seconds_bucket{channel="one-click",le="'
        assert shown(tally, delays) == ["0.0", *["3.0"] * len(metrics.OPT_OUT_BOUNDS)]
        assert shown(tally, 'smtpguard_opt_out_seconds_count{channel="one-click"}') == ["3.0"]
        assert shown(tally, "smtpguard_up ") == [str(metrics.UP._value.get())]


def test_a_note_is_replaced_by_a_shorter_one_and_half_a_note_is_none() -> None:
    with closing(Tally(1)) as tally:
        tally.enter(1)
        tally._before = {("family", "sample", "label", "x" * 10_000): 1.0}
        tally.note()
        tally._before = {}
        tally.note()
        tally.enter(1)
        assert tally._before == metrics.counted()
        os.ftruncate(tally._files[0].fileno(), 50)
        tally.enter(1)
        assert tally._before == {}

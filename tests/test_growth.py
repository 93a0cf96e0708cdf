"""Growth is told apart: linear from quadratic, by what is counted and not by a clock on a wall."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

from tests.growth import FLOOR, STEEP, TIMES, TURNS, growth


class Clock:
    """CPU time that passes only when work says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(time, "thread_time", found)
    return found


def costs(clock: Clock, cost: Callable[[int], float]) -> Callable[[int], None]:
    """Work that takes so many seconds."""

    def work(size: int) -> None:
        clock.seconds += cost(size)

    return work


@pytest.mark.parametrize(
    ("cost", "least", "most"),
    [
        (lambda size: 1.0, 1, 1),
        (lambda size: size / 1000, TIMES, TIMES * 1.1),
        (lambda size: size * size.bit_length() / 1000, TIMES, TIMES * 1.6),
        (lambda size: size**2 / 1000, STEEP, TIMES**2 * 1.1),
        (lambda size: size / 1000 + size**2 / 100_000, STEEP, TIMES**2),
        (lambda size: 1.01**size, STEEP, float("inf")),
    ],
    ids=["constant", "linear", "n log n", "quadratic", "linear and quadratic", "exponential"],
)
def test_growth_of_a_known_cost(
    clock: Clock, cost: Callable[[int], float], least: float, most: float
) -> None:
    assert least <= growth(lambda size: size, costs(clock, cost), 8_000) <= most


def test_what_takes_next_to_nothing_does_not_grow(clock: Clock) -> None:
    steep = costs(clock, lambda size: FLOOR * (size / 8_000) ** 2)
    assert growth(lambda size: size, steep, 8_000) < 1


@pytest.mark.parametrize("disturbed", range(TURNS * 3 + 1))
def test_one_disturbed_run_changes_nothing(clock: Clock, disturbed: int) -> None:
    runs: list[int] = []

    def cost(size: int) -> float:
        runs.append(size)
        return size / 1000 * (100 if len(runs) == disturbed + 1 else 1)

    assert growth(lambda size: size, costs(clock, cost), 8_000) < STEEP


def test_a_disturbed_run_hides_nothing(clock: Clock) -> None:
    runs: list[int] = []

    def cost(size: int) -> float:
        runs.append(size)
        return size**2 / 1000 * (100 if len(runs) in (1, 2) else 1)

    assert growth(lambda size: size, costs(clock, cost), 8_000) > STEEP


def test_nothing_is_asked_twice(clock: Clock) -> None:
    sizes: list[int] = []
    growth(sizes.append, lambda _: costs(clock, lambda size: size**2)(sizes[-1]), 8_000)
    assert len(sizes) == len(set(sizes)) == TURNS * 3 + 1
    assert max(sizes) <= 8_000


def test_a_real_loop_and_a_loop_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.growth.FLOOR", 0.0)

    def work(turns: int) -> None:
        for _ in range(turns):
            pass

    assert growth(lambda size: size, work, 1_000_000) < STEEP
    assert growth(lambda size: size**2, work, 2_000) > STEEP


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_of_garbage_waits_and_then_goes_on(collects: bool) -> None:
    def work(_: int) -> None:
        assert not gc.isenabled()
        raise InterruptedError

    before = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        with pytest.raises(InterruptedError):
            growth(lambda size: size, work, 8)
        assert gc.isenabled() is collects
    finally:
        (gc.enable if before else gc.disable)()

"""How the cost of work grows with its size.

Tests assert no seconds: a slow or busy machine has others. How many times more CPU time eight
times the work takes is the same on every machine, and tells what costs its length from what costs
the square of it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

TIMES = 8
STEEP = 30
"""Above 8, which is linear, and what memory makes of it; below 64, which is quadratic."""
TURNS = 3
FLOOR = 0.002
"""CPU seconds; less counts as that much, being mostly noise. No growth looks larger for it."""

T = TypeVar("T")


def growth(prepare: Callable[[int], T], work: Callable[[T], object], size: int) -> float:
    """How many times more CPU time ``work`` takes on ``prepare(size)`` than on an eighth of it.

    What looks steep is measured again before it is believed, up to ``TURNS`` times. Sizes differ
    a little from each other, so that no cache knows what is asked; a first run, which fills what is
    filled once, does not count.
    """
    few = max(1, size // TIMES)
    _cost(prepare(few), work)
    small = large = float("inf")
    for turn in range(TURNS):
        fewer = few - (turn + 1) * few // 32
        small = min(small, _cost(prepare(fewer), work), _cost(prepare(fewer - few // 64), work))
        large = min(large, _cost(prepare(fewer * TIMES), work))
        if large < STEEP * max(small, FLOOR):
            break
    return large / max(small, FLOOR)


def _cost(prepared: T, work: Callable[[T], object]) -> float:
    """CPU seconds of this thread, without those that the collector of garbage would take."""
    collects = gc.isenabled()
    gc.disable()
    try:
        begun = time.thread_time()
        work(prepared)
        return time.thread_time() - begun
    finally:
        if collects:
            gc.enable()

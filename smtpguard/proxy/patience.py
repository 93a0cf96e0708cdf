"""What is remembered of faults that repeat: broken rules, and refusals of one bad template."""

from __future__ import annotations

from collections import OrderedDict, deque

from smtpguard.policy.stream import Stream

REMEMBERED = 4096
"""Messages and faults kept in mind; the oldest are forgotten first."""


class Breakages:
    """How often one and the same message broke a rule: a 4xx that never changes is poison."""

    def __init__(self) -> None:
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def of(self, digest: bytes) -> int:
        """How often before."""
        return self._counts.get(digest, 0)

    def note(self, digest: bytes) -> None:
        """It broke a rule again."""
        self._counts[digest] = self._counts.pop(digest, 0) + 1
        while len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)


class Pauses:
    """One bad template must not become fifty thousand hard bounces.

    After ``pause_after`` refusals of a stream for the same fault within ``pause_window`` seconds,
    further ones for that fault are deferred, until the window has passed without any.
    """

    def __init__(self) -> None:
        self._refusals: OrderedDict[tuple[str, str, str], deque[float]] = OrderedDict()

    def refused(self, stream: Stream, fault: str, now: float) -> tuple[bool, bool]:
        """One more refusal: whether it is to be deferred, and whether the pause begins with it."""
        if not stream.pause_after:
            return False, False
        key = (stream.controller.name, stream.name, fault)
        times = self._refusals.setdefault(key, deque(maxlen=stream.pause_after + 1))
        self._refusals.move_to_end(key)
        while len(self._refusals) > REMEMBERED:
            self._refusals.popitem(last=False)
        before = self._paused(times, stream, now)
        times.append(now)
        after = self._paused(times, stream, now)
        return after, after and not before

    @staticmethod
    def _paused(times: deque[float], stream: Stream, now: float) -> bool:
        return len(times) > stream.pause_after and times[0] > now - stream.pause_window

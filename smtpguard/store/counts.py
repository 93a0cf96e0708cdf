"""Numbers that the hosts and commands of one store count together; no person is among them.

A count has a name of several words. It is kept for each day (UTC), of which ``KEPT`` days stay,
and in total; with it goes the longest time that was seen, where there is one.

==========================  =====================================================================
``sg-count:{count}``        hash; ``<word>:<word>...``: total; the same after ``>``: longest
``sg-count:{count}:<day>``  the same of one day, as ``20261123``
==========================  =====================================================================

====================================================  ===========================================
``attempt``, controller, stream, ``in-flight``        mail to somebody who had left, up to 48 h
                                                      before: it may have been on its way
``attempt``, controller, stream, ``uncleaned``        the same, later: a list was not cleaned
``late``, controller, channel                         opt-outs that took longer to reach us than
                                                      the controller allows
``conflict``, controller, kind                        see ``person.ConflictKind``
``delay``, channel, seconds                           opt-outs that reached us within so many
                                                      seconds, and not within the next fewer
``delay-sum``, channel                                milliseconds that they took together
====================================================  ===========================================
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from smtpguard.person import Conflict
from smtpguard.store.script import Script
from smtpguard.store.wire import Reply, command

if TYPE_CHECKING:
    from smtpguard.store.store import Store

TOTAL = b"sg-count:{count}"
KEPT = 35
"""Days of which the counts are kept."""
DAY = 86_400
IN_FLIGHT = 2 * DAY
"""Seconds after an opt-out in which mail may still have been on its way (Google, Yahoo: 48 h)."""

ADD = Script("""
for i = 2, #ARGV, 3 do
  for _, key in ipairs(KEYS) do
    redis.call('HINCRBY', key, ARGV[i], ARGV[i + 1])
    local longest = tonumber(ARGV[i + 2])
    if longest > tonumber(redis.call('HGET', key, '>' .. ARGV[i]) or 0) then
      redis.call('HSET', key, '>' .. ARGV[i], ARGV[i + 2])
    end
  end
end
return redis.call('EXPIRE', KEYS[2], ARGV[1])
""")

Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """One number."""

    count: int = 0
    longest: int = 0
    """Seconds; 0 where there is none."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """Mail of one stream to people who had left."""

    controller: str
    stream: str
    in_flight: int = 0
    """Within 48 h of the opt-out: normal."""
    uncleaned: int = 0
    """Later: the list was not cleaned."""
    longest: int = 0
    """Seconds from an opt-out to the latest attempt after it."""


@dataclass(frozen=True, slots=True)
class Late:
    """Opt-outs that took longer to reach us than the controller allows."""

    controller: str
    channel: str
    count: int
    longest: int
    """Seconds."""


class Counts:
    """The counts of a store; every method raises ``StoreSilent`` as the store does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def attempted(
        self, controller: str, stream: str, after: Sequence[int], now: int | None = None
    ) -> None:
        """Mail was for people who had left so many seconds ``after`` they did."""
        for word, ages in (
            ("in-flight", [age for age in after if age < IN_FLIGHT]),
            ("uncleaned", [age for age in after if age >= IN_FLIGHT]),
        ):
            if ages:
                name = ("attempt", controller, stream, word)
                await self.add({name: Counted(len(ages), max(ages))}, now)

    async def came_late(
        self, controller: str, channel: str, seconds: Sequence[int], now: int | None = None
    ) -> None:
        """Opt-outs of a channel took so long to reach us, which is too long."""
        if seconds:
            name = ("late", controller, channel)
            await self.add({name: Counted(len(seconds), max(seconds))}, now)

    async def delayed(
        self, channel: str, within: str, milliseconds: int, now: int | None = None
    ) -> None:
        """An opt-out reached us so late; ``within`` is the bound that ``metrics`` gives it."""
        took: dict[Name, Counted] = {
            ("delay", channel, within): Counted(1),
            ("delay-sum", channel): Counted(milliseconds),
        }
        await self.add(took, now)

    async def contradicted(
        self, controller: str, found: Iterable[Conflict], now: int | None = None
    ) -> None:
        """Consents and opt-outs contradict each other."""
        kinds = Counter(one.kind.value for one in found)
        named: dict[Name, Counted] = {
            ("conflict", controller, kind): Counted(n) for kind, n in kinds.items()
        }
        if named:
            await self.add(named, now)

    async def add(self, found: Mapping[Name, Counted], now: int | None = None) -> None:
        """Add to today's and to the total."""
        day = _day(int(time.time()) if now is None else now)
        words = [
            word for name, one in found.items() for word in (_text(name), one.count, one.longest)
        ]
        await self._store.ask([ADD.call((TOTAL, day), (KEPT + 1) * DAY, *words)])

    async def total(self) -> dict[Name, Counted]:
        """All that was ever counted."""
        return _read(await self._store.ask([command(b"HGETALL", TOTAL)]))

    async def days(self, days: int = 7, now: int | None = None) -> dict[Name, Counted]:
        """What was counted today and on the days before, ``days`` in all."""
        today = int(time.time()) if now is None else now
        asked = [command(b"HGETALL", _day(today - i * DAY)) for i in range(days)]
        return _read(await self._store.ask(asked))

    async def attempts(self, days: int = 7, now: int | None = None) -> list[Attempts]:
        """The attempts of those days, stream by stream."""
        found = await self.days(days, now)
        streams = sorted({(name[1], name[2]) for name in found if name[0] == "attempt"})
        made = []
        for controller, stream in streams:
            fresh, stale = (
                found.get(("attempt", controller, stream, word), Counted())
                for word in ("in-flight", "uncleaned")
            )
            longest = max(fresh.longest, stale.longest)
            made.append(Attempts(controller, stream, fresh.count, stale.count, longest))
        return made

    async def late(self, days: int = 7, now: int | None = None) -> list[Late]:
        """The late opt-outs of those days, channel by channel."""
        found = sorted((await self.days(days, now)).items())
        return [Late(n[1], n[2], one.count, one.longest) for n, one in found if n[0] == "late"]

    async def conflicts(self, days: int = 7, now: int | None = None) -> dict[tuple[str, str], int]:
        """The conflicts of those days, by controller and kind."""
        found = await self.days(days, now)
        return {(n[1], n[2]): one.count for n, one in found.items() if n[0] == "conflict"}


def _day(seconds: int) -> bytes:
    return TOTAL + datetime.fromtimestamp(seconds, UTC).strftime(":%Y%m%d").encode()


def _text(name: Name) -> str:
    return ":".join(quote(word, safe="") for word in name)


def _read(replies: Iterable[Reply]) -> dict[Name, Counted]:
    counts: Counter[Name] = Counter()
    longest: dict[Name, int] = {}
    for reply in replies:
        for field, value in zip(reply[::2], reply[1::2], strict=True):
            text = field.decode()
            name = tuple(unquote(word) for word in text.removeprefix(">").split(":"))
            if text.startswith(">"):
                longest[name] = max(longest.get(name, 0), int(value))
            else:
                counts[name] += int(value)
    return {name: Counted(count, longest.get(name, 0)) for name, count in counts.items()}

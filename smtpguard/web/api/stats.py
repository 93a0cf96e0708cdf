"""Counts, for dashboards and reports."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from smtpguard import metrics
from smtpguard.store import census, partner
from smtpguard.store.census import Tally
from smtpguard.store.counts import Counted, Counts, Name
from smtpguard.store.outbox import Outbox
from smtpguard.store.requests import every
from smtpguard.web.api.answered import (
    AttemptCount,
    ControllerStats,
    HostStats,
    LateCount,
    ListStats,
    Stats,
    SuppressionCount,
)
from smtpguard.web.api.call import Call
from smtpguard.web.api.check import moment
from smtpguard.web.api.problem import Refused
from smtpguard.web.desk import Desk

FRESH = 60
"""Seconds for which a count is given again."""
PATIENCE = 5.0
"""Seconds for which somebody waits for the first count."""
SHARE = 0.3
"""Of the time is spent on counting."""
DAYS = 7
"""Of what is counted as it happens."""

Week = Mapping[Name, Counted]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look through the store found."""

    at: int
    tallies: Mapping[str, Tally]


class Census:
    """Looks through the whole store, at most one look at a time; whoever asks gets the last."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last: Look | None = None
        self._task: asyncio.Task[Look] | None = None
        self.started = desk.now

    async def take(self) -> Look:
        """The last count; a new one if it is old and quickly done. Raises ``Refused``."""
        if self._last is not None and self._desk.now - self._last.at < FRESH:
            return self._last
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._count())
            # Whoever waits hears of a failure; when nobody does, it is no news either.
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            async with asyncio.timeout(PATIENCE if self._last is None else PATIENCE / 5):
                return await asyncio.shield(self._task)
        except TimeoutError:
            if self._last is None:
                raise Refused("busy", "it is being counted: ask again") from None
            return self._last

    async def _count(self) -> Look:
        at = self._desk.now
        self._last = Look(at, await census.count(self._desk.store, share=SHARE))
        return self._last


async def stats(call: Call) -> Stats:
    """What there is of each controller that the caller may ask for."""
    counting: Census = call.request.app.state.census
    counted = await counting.take()
    sees, store = call.caller.sees, call.desk.store
    pending: Counter[str] = Counter()
    overdue: Counter[str] = Counter()
    async for one in every(store):
        pending[one.controller] += not one.done
        overdue[one.controller] += not one.done and one.due < call.desk.now
    week = await Counts(store).days(DAYS, call.desk.now)
    site = call.desk.site
    names = sorted(filter(sees, {*site.controllers, *counted.tallies, *pending}))
    brands = [brand for (owner, _), brand in site.brands.items() if sees(owner)]
    wanted = {name for brand in brands for name in brand.suppression_lists}
    host = None
    if call.caller.controllers is None:
        waiting, given_up = await Outbox(store, call.desk.ring).depth()
        host = HostStats(
            events_waiting=waiting,
            events_given_up=given_up,
            opt_outs=_opt_outs(),
            started=moment(counting.started),
        )
    return Stats(
        counted=moment(counted.at),
        controllers=tuple(
            _of(name, counted.tallies.get(name, Tally()), pending[name], overdue[name], week)
            for name in names
        ),
        lists=tuple(
            ListStats(
                name=one.name,
                algorithm=one.algorithm,
                size=one.size,
                imported=moment(one.imported),
            )
            for one in await partner.every(store)
            if one.name in wanted
        ),
        host=host,
    )


def _of(name: str, tally: Tally, pending: int, overdue: int, week: Week) -> ControllerStats:
    own = {what: one for what, one in sorted(week.items()) if what[1:2] == (name,)}
    streams = sorted({what[2] for what in own if what[0] == "attempt"})

    def tried(stream: str, age: str) -> int:
        return own.get(("attempt", name, stream, age), Counted()).count

    return ControllerStats(
        controller=name,
        people=tally.records,
        informed=tally.informed,
        sourced=tally.sourced,
        suppressions=tuple(
            SuppressionCount(
                reason=reason, brand=scope.brand, stream=scope.stream, domain=domain, count=count
            )
            for (domain, reason, scope), count in tally.ranked
        ),
        requests_open=pending,
        requests_overdue=overdue,
        attempts=tuple(
            AttemptCount(
                stream=stream,
                in_flight=tried(stream, "in-flight"),
                uncleaned=tried(stream, "uncleaned"),
            )
            for stream in streams
        ),
        late=tuple(
            LateCount(channel=what[2], count=one.count, longest=one.longest)
            for what, one in own.items()
            if what[0] == "late"
        ),
        conflicts={what[2]: one.count for what, one in own.items() if what[0] == "conflict"},
    )


def _opt_outs() -> dict[str, int]:
    """New wishes by channel, as this process has counted them."""
    found: Counter[str] = Counter()
    for family in metrics.OPT_OUTS.collect():
        for sample in family.samples:
            if sample.name.endswith("_total") and sample.labels["new"] == "true":
                found[sample.labels["channel"]] += int(sample.value)
    return dict(found)

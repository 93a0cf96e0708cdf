"""What a list of opt-outs says of time: how late they come, which consents they contradict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smtpguard.cli.reach import say
from smtpguard.person import LEFT, OptOut

if TYPE_CHECKING:
    from smtpguard.store.counts import Counted, Name
    from smtpguard.store.leaving import Recorded
    from smtpguard.store.store import Store

CHANNEL = "import"


@dataclass(slots=True)
class Arrivals:
    """Counts batch by batch, in the store and for the operator."""

    controller: str
    allowed: int
    """Seconds that an opt-out may take."""
    now: int
    late: int = 0
    longest: int = 0
    conflicts: int = 0

    async def note(
        self, store: Store, wishes: Sequence[OptOut], recorded: Sequence[Recorded]
    ) -> None:
        """Count a batch; only a row that says when, and is new, says how long it took."""
        from smtpguard import metrics
        from smtpguard.store.counts import Counted, Counts

        took = [
            max(0, self.now - wish.suppression.at)
            for wish, done in zip(wishes, recorded, strict=True)
            if done.new and wish.epoch and wish.suppression.reason in LEFT
        ]
        late = [seconds for seconds in took if seconds > self.allowed]
        found = [done.conflict for done in recorded if done.conflict]
        self.late += len(late)
        self.longest = max([self.longest, *late])
        self.conflicts += len(found)
        bounds = Counter(map(metrics.bound, took))
        counted: dict[Name, Counted] = {
            ("delay", CHANNEL, bound): Counted(n) for bound, n in bounds.items()
        }
        if counted:
            counted["delay-sum", CHANNEL] = Counted(1000 * sum(took))
            await Counts(store).add(counted)
        await Counts(store).came_late(self.controller, CHANNEL, late)
        await Counts(store).contradicted(self.controller, found)

    def report(self) -> None:
        """Two lines at most, for the operator."""
        if self.late:
            hours, days = self.allowed / 3600, self.longest / 86_400
            what = f"said stop more than {hours:g} hours ago (late-opt-out), up to {days:.1f} days"
            say(f"{self.late} {what}")
        if self.conflicts:
            say(f"{self.conflicts} contradict a later consent: see `smtpguard suppress conflicts`")

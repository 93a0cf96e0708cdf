"""How late the opt-outs of a list come: what is counted, and what the operator is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smtpguard.cli.arrivals import Arrivals
from smtpguard.cli.reach import Place
from smtpguard.person import Conflict, ConflictKind, OptOut, Reason, Scope, Suppression
from smtpguard.store.counts import Counted, Counts, Name
from smtpguard.store.embedded import Embedded
from smtpguard.store.leaving import Recorded
from tests.cli.conftest import Run

if TYPE_CHECKING:
    from smtpguard.store.store import Store

NOW = 1_795_000_000
NEW, KNOWN = Recorded(new=True), Recorded(new=False)
CONFLICT = Conflict(ConflictKind.OLD_LINK, Reason.OBJECTION, Scope(), 3, 2, 1)


def left(ago: int, *, dated: bool = True, reason: Reason = Reason.OBJECTION) -> OptOut:
    at = NOW - ago
    return OptOut(Suppression(reason, Scope(), at, "import"), at if dated else 0)


def noted(
    server: Embedded, state: Path, *batches: list[tuple[OptOut, Recorded]]
) -> tuple[Arrivals, dict[Name, Counted]]:
    place = Place.of(None, state, f"embedded:{server.directory}")
    arrivals = Arrivals("acme", 100, NOW)

    async def work(store: Store) -> dict[Name, Counted]:
        for batch in batches:
            await arrivals.note(store, [wish for wish, _ in batch], [done for _, done in batch])
        return await Counts(store).total()

    return arrivals, place.run(work)


def test_only_new_wishes_that_say_when_are_measured(
    run: Run, server: Embedded, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("store", "init") == 0
    arrivals, counts = noted(
        server,
        state,
        [(left(100), NEW), (left(101), NEW), (left(7200), NEW), (left(-5), NEW)],
        [(left(10**6), KNOWN), (left(10**6, dated=False), NEW)],
        [(left(10**6, reason=Reason.MANUAL), NEW), (left(5000), Recorded(True, CONFLICT))],
    )
    assert counts == {
        ("late", "acme", "import"): Counted(3, 7200),
        ("conflict", "acme", "old-link"): Counted(1),
        ("delay", "import", "0.001"): Counted(1),
        ("delay", "import", "3600.0"): Counted(2),
        ("delay", "import", "86400.0"): Counted(2),
        ("delay-sum", "import"): Counted(1000 * (100 + 101 + 7200 + 5000)),
    }
    capsys.readouterr()
    arrivals.report()
    said = capsys.readouterr().err
    assert "3 said stop more than 0.0277778 hours ago (late-opt-out), up to 0.1 days" in said
    assert "1 contradict a later consent" in said


def test_nothing_odd_is_not_worth_a_line(
    run: Run, server: Embedded, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("store", "init") == 0
    capsys.readouterr()
    arrivals, _ = noted(server, state, [(left(5), NEW)])
    arrivals.report()
    assert capsys.readouterr().err == ""

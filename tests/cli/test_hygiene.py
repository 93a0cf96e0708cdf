"""``smtpguard suppress conflicts|attempts|late``: what there is to put right, and exit 1 for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smtpguard.cli.reach import Place
from smtpguard.store.counts import DAY, Counts
from smtpguard.store.embedded import Embedded
from tests.cli.conftest import Run

if TYPE_CHECKING:
    from smtpguard.store.store import Store

ACME = ("--controller", "acme")


def counting(server: Embedded, state: Path, after: list[int]) -> None:
    place = Place.of(None, state, f"embedded:{server.directory}")

    async def work(store: Store) -> None:
        await Counts(store).attempted("acme", "news", after)

    place.run(work)


def test_a_new_store_has_nothing_to_say(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("conflicts", "attempts", "late"):
        assert run("suppress", word) == 0
        assert capsys.readouterr().out == ""


def test_attempts(
    run: Run, server: Embedded, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("suppress", "attempts") == 0
    counting(server, state, [3600, 3 * 3600])
    capsys.readouterr()
    assert run("suppress", "attempts") == 0
    assert capsys.readouterr().out == "acme/news\t2 in flight\t0 uncleaned\tup to 3 hours after\n"
    counting(server, state, [12 * DAY])
    assert run("suppress", "attempts", "--days", "1") == 1
    assert capsys.readouterr().out == "acme/news\t2 in flight\t1 uncleaned\tup to 12 days after\n"


def test_conflicts(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = ("anna@client.fr", *ACME)
    assert run("consent", "add", *who, "--given", "2026-06-01", "--proof", "form 12") == 0
    file = tmp_path / "gone.csv"
    file.write_text("email,since\nanna@client.fr,2026-03-31\n")
    words = ("--reason", "objection", "--time-column", "since")
    assert run("suppress", "import", str(file), *ACME, *words) == 0
    assert "1 contradict a later consent" in capsys.readouterr().err
    assert run("suppress", "check", *who) == 1
    capsys.readouterr()
    for only in ((), ACME):
        assert run("suppress", "conflicts", *only) == 0
        (line,) = capsys.readouterr().out.splitlines()
        _, owner, reference, *facts = line.split("\t")
        assert owner == "acme"
        assert reference.count(".") == 1
        assert facts == [
            "old-link",
            "objection controller",
            "said 2026-03-31 00:00 UTC",
            "consent 2026-06-01 00:00 UTC",
            "made 2026-03-31 00:00 UTC",
            "import",
        ]
    assert run("suppress", "conflicts", "--controller", "other") == 0
    assert "no conflicts" in capsys.readouterr().err


def test_late(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gone.csv"
    file.write_text("email,since\nanna@client.fr,2026-03-31\nbob@client.fr,2020-01-01\n")
    words = ("suppress", "import", str(file), *ACME, "--time-column", "since")
    assert run(*words) == 0  # nobody's wish
    assert run("suppress", "late") == 0
    for _ in range(2):  # and only once
        assert run(*words, "--reason", "complaint") == 0
    assert "2 said stop more than 48 hours ago (late-opt-out)" in capsys.readouterr().err
    assert run("suppress", "late") == 1
    assert capsys.readouterr().out.startswith("acme\timport\t2 late\tup to ")

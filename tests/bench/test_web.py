"""The benchmark of the exit pages measures what it says it measures."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report, run, web
from bench.web import BARE, CROWDED, WHOLE, Measure, Pages


def measure(per_second: float, p99: float, closed: int = 0, longest: float = 0.0) -> Measure:
    slow = {"connected": 7, "closed": closed, "longest": longest} if closed else {}
    return Measure(per_second, 0.5, 1, p99, 10**8, 10**6, slow)


def test_each_is_compared_within_its_round() -> None:
    text = web.table(
        {
            WHOLE: [measure(100, 4), measure(400, 3), measure(100, 9)],
            BARE: [measure(200, 2), measure(400, 3), measure(400, 3)],
            CROWDED: [measure(50, 8, 3, 9.5), measure(200, 3, 4, 10.5), measure(90, 9, 5, 9)],
        },
        workers=2,
        sessions=16,
    )
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if "|" in line}
    assert rows[WHOLE].endswith(
        "| 4.0 [3.0-9.0] | 100 [100-100] | 1 [1-1] | 0.50 | 2.00 | without the store's write |"
    )
    assert rows[BARE].endswith("| 1 [1-1] |  |  |  |")
    assert rows[CROWDED].endswith("| 0.50 | 1.00 | as it is |")
    assert "7 at a time" in text
    assert "12 times in all, and bore none for longer than 10 s" in text
    assert len({line.count("|") for line in rows.values()}) == 1


def test_the_page_has_room_for_both_tables(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(run.PAGE.read_text())
    report.write(page, "MAIL")
    report.write(page, "OLD", web.BEGIN)
    report.write(page, "CLICKS", web.BEGIN)
    text = page.read_text()
    assert re.search(f"{report.BEGIN}\n\nMAIL\n<!-- end -->", text)
    assert re.search(f"{web.BEGIN}\n\nCLICKS\n<!-- end -->", text)
    assert "OLD" not in text


def keys(pages: Pages) -> int:
    """How many the store has: one a reader."""
    command = [sys.executable, "-m", "smtpguard", "store", "status", "-c"]
    told = subprocess.run(
        [*command, str(pages.folder / "smtpguard.yaml")], capture_output=True, text=True, check=True
    )
    found = re.search(r"^keys +(\d+)$", told.stdout, re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.real
@pytest.mark.parametrize(("module", "written"), [("smtpguard", 60), ("bench.storeless", 0)])
def test_links_are_clicked_and_slow_clients_borne(
    module: str, written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "STAY", 0.2)
    run.build("click")
    pages = Pages(module, tmp_path / "pages")
    with contextlib.ExitStack() as stack:
        stack.callback(pages.stop)
        before = keys(pages)
        alone = web.measure(pages, "a", 40, 3)
        beside = web.measure(pages, "b", 20, 3, slow=5)
        assert keys(pages) - before == written
    assert alone.slow == {}
    assert beside.slow["connected"] == 5
    assert alone.cpu_ms > 0
    assert 0 < alone.p50 <= alone.p99 < 5000
    assert alone.peak > 30e6
    assert alone.store > 1e6


@pytest.mark.real
def test_an_answer_that_is_not_200_fails(tmp_path: Path) -> None:
    run.build("click")
    pages = Pages("smtpguard", tmp_path / "pages")
    try:
        (tmp_path / "links").write_text("/u/forged\n/u/other\n")
        command = [str(run.BUILD / "click"), str(pages.port), str(tmp_path / "links"), "1", "9"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        pages.stop()
    assert done.returncode == 1
    assert "HTTP/1.1 404" in done.stderr
    assert json.loads(done.stdout)["failed"] == 2

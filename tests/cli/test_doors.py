"""``smtpguard web --workers 2``: which process does what, and what happens when one dies."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpguard.store.keyfiles import load_ring
from smtpguard.unsubscribe.link import Ticket, seal
from tests.processes import children, command, until

POLICY = """\
controller: acme
legal_name: Acme SAS
brands: {acme: {from_domains: [acme.example]}}
streams: {news: {class: marketing, brand: acme, match: {from_domain: acme.example}}}
default: {class: personal}
"""
PATIENCE = 20.0


class Running:
    """The service, with what it writes."""

    def __init__(self, folder: Path) -> None:
        (folder / "policies").mkdir()
        (folder / "policies" / "acme.yaml").write_text(POLICY)
        config = folder / "smtpguard.yaml"
        places = "listen: '127.0.0.1:0', status: '127.0.0.1:0'"
        config.write_text(f"state: state\npolicies: policies\nweb: {{workers: 2, {places}}}\n")
        self.folder = folder
        self.log = folder / "log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "smtpguard", "web", "-c", str(config)], stdout=out
            )
        started = self.said(r"listen_web=127.0.0.1:(\d+), listen_status=127.0.0.1:(\d+)")
        self.web, self.status = int(started[1]), int(started[2])

    def said(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until the log has it so often; the last."""

        def found() -> list[re.Match[str]]:
            return list(re.finditer(pattern, self.log.read_text()))[times - 1 :]

        return until(found, f"{pattern} in the log")[-1]

    def workers(self, *, others: bool = False) -> list[int]:
        """Process ids of the workers, in the order of their birth; or of the other children."""
        born = children(self.process.pid)
        return [pid for pid in born if (b"\0web\0" not in command(pid)) is others]

    def click(self, who: int) -> int:
        """One opt-out; the status of the answer."""
        ring = load_ring(self.folder / "state" / "keys")
        token = seal(ring, Ticket("acme", "acme", "news", b"jo%d@reader.example" % who, 5))
        line = http.client.HTTPConnection("127.0.0.1", self.web, timeout=PATIENCE)
        line.request("POST", f"/u/{token}", b"List-Unsubscribe=One-Click")
        status = line.getresponse().status
        line.close()
        return status

    def asked(self, path: str) -> str:
        """The status listener's answer."""
        place = f"http://127.0.0.1:{self.status}{path}"
        with urllib.request.urlopen(place, timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
            return text

    def counted(self) -> float:
        """Opt-outs by the metrics."""
        lines = self.asked("/metrics").splitlines()
        found = [line.split()[-1] for line in lines if line.startswith("smtpguard_opt_outs_total{")]
        return sum(map(float, found))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    service = Running(tmp_path)
    try:
        yield service
    finally:
        service.process.terminate()
        try:
            service.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            service.process.kill()
            service.process.wait()


def test_several_workers_are_one_service(running: Running) -> None:
    first, second = running.workers()
    assert running.asked("/readyz").startswith("ok")

    os.kill(second, signal.SIGSTOP)  # so that the first has these
    assert [running.click(who) for who in range(3)] == [200] * 3
    os.kill(second, signal.SIGCONT)
    os.kill(first, signal.SIGSTOP)  # and the other one those
    assert [running.click(who) for who in range(3, 8)] == [200] * 5
    os.kill(first, signal.SIGCONT)
    until(lambda: running.counted() == 8, "every worker's count")

    for number, victim in enumerate((second, first), 1):
        os.kill(victim, signal.SIGKILL)
        running.said("worker ended", number)
        until(lambda: len(running.workers()) == 2, "another worker")
        assert running.click(7 + number) == 200
        assert running.asked("/readyz").startswith("ok")
        until(lambda: running.counted() == 8 + number, "its count")  # noqa: B023 - used here

    policies = running.folder / "policies" / "acme.yaml"
    policies.write_text("controller: [\n")
    running.process.send_signal(signal.SIGHUP)
    running.said("reload-refused")
    policies.write_text(POLICY.replace("Acme SAS", "Acme SA"))
    running.process.send_signal(signal.SIGHUP)
    running.said("reloaded", 2)
    assert "again_in=0.5" not in running.log.read_text()

    running.process.terminate()
    assert running.process.wait(PATIENCE) == os.EX_OK
    assert running.log.read_text().splitlines()[-1].endswith("stopped")


def test_workers_whose_parent_is_gone_end(running: Running) -> None:
    workers = running.workers()
    (store,) = running.workers(others=True)
    running.process.kill()
    running.process.wait()
    until(lambda: not any(map(command, workers)), "the workers' end")
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        running.asked("/healthz")
    os.kill(store, signal.SIGTERM)  # it outlives its parent, for the next one

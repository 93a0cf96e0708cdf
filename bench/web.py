"""What an opt-out costs: one-click POSTs at the exit pages: ``./x bench web``.

Three things are measured in every round, in turn: the pages as they are; the same pages without
the store's write; and the pages as they are while a thousand clients send their headers an octet
a second. Ratios are taken within each round.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.account import Account
from bench.peers import PATIENCE, free_port
from bench.report import cell, machine, row, write
from bench.run import BUILD, LIMIT, PAGE, build, memory, policies, rotated
from smtpguard.keys import Keyring
from smtpguard.store.keyfiles import load_ring
from smtpguard.unsubscribe.link import Ticket, seal

BEGIN = "<!-- measured: ./x bench web --write -->"
WHOLE, BARE, CROWDED = "as it is", "without the store's write", "beside slow clients"
BASES = {WHOLE: BARE, CROWDED: WHOLE}
"""What each is compared with."""
STAY = 12.0
"""Seconds that slow clients stay at least: longer than one is borne (`web.limits.seconds`)."""
STORE = "valkey-server"
"""The name of its process (proc(5), comm)."""
SAMPLE = 0.25
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class Measure:
    """One variant in one round."""

    per_second: float
    cpu_ms: float
    """CPU per POST, all processes, the store included."""
    p50: float
    p99: float
    """Milliseconds from the request to the whole answer."""
    peak: int
    """Octets (PSS), the most that parent and workers had together."""
    store: int
    """Octets (PSS) of the store, at the end: it holds every opt-out so far."""
    slow: Mapping[str, float] = field(default_factory=dict)
    """What the slow clients tell, where there are any."""

    def __str__(self) -> str:
        text = (
            f"{self.per_second:.0f}/s, {self.cpu_ms:.2f} CPU-ms,"
            f" p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms,"
            f" {self.peak / 1e6:.0f} MB, store {self.store / 1e6:.0f} MB"
        )
        return f"{text}, slow clients: {json.dumps(self.slow)}" if self.slow else text


class Pages:
    """``smtpguard web`` with the Valkey it brings, and an account of its own."""

    def __init__(self, module: str, folder: Path, workers: int = 2) -> None:
        folder.mkdir()
        policies(folder / "policies")
        self.port, self.status = free_port(), free_port()
        self.folder = folder
        places = f"listen: '127.0.0.1:{self.port}', status: '127.0.0.1:{self.status}'"
        (folder / "smtpguard.yaml").write_text(
            "state: state\npolicies: policies\n"
            f"web: {{workers: {workers}, {places}, proxies: [127.0.0.1/32]}}\n"
        )
        self.account = Account(f"web-{folder.name}")
        command = [sys.executable, "-m", module, "web", "-c", str(folder / "smtpguard.yaml")]
        with (folder / "log").open("wb") as out:
            self._process = subprocess.Popen(
                self.account.joined(*command), stdout=out, stderr=subprocess.STDOUT
            )
        self.account.root = self._process.pid
        deadline = time.monotonic() + PATIENCE
        while b"listen_web" not in (folder / "log").read_bytes():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.stop()
                raise RuntimeError(f"smtpguard web: {self.trouble()}")
            time.sleep(0.05)
        self.ring: Keyring = load_ring(folder / "state" / "keys")

    def trouble(self) -> str:
        """What it said last."""
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """End every process of it."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.account.close()


def main() -> int:
    """Build, start, measure, end, tell."""
    parser = argparse.ArgumentParser(prog="./x bench web", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="medians are over these")
    parser.add_argument("--posts", type=int, default=50_000, help="POSTs in one measurement")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sessions", type=int, default=16, help="connections that are kept open")
    parser.add_argument("--slow", type=int, default=1000, help="slow clients")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    options = parser.parse_args()
    build("click")
    measures: dict[str, list[Measure]] = {WHOLE: [], BARE: [], CROWDED: []}
    with tempfile.TemporaryDirectory(prefix="smtpguard-bench-", dir=memory()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with contextlib.ExitStack() as stack:
            pages = {}
            for variant, module in ((WHOLE, "smtpguard"), (BARE, "bench.storeless")):
                place = folder / module.rpartition(".")[2]
                pages[variant] = Pages(module, place, options.workers)
                stack.callback(pages[variant].stop)
            pages[CROWDED] = pages[WHOLE]
            for one in (pages[WHOLE], pages[BARE]):
                measure(one, f"warm-{one.port}", options.posts // 10, options.sessions)
            for number in range(options.rounds):
                for variant in rotated(list(measures), number):
                    slow = options.slow if variant == CROWDED else 0
                    what = f"{number}-{variant[:3]}"
                    told = measure(pages[variant], what, options.posts, options.sessions, slow)
                    measures[variant].append(told)
                    print(f"{variant}: {told}", file=sys.stderr)
    text = table(measures, workers=options.workers, sessions=options.sessions)
    print(machine(mail=False), text, sep="\n\n")
    if options.write:
        write(PAGE, f"{machine(mail=False)}\n\n{text}", BEGIN)
    return 0


def measure(pages: Pages, what: str, posts: int, sessions: int, slow: int = 0) -> Measure:
    """POST links of readers who have not left yet, each once. ``RuntimeError`` if any fails."""
    links = pages.folder / "links"
    links.write_text("".join(f"{link}\n" for link in minted(pages.ring, what, posts)))
    with contextlib.ExitStack() as stack:
        ended = stack.enter_context(crowd(pages.port, slow)) if slow else None
        peak = stack.enter_context(watched(pages.account))
        cpu = pages.account.cpu()
        words = [pages.port, links, sessions, LIMIT]
        done = subprocess.run(
            [str(BUILD / "click"), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=LIMIT + 10,
            check=False,
        )
        used = pages.account.cpu() - cpu
        if done.returncode:
            raise RuntimeError(f"{done.stderr}{done.stdout}\n{pages.trouble()}")
        told = json.loads(done.stdout)
        crowded = ended() if ended else {}
    return Measure(
        per_second=posts / told["seconds"],
        cpu_ms=used / posts * 1e3,
        p50=told["p50"],
        p99=told["p99"],
        peak=max(peak),
        store=pages.account.memory(STORE),
        slow=crowded,
    )


def minted(ring: Keyring, what: str, count: int) -> Iterator[str]:
    """Links of so many readers."""
    for number in range(count):
        reader = f"{what}-{number}@reader.example".replace(" ", "").encode()
        yield f"/u/{seal(ring, Ticket('acme', 'acme', 'newsletter', reader, 5))}"


@contextlib.contextmanager
def crowd(port: int, count: int) -> Iterator[Callable[[], dict[str, float]]]:
    """Slow clients while the block lasts; what is yielded ends them, and gives what they saw."""
    stay = time.monotonic() + STAY
    command = [sys.executable, "-m", "bench.slow", str(port), str(count)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the slow clients could not connect")

            def ended() -> dict[str, float]:
                time.sleep(max(0.0, stay - time.monotonic()))
                out, _ = process.communicate("\n", timeout=PATIENCE)
                told: dict[str, float] = json.loads(out)
                return told

            yield ended
        finally:
            process.kill()


@contextlib.contextmanager
def watched(account: Account) -> Iterator[list[int]]:
    """The memory at every look while the block lasts, and after it."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(SAMPLE):
            seen.append(account.memory(STORE, others=True))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
        seen.append(account.memory(STORE, others=True))


def table(measures: Mapping[str, Sequence[Measure]], *, workers: int, sessions: int) -> str:
    """Medians over the rounds, the extremes in brackets; ratios are taken within each round."""
    rounds = len(measures[WHOLE])
    head = ["", "POST/s", "CPU-ms per POST", "p50 ms", "p99 ms", "peak MB", "store MB"]
    head += ["POST/s x", "p99 x", "compared with"]
    lines = [
        f"Medians of {rounds} rounds [least-most]; {workers} workers, {sessions} connections.",
        "",
        row(head),
        row(["---", *["--:"] * 8, "---"]),
    ]
    for name, told in measures.items():
        base = BASES.get(name, "")
        cells = [
            cell(told, lambda m: m.per_second, 0),
            cell(told, lambda m: m.cpu_ms, 2),
            cell(told, lambda m: m.p50, 1),
            cell(told, lambda m: m.p99, 1),
            cell(told, lambda m: m.peak / 1e6, 0),
            cell(told, lambda m: m.store / 1e6, 0),
        ]
        if base:
            cells += [
                ratio(told, measures[base], lambda m: m.per_second),
                ratio(told, measures[base], lambda m: m.p99),
                base,
            ]
        else:
            cells += ["", "", ""]
        lines.append(row([name, *cells]))
    crowds = [one.slow for one in measures[CROWDED] if one.slow]
    if crowds:
        closed = sum(int(one["closed"]) for one in crowds)
        longest = max(one["longest"] for one in crowds)
        lines += [
            "",
            f"Slow clients, {int(crowds[0]['connected'])} at a time: the pages hung up on them"
            f" {closed} times in all, and bore none for longer than {longest:.0f} s.",
        ]
    return "\n".join(lines) + "\n"


def ratio(
    rounds: Sequence[Measure], base: Sequence[Measure], value: Callable[[Measure], float]
) -> str:
    """The median of the ratios within each round."""
    return f"{median(value(a) / value(b) for a, b in zip(rounds, base, strict=True)):.2f}"


if __name__ == "__main__":
    sys.exit(main())

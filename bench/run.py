"""What a message costs, beside Postfix, in the same run: ``./x bench``.

Every peer takes part in every round, in turn. CPU per message is what to compare: messages per
second depend on what else the machine does, and are comparable within one round only. A queueing
peer is timed until its last message reached the sink.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import corpus
from bench.peers import Direct, Filter, Guard, Peer, Postfix, Queue, Sink
from bench.report import Measure, machine, table, write

HERE = Path(__file__).parent
BUILD = HERE / "build"
PAGE = HERE.parent / "docs" / "performance.md"

LIMIT = 120.0
"""Seconds that one measurement may take."""


One = TypeVar("One")


@dataclass(frozen=True)
class Scenario:
    """One message, sent ``count`` times over ``sessions`` connections."""

    title: str
    message: str
    count: int
    sessions: int = 10
    peers: tuple[type[Peer], ...] = (Direct, Filter, Queue, Guard)


SCENARIOS = (
    Scenario("1 KB text, 10 sessions", "text", 3000),
    Scenario("46 KB newsletter, 10 sessions", "newsletter", 2000),
    Scenario("1 MB with attachment, 10 sessions", "attachment", 200),
    Scenario("46 KB newsletter, 1 session", "newsletter", 400, sessions=1),
    Scenario("46 KB newsletter, 100 sessions", "newsletter", 2000, sessions=100),
    Scenario("46 KB newsletter without a way out", "bare", 1000, peers=(Queue, Guard)),
)


def main() -> int:
    """Build, start, measure, end, tell."""
    parser = argparse.ArgumentParser(prog="./x bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="medians are over these")
    parser.add_argument("--scale", type=float, default=1.0, help="messages, times this")
    parser.add_argument("--only", default="", help="scenarios whose title contains this")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    options = parser.parse_args()
    scenarios = [scenario for scenario in SCENARIOS if options.only in scenario.title]
    build()
    measures: dict[str, dict[str, list[Measure]]] = {}
    with tempfile.TemporaryDirectory(prefix="smtpguard-bench-", dir=memory()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        for message, octets in corpus.messages().items():
            (folder / f"{message}.eml").write_bytes(octets)
        with started(folder) as (peers, absent):
            for number in range(options.rounds):
                for scenario in scenarios:
                    taking_part = [peer for peer in peers if type(peer) in scenario.peers]
                    for peer in rotated(taking_part, number):
                        measured = measure(peer, scenario, folder, options.scale)
                        told = measures.setdefault(scenario.title, {})
                        told.setdefault(peer.name, []).append(measured)
                        print(f"{scenario.title}: {peer.name}: {measured}", file=sys.stderr)
    text = table(measures, base=Queue.name, rounds=options.rounds) + "".join(
        f"\nNot measured: {line}\n" for line in absent
    )
    print(machine(), text, sep="\n\n")
    if options.write:
        write(PAGE, f"{machine()}\n\n{text}")
    return 1 if absent else 0


def build(*names: str) -> None:
    """Compile these programs; generator and sink if none is named."""
    BUILD.mkdir(exist_ok=True)
    for name in names or ("load", "sink"):
        out = ["-o", str(BUILD / name), str(HERE / f"{name}.c")]
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", *out], check=True)


def memory() -> str | None:
    """A directory in memory, so that no disk is measured, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextlib.contextmanager
def started(folder: Path) -> Iterator[tuple[list[Peer], list[str]]]:
    """Every peer that starts, and why the others do not; all are ended."""
    running: list[Peer] = []
    absent: list[str] = []
    with contextlib.ExitStack() as stack:
        for kind in (Direct, Filter, Queue, Guard):
            place = folder / kind.__name__.lower()
            place.mkdir()
            peer = kind(Sink(BUILD / "sink", place), place)
            stack.callback(peer.stop)
            if kind is Guard:
                policies(place / "policies")
            try:
                peer.start()
                running.append(peer)
            except RuntimeError as reason:
                absent.append(f"{kind.name}: {reason}")
        yield running, absent


def policies(folder: Path) -> None:
    """The guard's policy, and an RSA-2048 key to sign with."""
    folder.mkdir()
    shutil.copy(HERE / "policy.yaml", folder / "acme.yaml")
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "acme.pem").write_bytes(pem)


def rotated(peers: Sequence[One], by: int) -> Sequence[One]:
    """The same peers, another first: none is always measured on a warm or a tired machine."""
    start = by % len(peers) if peers else 0
    return [*peers[start:], *peers[:start]]


def measure(peer: Peer, scenario: Scenario, folder: Path, scale: float) -> Measure:
    """Send the messages of one scenario; warm up before."""
    count = max(int(scenario.count * scale), scenario.sessions)
    message = folder / f"{scenario.message}.eml"
    send(peer, message, max(2 * scenario.sessions, count // 20), scenario.sessions)
    cpu, begun = peer.account.cpu(), time.monotonic()
    told = send(peer, message, count, scenario.sessions)
    seconds = time.monotonic() - begun if isinstance(peer, Postfix) else told["seconds"]
    used = peer.account.cpu() - cpu
    return Measure(
        per_second=count / seconds,
        cpu_ms=used / count * 1e3,
        p50=told["p50"],
        p99=told["p99"],
        memory=peer.account.memory(),
    )


def send(peer: Peer, message: Path, count: int, sessions: int) -> dict[str, float]:
    """Send, and wait until all of it reached the sink. ``RuntimeError`` when a message is lost."""
    before = peer.sink.count()
    words = [peer.port, message, count, sessions, LIMIT]
    done = subprocess.run(
        [str(BUILD / "load"), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=LIMIT + 10,
        check=False,
    )
    if done.returncode or not peer.sink.reached(before + count, LIMIT):
        raise RuntimeError(f"{peer.name}: {done.stderr}{done.stdout}\n{peer.trouble()}")
    told: dict[str, float] = json.loads(done.stdout)
    return told


if __name__ == "__main__":
    sys.exit(main())

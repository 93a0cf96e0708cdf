"""Measures become a table that a person reads."""

from __future__ import annotations

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

BEGIN, END = "<!-- measured: ./x bench --write -->", "<!-- end -->"


@dataclass(frozen=True)
class Measure:
    """One peer in one scenario of one round."""

    per_second: float
    cpu_ms: float
    """CPU per message, all processes of the peer."""
    p50: float
    p99: float
    """Milliseconds from MAIL to the reply after the dot."""
    memory: int
    """Octets (PSS), all processes of the peer."""

    def __str__(self) -> str:
        return (
            f"{self.per_second:.0f}/s, {self.cpu_ms:.2f} CPU-ms,"
            f" p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms, {self.memory / 1e6:.0f} MB"
        )


Rounds = Sequence[Measure]


def table(measures: Mapping[str, Mapping[str, Rounds]], *, base: str, rounds: int) -> str:
    """Medians over the rounds, the extremes in brackets; ratios are taken within each round."""
    head = ["", "messages/s", "CPU-ms per message", f"x {base}", "p50 ms", "p99 ms", "MB"]
    lines = [f"Medians of {rounds} rounds [least-most]."]
    for title, peers in measures.items():
        lines += ["", f"**{title}**", "", row(head), row(["---", *["--:"] * (len(head) - 1)])]
        for name, told in peers.items():
            cells = [
                cell(told, lambda m: m.per_second, 0),
                cell(told, lambda m: m.cpu_ms, 2),
                _ratio(told, peers.get(base, ())),
                cell(told, lambda m: m.p50, 1),
                cell(told, lambda m: m.p99, 1),
                cell(told, lambda m: m.memory / 1e6, 0),
            ]
            lines.append(row([name, *cells]))
    return "\n".join(lines) + "\n"


def row(cells: Sequence[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


One = TypeVar("One")


def cell(rounds: Sequence[One], value: Callable[[One], float], digits: int) -> str:
    """The median, and the extremes in brackets."""
    values = [value(measure) for measure in rounds]
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} [{low:.{digits}f}-{high:.{digits}f}]"


def _ratio(rounds: Rounds, base: Rounds) -> str:
    pairs = zip(rounds, base, strict=False)
    ratios = [one.cpu_ms / other.cpu_ms for one, other in pairs if other.cpu_ms]
    return f"{statistics.median(ratios):.2f}" if ratios else "-"


def machine(*, mail: bool = True) -> str:
    """What the numbers were measured on; of ``mail``, with what it is compared to."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    build = f"built with{'' if optimised else 'out'} profile-guided optimisation"
    if sys.base_prefix == "/usr":
        build = "of the distribution"
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {platform.system()} {platform.release()}",
        f"{len(os.sched_getaffinity(0))} cores of {model[1] if model else platform.machine()}",
        f"Python {platform.python_version()} {build}",
    ]
    if mail:
        lines += [*_postfix(), f"one RSA-2048 signature by itself: {_signature():.2f} ms"]
    return "; ".join(lines) + "."


def _postfix() -> Sequence[str]:
    postconf = shutil.which("postconf") or shutil.which("postconf", path="/usr/sbin:/sbin")
    if postconf is None:
        return []
    command = [postconf, "-hd", "mail_version"]
    version = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return [f"Postfix {version}, queue in memory, no log"]


def _signature() -> float:
    """Milliseconds: what no signer in software can do without."""
    key = rsa.generate_private_key(65537, 2048)
    times = []
    for _ in range(200):
        begun = time.process_time()
        key.sign(b"smtpguard", padding.PKCS1v15(), hashes.SHA256())
        times.append(time.process_time() - begun)
    return statistics.median(times) * 1e3


def write(page: Path, text: str, begin: str = BEGIN) -> None:
    """Put ``text`` between the two marks of ``page``."""
    before, mark, rest = page.read_text().partition(begin)
    _, end, after = rest.partition(END)
    if not mark or not end:
        sys.exit(f"{page} has no marks {begin} and {END}")
    page.write_text(f"{before}{begin}\n\n{text}\n{END}{after}")

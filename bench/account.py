"""What a peer costs: CPU and memory of all its processes, those that ended included.

Where a control group (cgroups(7), version 2) can be made, the kernel adds it up; elsewhere
/proc is read for a process and its descendants, which counts the children that were waited for.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Account:
    """One peer's account. ``root`` is its first process, for machines without control groups."""

    def __init__(self, name: str) -> None:
        self.root = 0
        self._group = _make_group(f"smtpguard-bench-{os.getpid()}-{name}")

    def joined(self, *command: str) -> list[str]:
        """``command``, made to run within the account."""
        if self._group is None:
            return list(command)
        enter = f'echo 0 > {self._group}/cgroup.procs && exec "$@"'
        return ["/bin/sh", "-c", enter, "sh", *command]

    def cpu(self) -> float:
        """CPU seconds so far, user and system."""
        if self._group is not None:
            stat = dict(
                line.split() for line in (self._group / "cpu.stat").read_text().splitlines()
            )
            return int(stat["usage_usec"]) / 1e6
        return sum(_cpu(pid) for pid in self.processes())

    def memory(self, program: str | None = None, *, others: bool = False) -> int:
        """Octets in memory; a page shared by n processes counts 1/n in each (PSS).

        Of all processes, of those that run ``program``, or of the ``others``.
        """
        return sum(
            _pss(pid)
            for pid in self.processes()
            if program is None or (_name(pid) == program) is not others
        )

    def processes(self) -> list[int]:
        """Ids of the processes that are running."""
        if self._group is not None:
            return [int(pid) for pid in (self._group / "cgroup.procs").read_text().split()]
        return _descendants(self.root) if self.root else []

    def close(self) -> None:
        """Forget the account; its processes have ended."""
        deadline = time.monotonic() + 5
        while self._group is not None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self._group.rmdir()
                self._group = None
            time.sleep(0.05)


def _make_group(name: str) -> Path | None:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            group = Path(place) / name
            try:
                group.mkdir()
            except OSError:
                continue
            if (group / "cpu.stat").exists() and os.access(group / "cgroup.procs", os.W_OK):
                return group
            group.rmdir()
    return None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name (proc(5)); empty when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _cpu(pid: int) -> float:
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) / TICK


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _descendants(root: int) -> list[int]:
    parents = {int(path.name): _stat(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    found = [root]
    for pid in found:
        found += [child for child, stat in parents.items() if stat and int(stat[1]) == pid]
    return found

"""What systemd is told, and what it gave us (sd_notify(3), sd_listen_fds(3), credentials)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

FIRST_FD = 3
"""SD_LISTEN_FDS_START."""


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send ``READY=1``, ``RELOADING=1``, ``STOPPING=1``, ``STATUS=...``; false without systemd."""
    path = environment.get("NOTIFY_SOCKET", "")
    if not path:
        return False
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        try:
            out.connect(address)
            out.sendall(state.encode())
        except OSError:
            return False
    return True


def watchdog_interval(environment: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two ``WATCHDOG=1``: half of what systemd waits. ``None`` when it does not."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or environment.get("WATCHDOG_PID", str(os.getpid())) != str(
        os.getpid()
    ):
        return None
    return int(microseconds) / 2_000_000


def listening(environment: Mapping[str, str] = os.environ) -> dict[str, list[int]]:
    """The file descriptors that systemd bound, by ``FileDescriptorName=``."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return {}
    number = int(environment.get("LISTEN_FDS", "0"))
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    given: dict[str, list[int]] = {}
    for index in range(number):
        name = names[index] if index < len(names) else ""
        given.setdefault(name, []).append(FIRST_FD + index)
    return given


def secret(where: str, base: Path, environment: Mapping[str, str] = os.environ) -> bytes:
    """The octets behind ``file:PATH`` or ``credential:NAME``. ``OSError`` when there are none."""
    kind, _, name = where.partition(":")
    if kind == "credential":
        directory = environment.get("CREDENTIALS_DIRECTORY", "")
        if not directory:
            raise FileNotFoundError(f"{where}: not started with systemd credentials")
        return (Path(directory) / name).read_bytes()
    return (base / name).read_bytes()

"""What is said to systemd, and what is taken from it."""

import os
import socket
from pathlib import Path

import pytest

from smtpguard.service.notify import listening, notify, secret, watchdog_interval


def test_states_reach_the_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        assert notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert systemd.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_said(tmp_path: Path) -> None:
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_the_watchdog_is_fed_twice_as_often_as_it_asks() -> None:
    assert watchdog_interval({"WATCHDOG_USEC": "30000000"}) == 15.0
    assert watchdog_interval({}) is None
    assert watchdog_interval({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}) is None


def test_bound_sockets_come_by_name() -> None:
    environment = {
        "LISTEN_PID": str(os.getpid()),
        "LISTEN_FDS": "3",
        "LISTEN_FDNAMES": "smtp:lmtp:smtp",
    }
    assert listening(environment) == {"smtp": [3, 5], "lmtp": [4]}
    assert listening({**environment, "LISTEN_PID": "1"}) == {}


def test_secrets_come_from_files_and_credentials(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"secret")
    assert secret("file:key", tmp_path, {}) == b"secret"
    assert secret("credential:key", Path("/"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == (
        b"secret"
    )
    with pytest.raises(FileNotFoundError, match="systemd"):
        secret("credential:key", tmp_path, {})

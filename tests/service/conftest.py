"""``smtpguard serve`` as a process, with nobody behind it: what it refuses, it refuses itself."""

from __future__ import annotations

import json
import os
import smtplib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.processes import children, command

CONTROLLER = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
rights_contact: dpo@acme.fr
"""
LENIENT = CONTROLLER + "default: {class: personal}\n"
"""Mail goes on, and gets 451 because nobody is there."""
STRICT = CONTROLLER + "default: {class: refuse}\n"
"""Mail gets 5xx."""


class Service:
    """Started in a directory of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / "log"
        self.policy = home / "acme.yaml"
        self.config = home / "smtpguard.yaml"
        self.policy.write_text(LENIENT)
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(str(home / "notify"))
        self.notified.settimeout(30)
        with socket.socket() as smtp, socket.socket() as nobody:
            smtp.bind(("127.0.0.1", 0))
            nobody.bind(("127.0.0.1", 0))
            self.port = int(smtp.getsockname()[1])
            upstream = int(nobody.getsockname()[1])
        self.settings: dict[str, object] = {
            "hostname": "guard.test",
            "state": str(home / "state"),
            "policies": str(self.policy),
            "workers": 2,
            "listeners": [self.listener(f"127.0.0.1:{self.port}")],
            "upstream": {"address": f"127.0.0.1:{upstream}"},
        }
        self.process: subprocess.Popen[bytes] | None = None

    def listener(self, place: str) -> dict[str, str]:
        """LMTP, where the policy speaks before the upstream is asked."""
        return {"name": "lmtp", "listen": place, "protocol": "lmtp"}

    def spawn(
        self,
        *before: str,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] = os.environ,
    ) -> subprocess.Popen[bytes]:
        """Start it, without waiting; ``before``: what starts it in place of us."""
        self.config.write_text(json.dumps(self.settings))
        command = [sys.executable, "-m", "smtpguard", "serve", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*before, *command],
                stdout=log,
                stderr=log,
                pass_fds=pass_fds,
                start_new_session=True,
                env={**environment, "NOTIFY_SOCKET": str(self.home / "notify")},
            )
        return self.process

    def start(self) -> Service:
        """Start it, and wait until it says that it is ready."""
        self.spawn()
        assert self.told() == "READY=1", self.log.read_text()
        return self

    def told(self) -> str:
        """The next word for systemd."""
        return self.notified.recv(200).decode()

    def signal(self, number: int) -> None:
        """Send the parent a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self) -> int:
        """The exit code, once there is one."""
        assert self.process is not None
        code = self.process.wait(30)
        print(self.log.read_text())  # shown with a failure
        return code

    def lines(self, words: str) -> list[str]:
        """What the log says with these words in it."""
        return [line for line in self.log.read_text().splitlines() if words in line]

    def trouble(self) -> str:
        """The end of the log."""
        return "\n".join(self.lines("")[-30:])

    def workers(self) -> list[int]:
        """The processes that take mail."""
        return self._children(b"smtpguard")

    def store(self) -> list[int]:
        """The process that keeps the register."""
        return self._children(b"valkey-server")

    def client(self) -> smtplib.LMTP:
        """A session, greeted."""
        client = smtplib.LMTP("127.0.0.1", self.port)
        assert client.sock is not None
        client.sock.settimeout(30)
        client.ehlo("client.test")
        return client

    def answer(self) -> int:
        """The code that a mail gets."""
        with self.client() as client:
            begin(client)
            return finish(client)

    def clear_away(self) -> None:
        """End it, whatever state it is in."""
        self.notified.close()
        if self.process is not None and self.process.poll() is None:
            store = self.store()
            for pid in (*self.workers(), self.process.pid, *store):
                os.kill(pid, 9)
            self.process.wait()

    def _children(self, of: bytes) -> list[int]:
        assert self.process is not None
        return [pid for pid in children(self.process.pid) if of in command(pid)]


def begin(client: smtplib.SMTP) -> None:
    """A transaction up to its recipient."""
    assert client.docmd("MAIL FROM:<a@acme.fr>")[0] == 250
    assert client.docmd("RCPT TO:<b@client.fr>")[0] == 250


def finish(client: smtplib.SMTP) -> int:
    """The code after the dot."""
    return client.data(b"Subject: hi\r\n\r\nhello\r\n")[0]


@pytest.fixture
def service() -> Iterator[Service]:
    """Not started yet."""
    with tempfile.TemporaryDirectory(prefix="sg-") as home:
        one = Service(Path(home))
        yield one
        one.clear_away()

"""What is measured: the guard, and beside it two hops of Postfix that do less.

Each peer listens on 127.0.0.1, sends on to a sink of its own, and is ended by its own means.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.account import Account

PATIENCE = 30.0
"""Seconds to wait for a program to answer."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answers(port: int, program: subprocess.Popen[bytes] | None = None) -> bool:
    """Wait until an SMTP server greets on ``port``; false when it does not, or has ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and (program is None or program.poll() is None):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as line:
                if line.recv(512).startswith(b"220"):
                    line.sendall(b"QUIT\r\n")
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


class Sink:
    """Where a peer's mail ends."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.port = free_port()
        self.first = folder / "first.eml"
        self._process = subprocess.Popen([program, str(self.port), self.first])
        if not answers(self.port, self._process):
            raise RuntimeError("the sink does not answer")
        self._line = socket.create_connection(("127.0.0.1", self.port))
        self._line.recv(512)

    def count(self) -> int:
        """Messages so far."""
        self._line.sendall(b"XCOUNT\r\n")
        return int(self._line.recv(512).split()[1])

    def reached(self, count: int, seconds: float) -> bool:
        """Wait until so many messages arrived."""
        deadline = time.monotonic() + seconds
        while self.count() < count:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def close(self) -> None:
        """End it."""
        self._line.close()
        self._process.terminate()
        self._process.wait(10)


class Peer:
    """Something that takes mail on ``port`` and sends it on to ``sink``."""

    name = "none (straight to the sink)"

    def __init__(self, sink: Sink, folder: Path) -> None:
        self.sink = sink
        self.folder = folder
        self.account = Account(type(self).__name__.lower())
        self.port = sink.port

    def start(self) -> None:
        """Run until mail is taken. ``RuntimeError`` with the reason otherwise."""

    def trouble(self) -> str:
        """What it said last."""
        log = self.folder / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def stop(self) -> None:
        """End every process of it."""
        self.account.close()
        self.sink.close()


class Direct(Peer):
    """No peer at all: what generator and sink can do."""


class Postfix(Peer):
    """A private instance: own configuration, own queue, one port; nothing of the system's."""

    relays = False

    def start(self) -> None:
        postfix = shutil.which("postfix") or shutil.which("postfix", path="/usr/sbin:/sbin")
        if postfix is None:
            raise RuntimeError("Postfix is not installed")
        self._postfix = postfix
        self.port = free_port()
        self.folder.chmod(0o755)
        config = self.folder / "etc"
        config.mkdir()
        (config / "main.cf").write_text(self._main(config))
        (config / "master.cf").write_text(self._master())
        done = subprocess.run(
            self.account.joined(postfix, "-c", str(config), "start"),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if done.returncode or not answers(self.port):
            raise RuntimeError(f"postfix start: {done.stderr.strip()[-500:] or 'no answer'}")
        pid = (self.folder / "queue" / "pid" / "master.pid").read_text()
        self.account.root = int(pid)

    def stop(self) -> None:
        command = [self._postfix, "-c", str(self.folder / "etc"), "stop"]
        subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
        super().stop()

    def _main(self, config: Path) -> str:
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "myhostname": "postfix.example",
            "mydestination": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "relayhost": f"[127.0.0.1]:{self.sink.port}",
            "smtp_tls_security_level": "none",
            "smtpd_peername_lookup": "no",
            "smtp_host_lookup": "native",
            "disable_dns_lookups": "yes",
            "alias_maps": "",
            "local_recipient_maps": "",
            "in_flow_delay": "0",
            "default_process_limit": "200",
            "message_size_limit": "52428800",
            "syslog_name": config.parent.name,
        }
        for folder in ("queue", "data"):
            (self.folder / folder).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

    def _master(self) -> str:
        proxied = "" if self.relays else f" -o smtpd_proxy_filter=127.0.0.1:{self.sink.port}"
        return f"""\
127.0.0.1:{self.port} inet n - n - - smtpd{proxied}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


class Queue(Postfix):
    """Accepted, queued (in memory, if /dev/shm is there), delivered; neither parsed nor signed."""

    name = "Postfix, queue and relay"
    relays = True


class Filter(Postfix):
    """The before-queue proxy: passed on as it comes, 250 after the sink's; not parsed."""

    name = "Postfix, before-queue filter"


class Guard(Peer):
    """smtpguard with everything on, two workers, and the Valkey it brings."""

    name = "smtpguard"

    def start(self) -> None:
        self.port = free_port()
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            self.account.joined(*self._command()), stdout=self._log, stderr=subprocess.STDOUT
        )
        self.account.root = self._process.pid
        if not answers(self.port, self._process):
            self.stop()
            raise RuntimeError(f"smtpguard serve: {self.trouble()}")

    def _command(self) -> Sequence[str]:
        options = {
            "listen": f"127.0.0.1:{self.port}",
            "upstream": f"127.0.0.1:{self.sink.port}",
            "policies": str(self.folder / "policies"),
            "state": str(self.folder / "state"),
            "workers": "2",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return [sys.executable, "-m", "smtpguard", "serve", *words]

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        super().stop()

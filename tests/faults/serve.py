"""``smtpguard serve`` as a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.processes import children, command, free_port, until


class Guard:
    """The service with a configuration of its own."""

    def __init__(self, folder: Path, behind: int, policies: Path, **settings: Any) -> None:
        """``settings`` go into the configuration; ``prefix`` goes before the command line."""
        self.port, self.lmtp = free_port(), free_port()
        self.state = folder / "state"
        self.log = folder / "log"
        self.config = folder / "smtpguard.yaml"
        self.prefix: tuple[str, ...] = settings.pop("prefix", ())
        self.environment: dict[str, str] = settings.pop("environment", {})
        folder.mkdir(parents=True, exist_ok=True)
        who = {"xforward_from": ["127.0.0.0/8"], **settings.pop("listener", {})}
        self.settings: dict[str, Any] = {
            "hostname": "guard.test",
            "state": str(self.state),
            "policies": str(policies),
            "listeners": [
                {"name": "smtp", "listen": f"127.0.0.1:{self.port}", **who},
                {"name": "lmtp", "listen": f"127.0.0.1:{self.lmtp}", "protocol": "lmtp", **who},
            ],
            "upstream": {"address": f"127.0.0.1:{behind}", **settings.pop("upstream", {})},
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run until every worker takes mail."""
        before = self.said("started:")
        self.launch()
        process = self.process
        assert process is not None
        until(lambda: self.said("started:") > before or process.poll() is not None, "the guard")
        assert process.poll() is None, self.log.read_text()

    def launch(self, out: int | None = None) -> None:
        """Run, and do not wait; ``out`` is a descriptor to log to instead of the file."""
        self.config.write_text(json.dumps(self.settings))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(*self.prefix, sys.executable, "-m", "smtpguard"),
                    *("serve", "--config", str(self.config)),
                ],
                stdout=out or log,
                stderr=out or log,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )

    def said(self, words: str) -> int:
        """How often its log says this."""
        return self.log.read_text(errors="replace").count(words) if self.log.exists() else 0

    def heard(self, words: str, before: int = 0) -> None:
        """Wait until the log says this once more than ``before``."""
        until(lambda: self.said(words) > before, f"{words!r} in the log")

    def run(self, *words: str) -> str:
        """One command of the command line on the same state."""
        done = subprocess.run(
            [sys.executable, "-m", "smtpguard", *words, "--state", str(self.state)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def pid(self) -> int:
        """The parent."""
        assert self.process is not None
        return self.process.pid

    def children(self, of: bytes) -> list[int]:
        """Its children with that word in the command line: ``smtpguard`` or ``valkey``."""
        return [pid for pid in children(self.pid) if of in command(pid)]

    def reload(self) -> str:
        """SIGHUP; what it says to it."""
        reloaded, refused = self.said("reloaded:"), self.said("reload-refused:")
        os.kill(self.pid, signal.SIGHUP)
        until(
            lambda: self.said("reloaded:") > reloaded or self.said("reload-refused:") > refused,
            "the reload",
        )
        return "reloaded" if self.said("reloaded:") > reloaded else "refused"

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(60)

    def end(self) -> None:
        """Whatever is left of it ends."""
        if self.process is None or self.process.poll() is not None:
            return
        left = [*self.children(b"smtpguard"), *self.children(b"valkey"), self.pid]
        for pid in left:
            os.kill(pid, signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(45)
        except subprocess.TimeoutExpired:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            self.process.wait(10)

"""``smtpguard serve`` as an operator runs it, between two servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.processes import children, command, free_port, until


class Guard:
    """``smtpguard serve`` as an operator runs it."""

    def __init__(self, folder: Path, upstream: int, policies: Path, **settings: object) -> None:
        """``settings``: what the configuration says beside listeners and upstream."""
        self.smtp, self.lmtp = free_port(), free_port()
        self.policies = policies
        self.state = folder / "state"
        self.log = folder / "guard.log"
        self.config = folder / "smtpguard.yaml"
        folder.mkdir(parents=True)
        who = {"xforward_from": ["127.0.0.0/8"]}
        config = {
            "hostname": "guard.test",
            "state": str(self.state),
            "policies": str(policies),
            "listeners": [
                {"name": "smtp", "listen": f"127.0.0.1:{self.smtp}", **who},
                {"name": "lmtp", "listen": f"127.0.0.1:{self.lmtp}", "protocol": "lmtp", **who},
            ],
            "upstream": {"address": f"127.0.0.1:{upstream}"},
            **settings,
        }
        self.config.write_text(json.dumps(config))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run until every worker takes mail."""
        before = len(self.lines("started: "))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "smtpguard", "serve", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process = self._process
        until(
            lambda: len(self.lines("started: ")) > before or process.poll() is not None,
            "the guard",
            self,
        )
        assert process.poll() is None, self.trouble()

    @property
    def pid(self) -> int:
        """The parent."""
        assert self._process is not None
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """Its children that take mail."""
        return [pid for pid in children(self.pid) if b"smtpguard" in command(pid)]

    @property
    def store(self) -> list[int]:
        """What keeps the register here, whoever started it."""
        running = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        place = str(self.state).encode()
        return [p for p in running if place in (said := command(p)) and b"valkey-server" in said]

    def kill(self) -> None:
        """End the parent and every worker with SIGKILL; the store stays, as it is meant to."""
        assert self._process is not None
        os.kill(self.pid, signal.SIGSTOP)  # or it would start them anew
        for pid in (*self.workers, self.pid):
            os.kill(pid, signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(60)

    def clear_away(self) -> None:
        """Stop it, and the store that a killed parent left behind."""
        self.stop()
        for pid in self.store:
            os.kill(pid, signal.SIGKILL)

    def suppress(self, *addresses: str) -> None:
        """These have opted out, says the command line."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "smtpguard", "suppress", "add", "--reason", "objection"),
                *("--controller", "acme", "--config", str(self.config), *addresses),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def lines(self, words: str) -> list[str]:
        """What its log says with these words in it."""
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [line for line in log.splitlines() if words in line]

    def trouble(self) -> str:
        """The end of its log."""
        return "\n".join(self.lines("")[-30:])

"""The guard as an operator runs it: files in a directory, and ``smtpguard serve``."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from smtpguard.keys import SigningKey, new_rsa

PATIENCE = 30.0
"""Seconds until the guard must have done what it was asked."""

LISTENERS = ("marketing", "apps")

CONFIG = """\
hostname: guard.acme.example
state: state
policies: policies
listeners:
  - {{name: marketing, listen: "127.0.0.1:{marketing}", trusted: [127.0.0.0/8]}}
  - {{name: apps, listen: "127.0.0.1:{apps}"}}
upstream: {{address: "127.0.0.1:{sink}"}}
"""


class GuardFailed(RuntimeError):
    """The guard did not do what it was asked; ``str()`` is what it said last."""


class Guard:
    """One guard in ``folder``, with a policy, two DKIM keys, and a store of its own."""

    def __init__(self, folder: Path, sink: int, policy: str) -> None:
        self.folder = folder
        self.ports = {name: _free_port() for name in LISTENERS}
        self.policy = folder / "policies" / "acme.yaml"
        self.config = folder / "smtpguard.yaml"
        self.log = folder / "smtpguard.log"
        self._journal = folder / "state" / "journal" / "decisions.jsonl"
        self.policy.parent.mkdir(parents=True)
        self.policy.write_text(policy)
        self.config.write_text(CONFIG.format(sink=sink, **self.ports))
        self._keys = {"rsa2026": new_rsa(), "ed2026": b64encode(secrets.token_bytes(32))}
        for selector, octets in self._keys.items():
            path = self.policy.parent / f"{selector}.key"
            path.touch(mode=0o600)
            path.write_bytes(octets)
        with self.log.open("wb") as out:
            command = self._command("serve", "--config", str(self.config))
            self._process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        self._await(self._listening, "start")

    @property
    def pid(self) -> int:
        """Whom to send signals."""
        return self._process.pid

    def records(self, domain: str) -> Mapping[str, bytes]:
        """The DNS records that the keys of ``domain`` need."""
        return {
            f"{selector}._domainkey.{domain}": SigningKey.load(key).record
            for selector, key in self._keys.items()
        }

    def decision(self) -> dict[str, Any]:
        """The journal's newest line: it is written before the reply that was just heard."""
        lines = self._journal.read_text().splitlines()
        entry: dict[str, Any] = json.loads(lines[-1])
        return entry

    def suppress(self, address: str) -> str:
        """``smtpguard suppress add``, as an operator types it; what it says."""
        words = ("suppress", "add", address, "--reason", "objection", "--config", str(self.config))
        done = subprocess.run(self._command(*words), capture_output=True, text=True, check=False)
        if done.returncode:
            raise GuardFailed(done.stderr)
        return done.stdout.strip()

    def change(self, old: str, new: str) -> None:
        """Write the policy anew and send SIGHUP; returns once the new one is in force."""
        before = self._said("reloaded")
        self.policy.write_text(self.policy.read_text().replace(old, new))
        self._process.send_signal(signal.SIGHUP)
        self._await(lambda: self._said("reloaded") > before, "reload")

    def close(self) -> None:
        """SIGTERM: it finishes what it has begun, then ends."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "smtpguard", *words]

    def _said(self, word: str) -> int:
        return self.log.read_text(errors="replace").count(word)

    def _listening(self) -> bool:
        return self._said("started:") > 0

    def _await(self, done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise GuardFailed(f"the guard did not {what}:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])

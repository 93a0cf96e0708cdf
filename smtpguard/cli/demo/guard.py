"""The guard as an operator runs it: files in a directory, and ``smtpguard serve``."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from smtpguard.cli.demo.program import Program, ProgramFailed, command
from smtpguard.keys import SigningKey, new_rsa

LISTENERS = ("marketing", "apps")
DOORS = ("web", "status")
"""Those of the exit pages, which read the same configuration."""

CONFIG = """\
hostname: guard.acme.example
state: state
policies: policies
listeners:
  - {{name: marketing, listen: "127.0.0.1:{marketing}", trusted: [127.0.0.0/8]}}
  - {{name: apps, listen: "127.0.0.1:{apps}"}}
upstream: {{address: "127.0.0.1:{sink}"}}
web: {{listen: "127.0.0.1:{web}", status: "127.0.0.1:{status}"}}
"""


class Guard:
    """One guard in ``folder``, with a policy, two DKIM keys, and a store of its own."""

    def __init__(self, folder: Path, sink: int, policy: str) -> None:
        self.folder = folder
        self.ports = _free_ports((*LISTENERS, *DOORS))
        self.policy = folder / "policies" / "acme.yaml"
        self.config = folder / "smtpguard.yaml"
        self._journal = folder / "state" / "journal" / "decisions.jsonl"
        self.policy.parent.mkdir(parents=True)
        self.policy.write_text(policy)
        self.config.write_text(CONFIG.format(sink=sink, **self.ports))
        self._keys = {"rsa2026": new_rsa(), "ed2026": b64encode(secrets.token_bytes(32))}
        for selector, octets in self._keys.items():
            path = self.policy.parent / f"{selector}.key"
            path.touch(mode=0o600)
            path.write_bytes(octets)
        words = ("serve", "--config", str(self.config))
        self.program = Program(words, folder / "smtpguard.log")
        self.program.started()

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
        done = subprocess.run(command(*words), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProgramFailed(done.stderr)
        return done.stdout.strip()

    def change(self, old: str, new: str) -> None:
        """Write the policy anew and send SIGHUP; returns once the new one is in force."""
        text = self.policy.read_text().replace(old, new)
        self.program.reload(lambda: self.policy.write_text(text))

    def close(self) -> None:
        """End it."""
        self.program.close()


def _free_ports(names: Sequence[str]) -> dict[str, int]:
    """A port of 127.0.0.1 for each name; held until all are found, so that no two are one."""
    with ExitStack() as held:
        ports = {}
        for name in names:
            one = held.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            ports[name] = int(one.getsockname()[1])
        return ports

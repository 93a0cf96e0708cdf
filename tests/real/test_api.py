"""docs/api.md, done as it is written: its configuration, and its curl commands word for word.

curl's own configuration sends what is meant for the page's port to the port that is ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from smtpguard.cli.demo.program import Program
from smtpguard.mail.address import Address
from smtpguard.store import requests
from smtpguard.store.embedded import socket_of
from smtpguard.store.keyfiles import load_ring
from smtpguard.store.requests import Kind, open_request
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from smtpguard.unsubscribe.asker import Asker, seal

pytestmark = pytest.mark.real

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(console|yaml config)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PLACE = "127.0.0.1:8027"
NUMBER = "R-261123-7K3MQX"
POLICY = """\
controller: acme
legal_name: Acme SAS
streams:
  newsletter: {class: marketing, match: {sender: news@acme.example}}
"""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def commands(block: str) -> list[tuple[str, str]]:
    """Each command of a console, and what it is shown to print."""
    found = re.finditer(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    return [(said[1], said[2]) for said in found]


class Host:
    """A shell in a directory of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.program: Program | None = None

    def run(self, command: str) -> str:
        """What the command prints; it must succeed."""
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.home,
            env={**os.environ, "HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        return done.stdout

    def start(self, config: str) -> None:
        """``smtpguard web`` on that configuration, on a port of its own."""
        assert PLACE in config
        (self.home / "acme.yaml").write_text(POLICY)
        (self.home / "smtpguard.yaml").write_text(config.replace(PLACE, "127.0.0.1:0"))
        places = ("--listen", "127.0.0.1:0", "--status", "127.0.0.1:0", "--state", "state")
        where = [str(self.home / word) if word == "state" else word for word in places]
        words = ("web", "-c", str(self.home / "smtpguard.yaml"), *where)
        policies = ("--policies", str(self.home / "acme.yaml"))
        self.program = Program((*words, *policies), self.home / "log")
        self.program.started()
        port = re.search(r"listen_api=127\.0\.0\.1:(\d+)", self.log)
        assert port
        (self.home / ".curlrc").write_text(f'connect-to = "{PLACE}:127.0.0.1:{port[1]}"\n')
        asyncio.run(self.ask())

    async def ask(self) -> None:
        """A reader makes the request that the page shows."""
        state = self.home / "state"
        ring = load_ring(state / "keys")
        settings = Settings(state, url=f"unix://{socket_of(state / 'store')}")
        store = await Store.open(settings, ring)
        asker = Asker("zoe@client.example", "fr", "Je quitte la profession.")
        zoe = Address(b"zoe", b"client.example")
        sealed = seal(ring, asker)
        await open_request(store, ring, "acme", zoe, Kind.ERASURE, sealed, keep=180 * 86_400)
        await store.close()

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(requests, "_number", lambda _: NUMBER)
    shell = Host(tmp_path)
    yield shell
    if shell.program:
        shell.program.close()


def timeless(value: Any) -> Any:
    """The same with every moment the same."""
    if isinstance(value, dict):
        plain = {name: timeless(each) for name, each in value.items()}
        return {**plain, "longest": "a while"} if "longest" in plain else plain
    if isinstance(value, list):
        return [timeless(each) for each in value]
    return "a moment" if isinstance(value, str) and TIME.fullmatch(value) else value


def test_the_page_is_true(host: Host) -> None:
    asked = 0
    for kind, block in BLOCKS:
        if kind == "yaml config":
            host.start(block)
            continue
        for command, shown in commands(block):
            printed = host.run(command)
            asked += "curl" in command
            if shown.startswith("{"):
                assert timeless(json.loads(printed)) == timeless(json.loads(shown)), command
            else:
                assert printed == shown, command
    assert asked == PAGE.count("$ curl")
    assert asked > 10
    validate(json.loads((host.home / "openapi.json").read_text()))
    assert "client.example" not in host.log
    assert (host.home / "crm.token").read_text().strip() not in host.log
    line = re.search(r"`(api: what=suppressed.*?)`", PAGE, re.DOTALL)
    assert line
    assert line[1] in host.log

"""Webhooks from a real `smtpguard web` to a real receiver, across the death of the former."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import queue
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpguard.cli import main
from smtpguard.cli.demo.program import Program
from smtpguard.store.embedded import socket_of
from smtpguard.store.keyfiles import load_ring
from smtpguard.unsubscribe.link import Ticket, seal
from smtpguard.web.hooks import signed

SECRET = b"a secret of twenty-four octets"
POLICY = """\
controller: acme
legal_name: Acme SAS
webhooks: [{url: "http://127.0.0.1:PORT/hook/", secret: "file:secret"}]
streams: {news: {class: marketing, match: {sender: news@acme.example}}}
"""
Heard = tuple[str, dict[str, str], bytes]
"""Path, header fields and body of a request."""


class Receiver:
    """The company's own system: it hears, and answers when it is told to."""

    def __init__(self) -> None:
        self.heard: queue.Queue[Heard] = queue.Queue()
        self.answers = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.heard.put((self.path, headers, body))
                receiver.answers.wait(30)
                with self.connection:
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.answers.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver) -> Iterator[Path]:
    """A host whose store outlives `smtpguard web`, as with a unit of its own."""
    policies = tmp_path / "policies"
    policies.mkdir()
    port = receiver.server.server_address[1]
    (policies / "acme.yaml").write_text(POLICY.replace("PORT", str(port)))
    (policies / "secret").write_bytes(SECRET)
    (tmp_path / "smtpguard.yaml").write_text(
        "state: state\npolicies: policies\nweb: {listen: '127.0.0.1:0', status: '127.0.0.1:0'}\n"
    )
    yield tmp_path
    redis(tmp_path, "SHUTDOWN NOSAVE")


def redis(home: Path, command: str) -> list[bytes]:
    """The words of the answer to one command of the embedded store."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(socket_of(home / "state" / "store")))
        client.sendall(command.encode() + b"\r\n")
        return client.recv(4096).split()


def start(home: Path) -> tuple[Program, int]:
    """The pages, and their port."""
    program = Program(("web", "-c", str(home / "smtpguard.yaml")), home / "log")
    program.started()
    port = re.search(r"listen_web=127\.0\.0\.1:(\d+)", (home / "log").read_text())
    assert port
    return program, int(port[1])


def click(home: Path, port: int) -> int:
    """Somebody leaves."""
    ring = load_ring(home / "state" / "keys")
    token = seal(ring, Ticket("acme", "", "news", b"jo@reader.example", 5))
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("POST", f"/u/{token}", b"List-Unsubscribe=One-Click")
    status = line.getresponse().status
    line.close()
    return status


def test_whoever_is_killed_while_they_tell_tells_again(
    home: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    program, port = start(home)
    try:
        assert click(home, port) == 200
        path, headers, body = receiver.heard.get(timeout=10)
        assert path == "/hook/"
        os.kill(program.pid, signal.SIGKILL)
    finally:
        program.close()
    _, name = redis(home, "ZRANGE sg-outbox:{outbox} 0 -1")[1:]
    assert name.decode() == headers["webhook-id"]
    redis(home, f"ZADD sg-outbox:{{outbox}} 1 {name.decode()}")  # the lease has run out
    receiver.answers.set()
    program, port = start(home)
    try:
        _, again, same = receiver.heard.get(timeout=10)
        assert click(home, port) == 200
    finally:
        program.close()
    assert (again["webhook-id"], same) == (headers["webhook-id"], body)
    at = int(again["webhook-timestamp"])
    assert dict(signed(SECRET, again["webhook-id"], at, same)).items() <= again.items()
    assert json.loads(same)["data"]["recipient"] == "jo@reader.example"
    assert receiver.heard.empty()  # the second click was no news
    assert main(["webhooks", "list", "-c", str(home / "smtpguard.yaml")]) == 0
    assert "everything was told" in capsys.readouterr().err

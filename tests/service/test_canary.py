"""`smtpguard serve` asks its exits before it takes mail, and serves whatever they say."""

from __future__ import annotations

import gzip
import http.client
import http.server
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from smtpguard.cli.demo.program import Program
from tests.processes import free_port
from tests.service.conftest import STRICT, Service

EXIT = """\
brands: {acme: {from_domains: [acme.fr], unsubscribe: {url: "http://127.0.0.1:9"}}}
streams: {news: {class: marketing, match: {from_domain: acme.fr, sender: news@acme.fr}}}
"""


def test_an_exit_that_is_silent_is_told_of_before_mail_is_taken(service: Service) -> None:
    service.policy.write_text(STRICT + EXIT)
    service.settings["exits"] = {"check": True, "every": "1s"}
    service.settings["workers"] = 1
    service.start()
    assert len(service.lines("error: exit-silent: url=http://127.0.0.1:9")) == 1
    assert service.answer() == 550
    service.signal(15)
    assert service.ended() == 0


def test_without_being_told_to_it_asks_nobody(service: Service) -> None:
    service.policy.write_text(STRICT + EXIT)
    service.start()
    assert service.answer() == 550
    assert service.lines("exit-silent") == []


class Pages:
    """`smtpguard web` of the same host, started and stopped."""

    def __init__(self, service: Service) -> None:
        self.port = free_port()
        self.service = service
        self.tls = ""
        self.program: Program | None = None

    def start(self) -> None:
        home = self.service.home
        config = home / "web.yaml"
        places = f"listen: '127.0.0.1:{self.port}', status: '127.0.0.1:0'{self.tls}"
        lines = ("state: state", f"policies: {self.service.policy}", f"web: {{{places}}}")
        config.write_text("\n".join(lines) + "\n")
        self.program = Program(("web", "-c", str(config)), home / "web.log")
        self.program.started()

    def stop(self) -> None:
        if self.program is not None:
            self.program.close()
        self.program = None

    def show(self, authority: trustme.CA, name: str) -> None:
        """Use a certificate for that name from the next start on."""
        home, one = self.service.home, authority.issue_cert(name)
        one.private_key_and_cert_chain_pem.write_to_path(home / "web.pem")
        self.tls = f", tls: {{certificate: {home}/web.pem, key: {home}/web.pem}}"


@pytest.fixture
def pages(service: Service) -> Iterator[Pages]:
    one = Pages(service)
    yield one
    service.clear_away()
    one.stop()


class Front:
    """Stands before the pages, under a prefix of its own, as a brand's own web server may."""

    def __init__(self, port: int) -> None:
        self.says: Callable[[http.server.BaseHTTPRequestHandler, bytes], None] = self.forward
        self.port = port
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                with suppress(OSError):  # who asked is gone, or the pages are
                    front.says(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/way/out"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def ask(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        """What the pages say."""
        assert handler.path.startswith("/way/out/u/")
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            line.request("POST", handler.path.removeprefix("/way/out"), body)
            answer = line.getresponse()
            return answer.status, answer.read()
        finally:
            line.close()

    def answer(
        self, handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes, **headers: str
    ) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def forward(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        """Compress where that is asked for, and give everybody a cookie."""
        status, found = self.ask(handler, body)
        if "gzip" in handler.headers.get("Accept-Encoding", ""):
            self.answer(handler, status, gzip.compress(found), Content_Encoding="gzip")
        else:
            self.answer(handler, status, found, Set_Cookie="server=1; Path=/")

    def portal(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        """A captive portal, or a parking page: yes to everything."""
        self.answer(handler, 200, b"<h1>Welcome</h1>" + handler.path.encode() + body)

    def elsewhere(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        place = f"http://127.0.0.1:{self.port}{handler.path.removeprefix('/way/out')}"
        self.answer(handler, 307, b"", Location=place)


@pytest.fixture
def front(pages: Pages) -> Iterator[Front]:
    one = Front(pages.port)
    yield one
    one.close()


def asking(service: Service, url: str) -> None:
    service.policy.write_text(STRICT + EXIT.replace("http://127.0.0.1:9", url))
    service.settings["exits"] = {"check": True, "every": "1s"}


def heard(service: Service, words: str, times: int) -> list[str]:
    """Wait until the log has them so often."""
    end = time.monotonic() + 30
    while len(lines := service.lines(words)) < times:
        assert time.monotonic() < end, service.log.read_text()[-3000:]
        time.sleep(0.02)
    return lines


def test_over_https_all_workers_hear_alike(
    service: Service, pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    pages.show(authority, "localhost")
    pages.start()
    asking(service, f"https://localhost:{pages.port}")
    service.start()
    assert service.lines("exit-silent") == []
    pages.stop()
    heard(service, "error: exit-silent", 2)
    pages.show(authority, "u.acme.example")
    pages.start()
    assert service.lines("exit-answers") == []
    pages.stop()
    pages.show(authority, "localhost")
    pages.start()
    heard(service, "exit-answers", 2)
    assert len(service.lines("error: exit-silent")) == 2
    assert "left" not in (service.home / "web.log").read_text()


@pytest.mark.parametrize("mode", ["portal", "elsewhere"])
def test_whatever_answers_there_must_be_the_pages(
    service: Service, pages: Pages, front: Front, mode: str
) -> None:
    pages.start()
    asking(service, front.url)
    service.start()
    assert service.lines("exit-silent") == []
    front.says = getattr(front, mode)
    lines = heard(service, "exit-silent", 2)
    why = {"portal": "not `smtpguard web`", "elsewhere": "it says 307"}[mode]
    assert all(re.search(f"url={re.escape(front.url)}, why=.*{why}", line) for line in lines)
    front.says = front.forward
    heard(service, "exit-answers", 2)


def test_another_exit_is_asked_as_soon_as_it_is_in_force(
    service: Service, pages: Pages, front: Front
) -> None:
    pages.start()
    asking(service, front.url)
    service.settings["exits"] = {"check": True, "every": "1h"}
    service.start()
    assert service.lines("exit-silent") == []
    service.policy.write_text(STRICT + EXIT)
    service.signal(1)
    heard(service, "exit-silent: url=http://127.0.0.1:9", 2)

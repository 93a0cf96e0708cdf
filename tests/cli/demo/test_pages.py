"""What is sent to the exit pages is what browsers and mailbox providers send."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from smtpguard.cli.demo.pages import PROVIDER, READER, Answer, base, button, link, request

TOKEN = "https://u.acme.example/u/AQx"
PAGE = (
    "<body><h1>Stop?</h1><p style='display:none'>secret</p><button>Unsubscribe</button>"
    "<footer><p>Italiano</p></footer></body>"
)


class Heard(HTTPServer):
    """Answers, and keeps what it heard."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.heard: list[tuple[str, dict[str, str], bytes]] = []


class Answering(BaseHTTPRequestHandler):
    """``/moved`` redirects, a POST gets a line, anything else a page."""

    server: Heard

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.append((self.requestline, headers, self.rfile.read(length)))
        moved, posted = self.path == "/moved", self.command == "POST"
        content = b"Unsubscribed.\n" if posted else PAGE.encode()
        self.send_response(303 if moved else 200)
        self.send_header("Content-Type", "text/plain" if posted else "text/html; charset=utf-8")
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Heard]:
    with Heard() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def at(server: Heard, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


def test_a_reader_sees_what_is_visible(server: Heard) -> None:
    assert request("GET", at(server, "/u/AQx"), READER) == Answer(200, "Stop?\nUnsubscribe")
    ((line, headers, body),) = server.heard
    assert line == "GET /u/AQx HTTP/1.1"
    assert headers["accept-language"] == "en"
    assert body == b""


def test_a_provider_sends_the_form_of_rfc_8058(server: Heard) -> None:
    body = b"List-Unsubscribe=One-Click"
    assert request("POST", at(server, "/u/AQx"), PROVIDER, body) == Answer(200, "Unsubscribed.")
    ((line, headers, heard),) = server.heard
    assert line == "POST /u/AQx HTTP/1.1"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert "cookie" not in headers
    assert heard == body


def test_no_redirect_is_followed(server: Heard) -> None:
    assert request("GET", at(server, "/moved"), READER).status == 303
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"List-Unsubscribe: <{TOKEN}>, <mailto:u@acme.example>\r\n", TOKEN),
        ("List-Unsubscribe: <https://u.acme.example/letter/leave?c=1>\r\n", ""),
        ("List-Unsubscribe: <mailto:u@acme.example>\r\n", ""),
        ("", ""),
    ],
)
def test_the_providers_button_is_ours_or_none(header: str, expected: str) -> None:
    assert button(f"{header}\r\nText.\r\n".encode()) == expected


@pytest.mark.parametrize(
    ("style", "expected"), [("color: #333333", TOKEN), ("color: #ffffff", ""), ("display:none", "")]
)
def test_the_readers_link_can_be_seen(style: str, expected: str) -> None:
    page = f'<p><a href="https://acme.example/">a</a> <a style="{style}" href="{TOKEN}">leave</a>'
    assert link(f"Content-Type: text/html\r\n\r\n{page}".encode()) == expected


def test_the_host_of_a_link() -> None:
    assert base(TOKEN) == "https://u.acme.example"

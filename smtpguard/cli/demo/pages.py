"""The exit pages as an operator runs them, and who comes there: a reader, a mailbox provider."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from smtpguard.cli.demo.guard import Guard
from smtpguard.cli.demo.program import Program
from smtpguard.mail.message import Message
from smtpguard.mail.reading import Seen
from smtpguard.unsubscribe.fields import ONE_CLICK, ListUnsubscribe

TIMEOUT = 30.0
READER = {"Accept-Language": "en", "Accept": "text/html"}
PROVIDER = {"Content-Type": "application/x-www-form-urlencoded"}
"""RFC 8058 §3.1: no cookie, no password, nothing but the link and the form."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    words: str
    """What a person sees of it, without the foot of the page."""


class Pages:
    """``smtpguard web`` on the guard's configuration; it gets ready by itself.

    The policy's links name a host that is nobody's. A TLS proxy would answer for it and ask us;
    here ``local`` does what the proxy would.
    """

    def __init__(self, guard: Guard) -> None:
        self.port = guard.ports["web"]
        self.program = Program(("web", "--config", str(guard.config)), guard.folder / "web.log")

    def local(self, link: str) -> str:
        """Where this machine answers for a link."""
        return f"http://127.0.0.1:{self.port}{urlsplit(link).path}"

    def open(self, link: str) -> Answer:
        """What a reader's browser does, or a program that looks into links."""
        return request("GET", self.local(link), READER)

    def press(self, link: str) -> Answer:
        """What a mailbox provider sends when its own button is pressed (RFC 8058 §3.1)."""
        return request("POST", self.local(link), PROVIDER, ONE_CLICK.encode())

    def close(self) -> None:
        """End it."""
        self.program.close()


def request(method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
    """One request, and no redirect followed. ``OSError`` when the line breaks."""
    place = urlsplit(url)
    line = HTTPConnection(place.netloc, timeout=TIMEOUT)
    try:
        line.request(method, place.path, body, headers)
        response = line.getresponse()
        content, kind = response.read(), response.getheader("Content-Type", "text/plain")
    finally:
        line.close()
    page = Message(
        b"Content-Type: %b\r\n\r\n%b" % (kind.encode(), content.partition(b"<footer>")[0])
    )
    return Answer(response.status, "\n".join(each.visible for each in page.readings).strip())


def base(link: str) -> str:
    """Its scheme and host."""
    place = urlsplit(link)
    return f"{place.scheme}://{place.netloc}"


def button(received: bytes) -> str:
    """The link behind a mailbox provider's button, where it is one of ours; or an empty string."""
    values = [field.value for field in Message(received).named("list-unsubscribe")]
    link = ListUnsubscribe.read(values).https
    return link if urlsplit(link).path.startswith("/u/") else ""


def link(received: bytes) -> str:
    """The link of ours that a reader sees in the text of a message; or an empty string."""
    return next(
        (
            one.target
            for reading in Message(received).readings
            for one in reading.links
            if one.seen is Seen.VISIBLE and urlsplit(one.target).path.startswith("/u/")
        ),
        "",
    )

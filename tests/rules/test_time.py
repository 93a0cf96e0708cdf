"""No single mail keeps the rules busy: what grows, grows in line with the mail."""

from collections.abc import Callable

import pytest

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.person import Person, Source
from smtpguard.policy.controller import Brand, Controller, Unsubscribe
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules import ALL
from smtpguard.rules.rule import Case
from tests.growth import STEEP, growth

BRAND = Brand(
    "acme",
    ("Acme",),
    frozenset({"acme-news.fr"}),
    unsubscribe=Unsubscribe("https://u.acme-news.fr"),
)
CONTROLLER = Controller("acme", "Acme SAS", "12 rue des Lilas, 69003 Lyon", country="FR")
STREAM = Stream("news", CONTROLLER, BRAND, Kind.MARKETING)
NEWCOMER = Person(source=Source("fair", "Salon Bati"))

HEAD = b"From: Acme <news@acme-news.fr>\r\nContent-Type: text/%s; charset=utf-8\r\n"
BODIES: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "address backwards": (b"plain", lambda n: much(b"Lyon 69003 Lilas des rue 12\r\n", n)),
    "numbers": (b"plain", lambda n: much(b"1234 rue ", n)),
    "source": (b"plain", lambda n: much(b"Salon Bati\r\n", n)),
    "links": (
        b"html",
        lambda n: much(b'<a href="https://a.net/unsubscribe">Unsubscribe</a>\r\n', n),
    ),
    "hosts": (  # that no mail before had
        b"html",
        lambda n: b"".join(
            b'<a href="https://a%d-%d.net/u">Unsubscribe</a>' % (i, n) for i in range(n // 50)
        ),
    ),
    "braces": (b"plain", lambda n: much(b"{", n)),
    "percents": (b"html", lambda n: much(b'<a href="https://a.net/%7B%25%7B%25">a</a>', n)),
    "short lines": (b"plain", lambda n: much(b"\r\n", n)),
    "one line": (b"plain", lambda n: much(b"x", n)),
}
FIELDS: dict[str, Callable[[int], bytes]] = {
    "list-id": lambda n: b"List-Id: <" + much(b"a", n),
    "from": lambda n: b"From: " + much(b"a", n) + b" <a@acme-news.fr>",
    "received": lambda n: much(b"Received: by ", n),
    "list-unsubscribe": lambda n: b"List-Unsubscribe: " + much(b"<", n),
    "signature": lambda n: b"DKIM-Signature: h=" + much(b"; ", n),
    "message-id": lambda n: b"Message-ID: <" + much(b"a@", n),
}
SIZE = 200_000


def much(octets: bytes, size: int) -> bytes:
    return octets * (size // len(octets))


def mail(name: str, size: int) -> bytes:
    if name in FIELDS:
        return FIELDS[name](size) + b"\r\n\r\nhello\r\n"
    kind, body = BODIES[name]
    return HEAD % kind + b"\r\n" + body(size)


def case_of(raw: bytes) -> Case:
    """A mail that is read already, and what it is held against."""
    message = Message(raw)
    case = Case(
        Envelope(Session(), None),
        STREAM,
        message,
        Recipient(Address(b"zoe", b"mail-depot.net")),
        NEWCOMER,
        host="7f3a9c",
    )
    list(message.readings)
    return case


def judge(case: Case) -> None:
    for rule in ALL:
        list(rule.check(case))


@pytest.mark.parametrize("name", [*BODIES, *FIELDS])
def test_hostile_mail_is_judged_in_line_with_its_size(name: str) -> None:
    assert growth(lambda size: case_of(mail(name, size)), judge, SIZE) < STEEP

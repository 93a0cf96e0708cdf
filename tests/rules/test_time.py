"""No single mail keeps the rules busy: what grows, grows in line with the mail."""

import time

import pytest

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.person import Person, Source
from smtpguard.policy.controller import Brand, Controller, Unsubscribe
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules import ALL
from smtpguard.rules.rule import Case

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
BODIES = {
    "address backwards": (b"plain", b"Lyon 69003 Lilas des rue 12\r\n" * 10_000),
    "numbers": (b"plain", b"1234 rue " * 30_000),
    "source": (b"plain", b"Salon Bati\r\n" * 20_000),
    "links": (b"html", b'<a href="https://a.net/unsubscribe">Unsubscribe</a>\r\n' * 4_000),
    "braces": (b"plain", b"{" * 200_000),
    "percents": (b"html", b'<a href="https://a.net/%7B%25%7B%25">a</a>' * 3_000),
    "short lines": (b"plain", b"\r\n" * 200_000),
    "one line": (b"plain", b"x" * 400_000),
}
FIELDS = {
    "list-id": b"List-Id: <" + b"a" * 300_000 + b"\r\n",
    "from": b"From: " + b"a" * 300_000 + b" <a@acme-news.fr>\r\n",
    "received": b"Received: by " * 30_000 + b"\r\n",
    "list-unsubscribe": b"List-Unsubscribe: " + b"<" * 100_000 + b"\r\n",
    "signature": b"DKIM-Signature: h=" + b"; " * 100_000 + b"\r\n",
    "message-id": b"Message-ID: <" + b"a@" * 100_000 + b"\r\n",
}
MAILS = {
    **{name: HEAD % kind + b"\r\n" + body for name, (kind, body) in BODIES.items()},
    **{name: field + b"\r\nhello\r\n" for name, field in FIELDS.items()},
}


@pytest.mark.parametrize("name", MAILS)
def test_hostile_mail_is_judged_in_time(name: str) -> None:
    message = Message(MAILS[name])
    case = Case(
        Envelope(Session(), None),
        STREAM,
        message,
        Recipient(Address(b"zoe", b"mail-depot.net")),
        NEWCOMER,
        host="7f3a9c",
    )
    list(message.readings)
    started = time.process_time()
    for rule in ALL:
        list(rule.check(case))
    assert time.process_time() - started < 2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.match import Matcher, Undecided, told_apart
from smtpguard.policy.policy import Policy
from smtpguard.policy.stream import Kind, Match, Stream

CONTROLLER, BRAND = Controller("acme", "Acme SAS"), Brand("acme", ("Acme",))


def address(text: str) -> Address:
    local, _, domain = text.encode().rpartition(b"@")
    return Address(local, domain)


def stream(name: str, **criteria: str) -> Stream:
    return Stream(name, CONTROLLER, BRAND, Kind.MARKETING, Match(**criteria))


def envelope(sender: str = "news@acme.example", **session: object) -> Envelope:
    return Envelope(Session(**session), address(sender) if sender else None)  # type: ignore[arg-type]


def matcher(*streams: Stream, **defaults: str) -> Matcher:
    return Matcher(Policy("v", streams=streams), defaults)


READER = Recipient(address("Reader@Client.example"))


@pytest.mark.parametrize(
    ("criteria", "session", "sender"),
    [
        ({"listener": "lmtp"}, {"listener": "lmtp"}, "a@b.example"),
        ({"user": "crm"}, {"user": "crm"}, "a@b.example"),
        ({"client": "10.0.0.0/8"}, {"peer": "10.1.2.3"}, "a@b.example"),
        ({"client": "unix"}, {"peer": ""}, "a@b.example"),
        ({"sender": "news@acme.example"}, {}, "News@ACME.example"),
        ({"sender": "@acme.example"}, {}, "anything@acme.example"),
        ({"sender": "<>"}, {}, ""),
        ({"recipient": "@client.example"}, {}, "a@b.example"),
        ({"recipient": "reader@client.example"}, {}, "a@b.example"),
    ],
)
def test_each_criterion_of_the_envelope(
    criteria: dict[str, str], session: dict[str, object], sender: str
) -> None:
    chosen = stream("x", **criteria)
    assert matcher(chosen).at_rcpt(envelope(sender, **session), READER) is chosen
    other = envelope("else@where.example", listener="smtp", peer="192.0.2.1", user="other")
    stranger = Recipient(address("someone@else.example"))
    assert matcher(chosen).at_rcpt(other, stranger) is None


def test_criteria_are_anded() -> None:
    chosen = stream("x", listener="lmtp", sender="@acme.example", user="crm")
    found = matcher(chosen)
    assert found.at_rcpt(envelope(listener="lmtp", user="crm"), READER) is chosen
    assert found.at_rcpt(envelope(listener="lmtp", user="cms"), READER) is None
    assert found.at_rcpt(envelope(listener="smtp", user="crm"), READER) is None


def test_the_from_domain_is_waited_for() -> None:
    news = stream("news", listener="lmtp", from_domain="news.acme.example")
    offers = stream("offers", listener="lmtp", from_domain="offers.acme.example")
    found = matcher(news, offers)
    mail = envelope(listener="lmtp")
    assert found.at_rcpt(mail, READER) == Undecided((news, offers), None)
    assert found.at_dot(mail, READER, "offers.acme.example", "") is offers
    assert found.at_dot(mail, READER, "acme.example", "") is None


def test_the_header_is_believed_from_a_trusted_client_only() -> None:
    named = stream("named", header="spring")
    found = matcher(named)
    assert found.at_rcpt(envelope(trusted=True), READER) == Undecided((named,), None)
    assert found.at_dot(envelope(trusted=True), READER, "", "spring") is named
    assert found.at_dot(envelope(trusted=True), READER, "", "autumn") is None
    assert found.at_rcpt(envelope(), READER) is None
    assert found.at_dot(envelope(), READER, "", "spring") is None


def test_a_listener_gives_what_nothing_takes_its_default() -> None:
    news, rest = stream("news", from_domain="news.acme.example"), stream("rest")
    found = matcher(news, rest, lmtp="rest")
    mail = envelope(listener="lmtp")
    assert found.at_rcpt(mail, READER) == Undecided((news,), rest)
    assert found.at_dot(mail, READER, "acme.example", "") is rest
    assert found.at_dot(mail, READER, "news.acme.example", "") is news
    assert found.at_dot(envelope(listener="smtp"), READER, "acme.example", "") is None


def test_a_stream_without_criteria_takes_nothing_by_itself() -> None:
    assert matcher(stream("rest")).at_rcpt(envelope(), READER) is None


def test_what_the_envelope_decides_is_not_kept_waiting() -> None:
    invoices = stream("invoices", sender="billing@acme.example")
    news = stream("news", sender="news@acme.example", from_domain="acme.example")
    found = matcher(news, invoices)
    assert found.at_rcpt(envelope("billing@acme.example"), READER) is invoices
    assert found.at_dot(envelope("billing@acme.example"), READER, "acme.example", "") is invoices


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ({"listener": "a"}, {"listener": "b"}, True),
        ({"listener": "a"}, {"listener": "a"}, False),
        ({"listener": "a"}, {"user": "x"}, False),
        ({"listener": "a", "user": "x"}, {"user": "y"}, True),
        ({"sender": "@a.example"}, {"sender": "x@a.example"}, False),
        ({"sender": "@a.example"}, {"sender": "x@b.example"}, True),
        ({"sender": "<>"}, {"sender": "@b.example"}, True),
        ({"recipient": "x@a.example"}, {"recipient": "y@a.example"}, True),
        ({"from_domain": "a.example"}, {"from_domain": "b.a.example"}, True),
        ({"header": "x"}, {"from_domain": "a.example"}, False),
        ({"client": "10.0.0.0/8"}, {"client": "10.1.0.0/16"}, False),
        ({"client": "10.0.0.0/8"}, {"client": "192.0.2.0/24"}, True),
        ({"client": "10.0.0.0/8"}, {"client": "unix"}, True),
    ],
)
def test_who_can_be_told_apart(one: dict[str, str], other: dict[str, str], apart: bool) -> None:
    assert told_apart(Match(**one), Match(**other)) is apart
    assert told_apart(Match(**other), Match(**one)) is apart


VALUES = {
    "listener": ["", "lmtp", "smtp"],
    "user": ["", "crm"],
    "client": ["", "10.0.0.0/8", "10.1.0.0/16", "unix"],
    "header": ["", "h"],
    "sender": ["", "<>", "@acme.example", "news@acme.example", "@b.example"],
    "from_domain": ["", "acme.example", "b.example"],
    "recipient": ["", "@client.example", "reader@client.example", "x@y.example"],
}
MATCHES = st.fixed_dictionaries({n: st.sampled_from(v) for n, v in VALUES.items()})
MAILS = st.fixed_dictionaries(
    {
        "listener": st.sampled_from(["lmtp", "smtp"]),
        "user": st.sampled_from(["", "crm"]),
        "peer": st.sampled_from(["", "10.1.0.1", "10.2.0.1", "192.0.2.1"]),
        "trusted": st.booleans(),
    }
)


@given(
    st.lists(MATCHES.map(lambda m: Match(**m)), max_size=6),
    MAILS,
    st.sampled_from(["", "news@acme.example", "a@b.example"]),
    st.sampled_from(["acme.example", "b.example", "c.example"]),
    st.sampled_from(["", "h"]),
)
def test_streams_told_apart_never_take_the_same_mail_in_whatever_order(
    matches: list[Match], session: dict[str, object], sender: str, domain: str, header: str
) -> None:
    kept: list[Match] = []
    for match in matches:
        if match != Match() and all(told_apart(match, other) for other in kept):
            kept.append(match)
    streams = [
        Stream(str(n), CONTROLLER, BRAND, Kind.MARKETING, match) for n, match in enumerate(kept)
    ]
    mail = envelope(sender, **session)
    forth, back = matcher(*streams), matcher(*reversed(streams))
    first = forth.at_rcpt(mail, READER)
    last = forth.at_dot(mail, READER, domain, header)
    assert back.at_dot(mail, READER, domain, header) is last
    if isinstance(first, Undecided):
        assert last in (*first.candidates, first.otherwise)
    else:
        assert last is first

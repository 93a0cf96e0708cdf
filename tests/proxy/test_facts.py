"""Who is written to, and what a client said of the mail: gathered once, for all recipients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from smtpguard.edit.fix import Change
from smtpguard.keys import Keyring, LinkKey
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.person import Person, Reason, Source, Suppression
from smtpguard.policy.controller import Brand, Controller, Unsubscribe
from smtpguard.policy.stream import Kind, Stream
from smtpguard.proxy import facts
from smtpguard.proxy.facts import LONGEST, exits, from_domain_of, people, said_in
from smtpguard.rules.rule import Said
from smtpguard.unsubscribe.link import Ticket, read

if TYPE_CHECKING:
    from tests.proxy.conftest import Bench

BRAND = Brand("acme", ("Acme",), unsubscribe=Unsubscribe("https://u.acme.fr", "u@acme.fr"))
NEWS = Stream("news", Controller("acme", "Acme"), BRAND, Kind.MARKETING, edits=Change.HEADERS)
RESETS = replace(NEWS, name="resets", kind=Kind.TRANSACTIONAL)
PERSONAL = replace(NEWS, name="people", kind=Kind.PERSONAL)
OTHER = replace(NEWS, controller=Controller("other", "Other"))
LEFT = Person((Suppression(Reason.OBJECTION),))


def recipients(*names: str) -> tuple[Recipient, ...]:
    return tuple(Recipient(Address(name.encode(), b"client.fr")) for name in names)


async def test_each_controller_is_asked_once_and_nobody_about_correspondence(bench: Bench) -> None:
    calls: list[tuple[str, list[str]]] = []
    look_up = bench.store.look_up

    async def noting(controller: str, addresses: Sequence[Address]) -> list[Person]:
        calls.append((controller, [address.key for address in addresses]))
        return await look_up(controller, addresses)

    bench.store.look_up = noting  # type: ignore[method-assign]
    bench.store.people["c@client.fr"] = LEFT
    store: Any = bench.store
    streams = (NEWS, None, RESETS, PERSONAL, OTHER)
    found = await people(store, recipients("a", "b", "c", "d", "e"), streams)
    assert calls == [("acme", ["a@client.fr", "c@client.fr"]), ("other", ["e@client.fr"])]
    assert found == (Person(), None, LEFT, None, Person())


async def test_a_silent_store_knows_nobody(bench: Bench) -> None:
    bench.store.silent = True
    store: Any = bench.store
    assert await people(store, recipients("a"), (NEWS,)) == (None,)
    assert await people(store, (), ()) == ()


def test_marketing_that_may_be_edited_gets_an_exit_for_each_reader() -> None:
    ring = Keyring((), (LinkKey(1, b"l" * 64),))
    bare = replace(NEWS, brand=replace(BRAND, unsubscribe=Unsubscribe(mailto="u@acme.fr")))
    streams = (NEWS, None, RESETS, replace(NEWS, edits=Change.NONE), bare, NEWS)
    envelope = Envelope(Session(), None, recipients=recipients(*"abcdef"))
    found = exits(ring, envelope, streams, 1_800_000_000)
    assert sorted(found) == [0, 5]
    tickets = [
        read(ring, found[index].url.removeprefix("https://u.acme.fr/u/")) for index in (0, 5)
    ]
    assert [ticket and ticket.address for ticket in tickets] == [b"a@client.fr", b"f@client.fr"]
    assert tickets[0] is not None
    assert (tickets[0].controller, tickets[0].brand, tickets[0].stream) == ("acme", "acme", "news")
    assert found[0].mailto.startswith("mailto:u@acme.fr?subject=")


def ticket_of(said: Said, *names: str) -> Ticket:
    ring = Keyring((), (LinkKey(1, b"l" * 64),))
    envelope = Envelope(Session(), None, recipients=recipients(*names))
    found = exits(ring, envelope, [NEWS] * len(names), 1_800_000_000, (), said)
    ticket = read(ring, found[0].url.removeprefix("https://u.acme.fr/u/"))
    assert ticket is not None
    return ticket


def test_what_the_sender_calls_reader_and_campaign_goes_into_the_link() -> None:
    said = Said(recipient="4711", campaign="spring", list="vip")
    assert ticket_of(said, "a").ids == {"recipient_id": "4711", "campaign": "spring"}
    assert ticket_of(said, "a", "b").ids == {"campaign": "spring"}
    assert ticket_of(Said(list="vip", language="fr"), "a").ids == {}


@pytest.mark.parametrize("word", ["x" * 65, "é" * 33, "a\x1bb", "\ud800"])
def test_an_id_that_does_not_fit_is_left_out_not_cut(word: str) -> None:
    said = Said(recipient=word, campaign="spring")
    assert ticket_of(said, "a").ids == {"campaign": "spring"}
    assert said.unfit == ("recipient",)
    assert ticket_of(Said(recipient="x" * 64, campaign=word), "a").ids == {"recipient_id": "x" * 64}


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (
            "salon; purchased; Salon Bati 2026; Lyon",
            Source("salon", "Salon Bati 2026; Lyon", "purchased"),
        ),
        ("Salon Bati 2026", Source("Salon Bati 2026", "Salon Bati 2026")),
        ("=?utf-8?q?Salon_d=27=C3=A9t=C3=A9?=", Source("Salon d'été", "Salon d'été")),
        ("", None),
        ("x" * 500, Source("x" * LONGEST, "x" * LONGEST)),
    ],
)
def test_a_source_is_read(value: str, source: Source | None) -> None:
    said, _ = said_in(Message(f"X-SmtpGuard-Source: {value}\r\n\r\n".encode()))
    assert said.source == source


def test_what_a_client_says_is_on_one_line_whatever_its_case() -> None:
    message = Message(
        b"x-smtpguard-STREAM:\r\n news\r\nX-SmtpGuard-List: a\r\n b\tc\r\n"
        b"X-SmtpGuard-Recipient: 17\r\nX-SmtpGuard-Campaign: spring\r\n"
        b"X-SmtpGuard-Language: FR-fr\r\nX-SmtpGuard-List: second\r\n\r\n"
    )
    said, stream = said_in(message)
    assert stream == "news"
    assert (said.list, said.recipient, said.campaign, said.language) == (
        "a b c",
        "17",
        "spring",
        "fr",
    )
    assert said.source is None


@pytest.mark.parametrize(
    ("header", "domain"),
    [
        ("From: Acme <News@ACME.fr>", "acme.fr"),
        ("From: news@bücher.example", "xn--bcher-kva.example"),
        ("From: a@acme.fr, b@acme.fr", ""),
        ("From: a@acme.fr\r\nFrom: b@acme.fr", ""),
        ("From: undisclosed:;", ""),
        ("From: nobody", ""),
        ("To: a@acme.fr", ""),
    ],
)
def test_the_from_domain_is_one_mailboxs_or_nobodys(header: str, domain: str) -> None:
    assert from_domain_of(Message(f"{header}\r\n\r\n".encode())) == domain


async def test_partners_lists_stand_against_promotional_mail_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []
    one = Suppression(Reason.MANUAL, channel="list:partner")

    async def on_all(_: object, pairs: Sequence[tuple[Address, tuple[str, ...]]]) -> list[object]:
        asked.extend((address.key, names) for address, names in pairs)
        return [(one,) if names else () for _, names in pairs]

    monkeypatch.setattr(facts, "against", on_all)
    store: Any = bench.store
    bench.store.people["a@client.fr"] = LEFT
    brand = replace(BRAND, suppression_lists=("partner",))
    news, resets = replace(NEWS, brand=brand), replace(RESETS, brand=brand)
    found = await people(store, recipients("a", "b", "c"), (news, news, resets))
    assert asked == [
        ("a@client.fr", ("partner",)),
        ("b@client.fr", ("partner",)),
        ("c@client.fr", ()),
    ]
    said = [person.suppressions for person in found if person is not None]
    assert said == [(*LEFT.suppressions, one), (one,), ()]

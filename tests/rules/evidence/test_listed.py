"""The exit in the header; the case folders of the List-Unsubscribe rules have the messages."""

import pytest

from smtpguard.edit.fix import OfferExit
from smtpguard.mail.envelope import Envelope, Session
from smtpguard.mail.message import Message
from smtpguard.policy.controller import Brand, Controller, Existing, Unsubscribe
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules.evidence.listed import foreign, listed, offer_exit
from smtpguard.rules.rule import Case

OWN = "List-Unsubscribe: <https://u.acme-news.fr/u/1>"
FOREIGN = "List-Unsubscribe: <https://click.mail-depot.net/o>, <mailto:out@mail-depot.net>"
POST = "List-Unsubscribe-Post: List-Unsubscribe=One-Click"


def case(*fields: str, exits: Unsubscribe | None = None) -> Case:
    exits = exits or Unsubscribe("https://u.acme-news.fr")
    brand = Brand("acme", ("Acme",), unsubscribe=exits)
    stream = Stream("news", Controller("acme", "Acme SAS"), brand, Kind.MARKETING)
    raw = "".join(f"{field}\r\n" for field in fields) + "\r\n"
    return Case(Envelope(Session(), None), stream, Message(raw.encode()))


def test_both_fields_are_read() -> None:
    header = listed(case(FOREIGN, POST))
    assert header.uris == ("https://click.mail-depot.net/o", "mailto:out@mail-depot.net")
    assert header.usable == header.uris
    assert header.https == header.web == ("https://click.mail-depot.net/o",)
    assert len(header.fields) == len(header.posts) == 1
    assert not header.faults
    assert not header.contradictory


def test_what_leads_nowhere_is_not_usable() -> None:
    header = listed(case("List-Unsubscribe: <https://localhost/>, <http://a.net>, <tel:1>"))
    assert header.usable == ()
    assert header.https == ("https://localhost/",)
    assert len(header.web) == 2


def test_an_encoded_word_is_evidence_and_a_fault() -> None:
    header = listed(case("List-Unsubscribe: =?utf-8?q?=3Chttps=3A=2F=2Fa=2Enet=3E?="))
    assert header.usable == ("https://a.net",)
    assert header.faults == ("encoded word",)


@pytest.mark.parametrize(
    ("fields", "contradictory"),
    [((OWN, OWN), False), ((OWN, FOREIGN), True), ((OWN, POST, POST + "x"), True)],
)
def test_two_fields_contradict_each_other(fields: tuple[str, ...], contradictory: bool) -> None:
    assert listed(case(*fields)).contradictory is contradictory


def test_an_exit_is_foreign_only_where_ours_replace_it() -> None:
    replacing = Unsubscribe("https://u.acme-news.fr", existing=Existing.REPLACE)
    for fields, exits, expected in (
        ((FOREIGN,), replacing, True),
        ((OWN,), replacing, False),
        ((FOREIGN,), None, False),
    ):
        asked = case(*fields, exits=exits)
        assert foreign(asked, listed(asked)) is expected


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ((), (OfferExit(replace=False),)),
        ((FOREIGN,), (OfferExit(replace=True),)),
        ((POST,), (OfferExit(replace=True),)),
    ],
)
def test_an_offer_replaces_what_is_there(
    fields: tuple[str, ...], offered: tuple[OfferExit, ...]
) -> None:
    asked = case(*fields)
    assert offer_exit(asked, listed(asked)) == offered


def test_without_exits_nothing_is_offered() -> None:
    asked = case(exits=Unsubscribe())
    assert offer_exit(asked, listed(asked)) == ()

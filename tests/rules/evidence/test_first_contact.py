"""Who was already informed."""

from dataclasses import replace

import pytest

from smtpguard.mail.envelope import Envelope, Session
from smtpguard.person import FirstContact, Person, Source
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules.evidence.first_contact import informed, source_of
from smtpguard.rules.rule import Case, Said

FAIR = Source("fair", "The fair of Lyon")
LIST = Source("list", "Annuaire Bâti")
STREAM = Stream(
    "news",
    Controller("acme", "Acme SAS", assume_known_before=1000),
    Brand("acme", ("Acme",)),
    Kind.MARKETING,
    purpose="news",
)


def case(person: Person | None, said: Source | None = None) -> Case:
    return Case(Envelope(Session(), None), STREAM, person=person, said=Said(said))


def told(source: Source | None, *, given: bool = True) -> FirstContact:
    return FirstContact(given, 900, STREAM.notice(source.id if source else ""))


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (None, False),
        (Person(), False),
        (Person(contact=told(FAIR), source=FAIR), True),
        (Person(contact=told(None)), True),
        (Person(contact=FirstContact(True, 900)), True),
        (Person(contact=told(FAIR, given=False), source=FAIR), False),
        (Person(contact=told(FAIR), source=LIST), False),
        (Person(known_since=999), True),
        (Person(known_since=1000), False),
        (Person(contact=told(FAIR, given=False), known_since=999), True),
        (Person(contact=told(FAIR), source=LIST, known_since=999), False),
    ],
)
def test_who_is_informed(person: Person | None, expected: bool) -> None:
    assert informed(case(person)) is expected


def test_another_purpose_is_another_notice() -> None:
    asked = case(Person(contact=told(FAIR), source=FAIR))
    assert informed(asked)
    assert not informed(replace(asked, stream=replace(STREAM, purpose="fairs")))


def test_nobody_is_assumed_known_without_a_day() -> None:
    controller = replace(STREAM.controller, assume_known_before=None)
    asked = case(Person(known_since=0))
    assert not informed(replace(asked, stream=replace(STREAM, controller=controller)))


def test_the_sender_knows_better_than_the_register() -> None:
    assert source_of(case(Person(source=LIST), FAIR)) is FAIR
    assert source_of(case(Person(source=LIST))) is LIST
    assert source_of(case(None)) is source_of(case(Person())) is None

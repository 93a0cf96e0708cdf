"""One message at the dot, for all its recipients: who is relayed what, and who is told why not."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.person import FirstContact, Person, Source
from smtpguard.policy.stream import Action, Mode
from smtpguard.rules import BY_ID
from smtpguard.rules.rule import Case, Finding, Said
from smtpguard.verdict.decision import Refuse, Relay
from smtpguard.verdict.deliberate import at_rcpt, deliberate
from smtpguard.verdict.refusal import Help
from smtpguard.verdict.weigh import Outcome
from tests.verdict.cases import (
    ANNUAIRE,
    LEFT,
    NEWSLETTER,
    NOTICES,
    RESETS,
    SALON,
    STREAM,
    UNDECODABLE,
    asked,
    check_copies,
    decide,
    outcomes,
    question,
    reply,
)

# --- who gets which copy -------------------------------------------------------------------------


def test_lmtp_gives_each_reader_their_own_link() -> None:
    asking = question(NEWSLETTER, STREAM, STREAM)
    decided = deliberate(asking)
    assert [copy.recipients for copy in decided.copies] == [(0,), (1,)]
    for copy, token in zip(decided.copies, (b"/u/AQ", b"/u/BQ"), strict=True):
        assert copy.raw.count(b"https://u.acme.fr/u/") == 1
        assert token in copy.raw
    check_copies(asking, decided.copies)


def test_lmtp_readers_of_the_same_text_share_a_copy() -> None:
    stream = replace(STREAM, rules=asked(Action.FIX_OR_REJECT, "missing-postal-address"))
    decided = decide(NEWSLETTER, stream, stream, None, stream)
    assert [copy.recipients for copy in decided.copies] == [(0, 1, 3), (2,)]
    assert b"12 rue des Lilas" in decided.copies[0].raw
    assert decided.copies[1].raw == NEWSLETTER


def test_lmtp_refuses_one_and_relays_the_others() -> None:
    decided = decide(NEWSLETTER, STREAM, STREAM, STREAM, people=(Person(), LEFT, Person()))
    kinds = [type(ruling.verdict) for ruling in decided.rulings]
    assert kinds == [Relay, Refuse, Relay]
    assert [copy.recipients for copy in decided.copies] == [(0,), (2,)]
    assert outcomes(decided, 1)["missing-unsubscribe-link"] is Outcome.MENDABLE


def test_smtp_has_one_copy_or_none() -> None:
    stream = replace(STREAM, rules=asked(Action.FIX_OR_REJECT, "missing-postal-address"))
    both = decide(NEWSLETTER, stream, stream, protocol="ESMTP")
    assert [copy.recipients for copy in both.copies] == [(0, 1)]
    one_left = decide(NEWSLETTER, stream, stream, protocol="ESMTP", people=(Person(), LEFT))
    assert one_left.copies == ()
    assert [type(r.verdict) for r in one_left.rulings] == [Relay, Refuse]


def test_smtp_to_one_reader_carries_their_link_and_to_two_none() -> None:
    alone = decide(protocol="ESMTP")
    assert b"https://u.acme.fr/u/AQ" in alone.copies[0].raw
    two = decide(NEWSLETTER, STREAM, STREAM, protocol="ESMTP")
    assert two.copies == ()
    assert "a link belongs to one reader" in reply(two)


@pytest.mark.parametrize(
    ("sources", "relayed"), [((SALON, SALON), True), ((SALON, ANNUAIRE), False)]
)
def test_smtp_shares_what_is_true_of_all(sources: Sequence[Source], relayed: bool) -> None:
    stream = replace(STREAM, rules=asked(Action.FIX_OR_REJECT, "missing-data-source"))
    people = [Person(source=source) for source in sources]
    decided = decide(NEWSLETTER, stream, stream, protocol="ESMTP", people=people)
    assert len(decided.copies) == relayed
    if not relayed:
        assert reply(decided).startswith("550-5.6.0 missing-data-source")
        assert "different sources" in reply(decided)


def test_one_mail_on_two_streams_is_judged_by_each() -> None:
    strict = replace(STREAM, name="strict", rules=asked(Action.REJECT, "missing-unsubscribe-link"))
    decided = decide(NEWSLETTER, STREAM, strict)
    assert [type(ruling.verdict) for ruling in decided.rulings] == [Relay, Refuse]
    assert "stream=acme/strict" in reply(decided, 1)


# --- first contact -------------------------------------------------------------------------------

PROSPECTING = replace(STREAM, rules=asked(Action.FIX_OR_REJECT, *NOTICES))
NOTICE = PROSPECTING.notice("s")


@pytest.mark.parametrize(
    ("person", "informs"),
    [
        (Person(source=SALON), NOTICE),
        (Person(source=SALON, contact=FirstContact(False, 1, NOTICE)), NOTICE),
        (Person(source=SALON, contact=FirstContact(True, 1, NOTICE)), ""),
        (Person(source=SALON, contact=FirstContact(True, 1, "older")), NOTICE),
    ],
)
def test_a_copy_informs_whom_nobody_has_informed(person: Person, informs: str) -> None:
    decided = decide(NEWSLETTER, PROSPECTING, people=(person,))
    assert decided.rulings[0].informs == informs
    assert (b"Salon Bati 2026" in decided.copies[0].raw) == bool(informs)


def test_observing_and_warning_inform_nobody() -> None:
    observing = replace(PROSPECTING, mode=Mode.OBSERVE)
    warning = replace(PROSPECTING, rules=asked(Action.WARN, *NOTICES))
    for stream in (observing, warning):
        (ruling,) = decide(NEWSLETTER, stream, people=(Person(source=SALON),)).rulings
        assert isinstance(ruling.verdict, Relay)
        assert ruling.informs == ""


def test_what_is_not_asked_informs_nobody() -> None:
    stream = replace(PROSPECTING, rules=asked(Action.ALLOW, *NOTICES))
    (ruling,) = decide(NEWSLETTER, stream, people=(Person(source=SALON),)).rulings
    assert (ruling.informs, ruling.weighed) == ("", ())


def test_a_notice_that_could_not_be_composed_informs_nobody() -> None:
    stream = replace(STREAM, rules=asked(Action.FIX_OR_WARN, *NOTICES))
    raw = UNDECODABLE
    (ruling,) = decide(raw, stream, people=(Person(source=SALON),)).rulings
    assert isinstance(ruling.verdict, Relay)
    assert ruling.informs == ""


def test_what_the_sender_says_of_the_source_comes_first() -> None:
    decided = decide(NEWSLETTER, PROSPECTING, people=(Person(source=ANNUAIRE),), said=Said(SALON))
    assert decided.rulings[0].informs == NOTICE
    assert b"Salon Bati 2026" in decided.copies[0].raw


# --- what is never judged, and what could not be -------------------------------------------------


def test_unmatched_mail_is_relayed_or_refused_unread() -> None:
    (copy,) = decide(NEWSLETTER, None).copies
    assert copy.raw is NEWSLETTER
    refused = decide(NEWSLETTER, None, refuses_unmatched=True)
    assert reply(refused).startswith("550-5.7.1 No stream")


def test_a_loop_is_refused_on_mail_that_is_not_judged_too() -> None:
    trace = b"Received: from x by guard.acme.fr (smtpguard 0a1b2c3d) with ESMTP id 1; now\r\n" * 3
    decided = decide(trace + NEWSLETTER, None)
    assert reply(decided).startswith("554-5.4.6 mail-loop")


def test_transactional_mail_is_never_injected_into() -> None:
    decided = decide(NEWSLETTER, RESETS, people=(LEFT,))
    assert decided.copies[0].raw == NEWSLETTER


def test_uninspectable_marketing_waits_then_is_poison() -> None:
    waiting = decide(uninspectable=True)
    assert reply(waiting).startswith("451-4.3.0 The message is too large or too complex")
    poison = decide(uninspectable=True, breakages=2)
    assert reply(poison).startswith("554-5.6.0")
    gone = decide(uninspectable=True, people=(LEFT,))
    assert reply(gone).startswith("550-5.7.1 suppressed-recipient")
    assert decide(NEWSLETTER, RESETS, uninspectable=True).copies[0].raw == NEWSLETTER


def broken(case: Case) -> Iterator[Finding]:
    raise ZeroDivisionError(case.stream.name)


def test_a_rule_that_raises_costs_its_own_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (
        replace(BY_ID["missing-postal-address"], check=broken),
        BY_ID["missing-unsubscribe-link"],
    )
    monkeypatch.setattr("smtpguard.verdict.deliberate.ALL", rules)
    names = (rule.id for rule in rules)
    decided = decide(NEWSLETTER, replace(STREAM, rules=asked(Action.FIX_OR_REJECT, *names)))
    assert [failure.rule for failure in decided.failures] == ["missing-postal-address"]
    assert "ZeroDivisionError: news" in decided.failures[0].trace
    assert reply(decided).startswith("451-4.3.0 missing-postal-address.failed: ")
    assert "ZeroDivisionError" not in reply(decided)
    assert outcomes(decided)["missing-unsubscribe-link"] is Outcome.MENDABLE


def test_at_rcpt_the_envelope_alone_decides() -> None:
    case = Case(
        Envelope(Session(), None),
        STREAM,
        recipient=Recipient(Address(b"a", b"b.fr")),
        person=LEFT,
    )
    verdict, (weighed, *_), failures = at_rcpt(case, reference="1", manual=Help())
    assert isinstance(verdict, Refuse)
    assert weighed.finding.rule == "suppressed-recipient"
    assert not failures
    allowed, nothing, _ = at_rcpt(replace(case, person=Person()), reference="1", manual=Help())
    assert (allowed, nothing) == (Relay(), ())


def test_the_same_question_elsewhere_has_the_same_answer() -> None:
    asking = question(NEWSLETTER, STREAM, STREAM, None, people=(Person(), LEFT, None))
    there = pickle.loads(pickle.dumps(replace(asking, message=Message(asking.raw))))
    assert deliberate(there) == deliberate(asking)

"""One message at the dot, for all its recipients: who is relayed what, and who is told why not."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from smtpguard.edit.compose import Unmendable, compose
from smtpguard.edit.edit import apply, invert
from smtpguard.edit.fix import Change
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.person import FirstContact, Person, Reason, Source, Suppression
from smtpguard.policy.controller import Brand, Controller, Existing, Unsubscribe
from smtpguard.policy.stream import Action, Asked, Kind, Mode, Stream
from smtpguard.rules import BY_ID
from smtpguard.rules.rule import Case, Finding, Said
from smtpguard.unsubscribe.link import Exit
from smtpguard.verdict.decision import Copy, Defer, Deliberation, Refuse, Relay
from smtpguard.verdict.deliberate import ON_TOP, Question, at_rcpt, deliberate
from smtpguard.verdict.weigh import Outcome

HEADER = (
    b"From: Acme <news@acme.fr>\r\nTo: a@client.fr\r\nSubject: Nouvelles\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@acme.fr>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
)
NEWSLETTER = HEADER + b"\r\nBonjour, nos prix du mois.\r\n\r\nAcme SAS\r\n"
LEFT = Person((Suppression(Reason.OBJECTION),))
SALON, ANNUAIRE = Source("s", "Salon Bati 2026", "purchased"), Source("a", "Annuaire", "rented")
NOTICES = ("missing-data-source", "missing-rights-notice")


def asked(action: Action, *rules: str) -> dict[str, Asked]:
    return {rule: Asked(action, "test") for rule in rules}


STREAM = Stream(
    "news",
    Controller("acme", "Acme SAS", "12 rue des Lilas, 69003 Lyon", rights_contact="dpo@acme.fr"),
    Brand(
        "acme",
        ("Acme",),
        frozenset({"acme.fr"}),
        unsubscribe=Unsubscribe("https://u.acme.fr", "unsubscribe@acme.fr"),
        languages=("fr",),
    ),
    Kind.MARKETING,
    mode=Mode.ENFORCE,
    edits=Change.BODY,
    rules=asked(Action.FIX_OR_REJECT, "missing-unsubscribe-link"),
)
RESETS = replace(STREAM, name="resets", kind=Kind.TRANSACTIONAL)


def question(
    raw: bytes = NEWSLETTER,
    *streams: Stream | None,
    protocol: str = "LMTP",
    people: Sequence[Person | None] = (),
    exits: Mapping[int, Exit] | None = None,
    **changes: Any,
) -> Question:
    streams = streams or (STREAM,)
    recipients = tuple(
        Recipient(Address(b"reader%d" % index, b"client.fr")) for index in range(len(streams))
    )
    own = {i: Exit(f"https://u.acme.fr/u/{'ABCDEF'[i]}Q") for i in range(len(streams))}
    return Question(
        Envelope(Session("in", protocol), None, recipients=recipients),
        raw,
        streams,
        tuple(people) or (Person(),) * len(streams),
        own if exits is None else exits,
        host="0a1b2c3d",
        now=1_800_000_000,
        reference="7F3A9C",
        **changes,
    )


def decide(*given: Any, **changes: Any) -> Deliberation:
    return deliberate(question(*given, **changes))


def reply(decided: Deliberation, index: int = 0) -> str:
    verdict = decided.rulings[index].verdict
    assert isinstance(verdict, Refuse | Defer)
    return bytes(verdict.reply).decode("ascii")


def outcomes(decided: Deliberation, index: int = 0) -> dict[str, Outcome]:
    return {w.finding.rule: w.outcome for w in decided.rulings[index].weighed}


def check_copies(asked: Question, copies: Sequence[Copy]) -> None:
    for copy in copies:
        assert apply(asked.raw, copy.edits) == copy.raw
        assert apply(copy.raw, invert(asked.raw, copy.edits)) == asked.raw


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


# --- fixes that cannot be made -------------------------------------------------------------------

UNDECODABLE = HEADER.replace(b"utf-8", b"utf-7") + b"\r\nBonjour.\r\n"
BOTH = ("missing-list-unsubscribe", "missing-one-click")


def test_fix_or_warn_relays_what_cannot_be_mended() -> None:
    stream = replace(STREAM, rules=asked(Action.FIX_OR_WARN, "missing-postal-address"))
    decided = decide(UNDECODABLE, stream)
    (copy,) = decided.copies
    assert copy.raw == UNDECODABLE
    assert not copy.edits
    assert outcomes(decided) == {"missing-postal-address": Outcome.WARNED}


def test_fix_or_reject_refuses_it_as_a_failed_conversion_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "smtpguard.verdict.deliberate.compose", lambda *_, **__: Unmendable("no place for it")
    )
    decided = decide()
    assert decided.copies == ()
    assert reply(decided).startswith("550-5.6.5 missing-unsubscribe-link: ")
    assert "not mended: no place for it" in reply(decided)


def without_body(*given: Any, **options: Any) -> Any:
    """Composes header fields only."""
    message, fixes = given
    if any(fix.change is Change.BODY for _, fix in fixes):
        return Unmendable("no place for it")
    return compose(message, fixes, **options)


def test_a_footer_that_fails_does_not_cost_the_header_its_fields(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("smtpguard.verdict.deliberate.compose", without_body)
    stream = replace(
        STREAM,
        rules={
            **asked(Action.FIX_OR_REJECT, *BOTH),
            **asked(Action.FIX_OR_WARN, "missing-unsubscribe-link"),
        },
    )
    asking = question(NEWSLETTER, stream)
    decided = deliberate(asking)
    (copy,) = decided.copies
    assert copy.raw.endswith(NEWSLETTER)
    assert b"List-Unsubscribe-Post: " in copy.raw
    assert outcomes(decided)["missing-unsubscribe-link"] is Outcome.WARNED
    assert outcomes(decided)["missing-list-unsubscribe"] is Outcome.FIXED
    check_copies(asking, decided.copies)


def test_of_a_shared_copy_that_fails_only_who_insists_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("smtpguard.verdict.deliberate.compose", without_body)
    strict = replace(STREAM, rules=asked(Action.FIX_OR_REJECT, "missing-postal-address"))
    mild = replace(STREAM, name="mild", rules=asked(Action.FIX_OR_WARN, "missing-postal-address"))
    decided = decide(NEWSLETTER, strict, mild)
    assert [type(ruling.verdict) for ruling in decided.rulings] == [Refuse, Relay]
    (copy,) = decided.copies
    assert (copy.recipients, copy.raw) == ((1,), NEWSLETTER)


@pytest.mark.parametrize("octets", [b"", b"X" * 5000])
def test_an_edit_that_would_be_too_large_waits_and_is_never_refused(octets: bytes) -> None:
    raw = NEWSLETTER + octets + b"\r\n"
    room = len(raw) + ON_TOP
    decided = decide(raw, room=room)
    assert decided.copies == ()
    assert reply(decided).startswith("451-4.3.4 missing-unsubscribe-link: ")
    assert "larger than the upstream takes" in reply(decided)
    assert isinstance(decide(raw, room=room + 1000).rulings[0].verdict, Relay)


def test_an_edit_that_would_be_too_large_is_left_out_where_it_may_be() -> None:
    rules = asked(Action.FIX_OR_WARN, "missing-unsubscribe-link", *BOTH)
    stream = replace(STREAM, rules=rules)
    whole = decide(NEWSLETTER, stream).copies[0].raw
    header = len(whole) - 60 + ON_TOP
    decided = decide(NEWSLETTER, stream, room=header)
    assert decided.copies[0].raw.endswith(NEWSLETTER)
    assert b"List-Unsubscribe: " in decided.copies[0].raw
    decided = decide(NEWSLETTER, stream, room=len(NEWSLETTER) + 10)
    assert decided.copies[0].raw == NEWSLETTER
    assert set(outcomes(decided).values()) == {Outcome.WARNED}


def test_what_was_too_large_before_is_for_the_upstream_to_refuse() -> None:
    decided = decide(room=len(NEWSLETTER) - 1)
    assert b"https://u.acme.fr/u/AQ" in decided.copies[0].raw


def test_without_an_exit_there_is_nothing_to_offer() -> None:
    decided = decide(exits={})
    assert reply(decided).startswith("550-5.6.5")
    assert "no exit address to offer" in reply(decided)


# --- fields that do not travel on ----------------------------------------------------------------

SAID = b"X-SmtpGuard-Stream: news\r\nx-smtpguard-list: 4\r\n"


@pytest.mark.parametrize("stream", [None, STREAM, RESETS, replace(STREAM, mode=Mode.OBSERVE)])
@pytest.mark.parametrize("protocol", ["LMTP", "ESMTP"])
def test_trusted_fields_never_travel_on(stream: Stream | None, protocol: str) -> None:
    head, _, body = NEWSLETTER.partition(b"\r\n\r\n")
    raw = SAID + head + b"\r\nX-SmtpGuard-Source:\r\n salon\r\n\r\n" + body
    asking = question(raw, stream, protocol=protocol)
    (copy,) = deliberate(asking).copies
    assert b"smtpguard-" not in copy.raw.lower()
    assert b"salon" not in copy.raw
    assert copy.raw.startswith(head[:30]) or b"\r\n" + head[:30] in copy.raw
    check_copies(asking, [copy])


OURS = b"DKIM-Signature: v=1; a=rsa-sha256; d=Acme.FR; s=old; h=From; bh=x; b=y\r\n"
THEIRS = OURS.replace(b"Acme.FR", b"partner.example")


def test_our_own_stale_signature_goes_when_the_mail_is_edited() -> None:
    signs = frozenset({"acme.fr"})
    (copy,) = decide(OURS + NEWSLETTER, signs=signs).copies
    assert b"DKIM-Signature" not in copy.raw
    assert b"https://u.acme.fr/u/AQ" in copy.raw
    stream = replace(STREAM, rules={})
    (untouched,) = decide(OURS + NEWSLETTER, stream, signs=signs).copies
    assert untouched.raw == OURS + NEWSLETTER


def test_a_foreign_signature_keeps_the_body_as_it_is() -> None:
    signs = frozenset({"acme.fr"})
    refused = decide(THEIRS + NEWSLETTER, signs=signs)
    assert reply(refused).startswith("550-5.6.2")
    assert "DKIM-signed by partner.example" in reply(refused)
    passing = replace(STREAM, pass_when_protected=True)
    (copy,) = decide(THEIRS + NEWSLETTER, passing, signs=signs).copies
    assert copy.raw == THEIRS + NEWSLETTER


def test_a_foreign_signature_lets_fields_in_that_it_does_not_cover() -> None:
    stream = replace(STREAM, rules=asked(Action.FIX_OR_REJECT, *BOTH))
    (copy,) = decide(THEIRS + OURS + NEWSLETTER, stream, signs=frozenset({"acme.fr"})).copies
    assert THEIRS in copy.raw
    assert b"List-Unsubscribe: " in copy.raw
    assert OURS not in copy.raw
    covered = THEIRS.replace(b"h=From", b"h=From:List-Unsubscribe")
    assert reply(decide(covered + NEWSLETTER, stream)).startswith("550-5.6.2")


THEIR_EXIT = b"List-Unsubscribe: <https://links.esp.fr/u/1>\r\n"


@pytest.mark.parametrize("existing", [Existing.KEEP, Existing.REPLACE])
def test_existing_exits_are_kept_or_replaced(existing: Existing) -> None:
    one_click = THEIR_EXIT + b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    unsubscribe = replace(STREAM.brand.unsubscribe, existing=existing)
    stream = replace(
        STREAM,
        brand=replace(STREAM.brand, unsubscribe=unsubscribe),
        rules=asked(Action.FIX_OR_REJECT, *BOTH),
    )
    (copy,) = decide(one_click + NEWSLETTER, stream).copies
    if existing is Existing.KEEP:
        assert copy.raw == one_click + NEWSLETTER
    else:
        assert b"links.esp.fr" not in copy.raw
        assert copy.raw.count(b"List-Unsubscribe: <https://u.acme.fr/u/AQ>") == 1


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
    verdict, (weighed, *_), failures = at_rcpt(case, reference="1", help_url="")
    assert isinstance(verdict, Refuse)
    assert weighed.finding.rule == "suppressed-recipient"
    assert not failures
    allowed, nothing, _ = at_rcpt(replace(case, person=Person()), reference="1", help_url="")
    assert (allowed, nothing) == (Relay(), ())


def test_the_same_question_elsewhere_has_the_same_answer() -> None:
    asking = question(NEWSLETTER, STREAM, STREAM, None, people=(Person(), LEFT, None))
    there = pickle.loads(pickle.dumps(replace(asking, message=Message(asking.raw))))
    assert deliberate(there) == deliberate(asking)

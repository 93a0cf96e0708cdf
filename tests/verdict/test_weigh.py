"""What a finding leads to: every action, in every circumstance that bends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smtpguard.edit.fix import AddField, Change, OfferExit, Paragraph, Place
from smtpguard.mail.message import Message
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Action, Asked, Kind, Mode, Stream
from smtpguard.rules.rule import Certainty, Finding
from smtpguard.verdict.judge import FAILED
from smtpguard.verdict.weigh import Allowance, Outcome, allowance, weigh

RULE = "missing-unsubscribe-link"
STREAM = Stream(
    "news",
    Controller("acme", "Acme SAS"),
    Brand("acme", ("Acme",), frozenset({"acme.fr"})),
    Kind.MARKETING,
    mode=Mode.ENFORCE,
    edits=Change.BODY,
)
HEADER_FIX = OfferExit()
BODY_FIX = Paragraph(Place.ADDRESS, "12 rue des Lilas", frozenset({""}))
LINK = Paragraph(Place.UNSUBSCRIBE, "Out: {exit}", frozenset({""}), "Out")
FREE = Allowance(Change.BODY)


def asked(action: Action, **changes: object) -> Stream:
    stream = replace(STREAM, rules={RULE: Asked(action, "test")})
    return replace(stream, **changes)  # type: ignore[arg-type]


def outcome(
    action: Action, *fixes: object, may: Allowance = FREE, **changes: object
) -> tuple[Outcome, str]:
    finding = Finding(RULE, fixes=fixes)  # type: ignore[arg-type]
    weighed = weigh(finding, asked(action, **changes), 0, may)
    return weighed.outcome, weighed.blocked


@pytest.mark.parametrize(
    ("action", "unfixed", "fixed"),
    [
        (Action.ALLOW, Outcome.ALLOWED, Outcome.ALLOWED),
        (Action.WARN, Outcome.WARNED, Outcome.WARNED),
        (Action.FIX_OR_WARN, Outcome.WARNED, Outcome.FIXED),
        (Action.FIX_OR_REJECT, Outcome.REFUSED, Outcome.FIXED),
        (Action.REJECT, Outcome.REFUSED, Outcome.REFUSED),
    ],
)
def test_each_action(action: Action, unfixed: Outcome, fixed: Outcome) -> None:
    assert outcome(action)[0] is unfixed
    assert outcome(action, HEADER_FIX)[0] is fixed


@pytest.mark.parametrize(
    ("may", "fix", "why"),
    [
        (Allowance(Change.NONE), HEADER_FIX, "edits: none"),
        (Allowance(Change.HEADERS), BODY_FIX, "edits: headers"),
        (Allowance(Change.BODY, protection="S/MIME signed"), BODY_FIX, "S/MIME signed"),
        (Allowance(Change.BODY, sealed=None, protection="ARC sealed"), HEADER_FIX, "ARC sealed"),
        (
            Allowance(Change.BODY, sealed=frozenset({"list-unsubscribe"})),
            HEADER_FIX,
            "signed by another",
        ),
        (Allowance(Change.BODY, shared=True), LINK, "belongs to one reader"),
        (Allowance(Change.BODY, unmendable="the footer is not visible"), BODY_FIX, "not visible"),
    ],
)
def test_a_fix_that_may_not_be_made_falls_back(may: Allowance, fix: object, why: str) -> None:
    result, blocked = outcome(Action.FIX_OR_REJECT, fix, may=may)
    assert result is Outcome.REFUSED
    assert why in blocked
    assert outcome(Action.FIX_OR_WARN, fix, may=may)[0] is Outcome.WARNED


def test_a_signed_body_still_takes_header_fields() -> None:
    may = Allowance(Change.BODY, protection="S/MIME signed")
    assert outcome(Action.FIX_OR_REJECT, HEADER_FIX, may=may)[0] is Outcome.FIXED


def test_protected_mail_may_be_relayed_where_the_stream_says_so() -> None:
    may = Allowance(Change.BODY, protection="S/MIME signed")
    result, _ = outcome(Action.FIX_OR_REJECT, BODY_FIX, may=may, pass_when_protected=True)
    assert result is Outcome.WARNED


@pytest.mark.parametrize("certainty", [Certainty.HEURISTIC, Certainty.INDETERMINATE])
def test_what_is_not_certain_never_refuses(certainty: Certainty) -> None:
    weighed = weigh(Finding(RULE, certainty=certainty), asked(Action.REJECT), 0, FREE)
    assert weighed.outcome is Outcome.WARNED


def test_observing_is_noted_and_acts_as_a_warning() -> None:
    weighed = weigh(Finding(RULE), asked(Action.REJECT, mode=Mode.OBSERVE), 0, FREE)
    assert (weighed.outcome, weighed.observed, weighed.acted) == (
        Outcome.REFUSED,
        True,
        Outcome.WARNED,
    )


@pytest.mark.parametrize("mode", list(Mode))
def test_suppression_is_enforced_in_every_mode_unless_the_stream_observes_it(mode: Mode) -> None:
    finding = Finding("suppressed-recipient")
    stream = replace(STREAM, mode=mode, rules={})
    assert weigh(finding, stream, 0, FREE).acted is Outcome.REFUSED
    observing = replace(stream, enforce_suppression=False)
    assert weigh(finding, observing, 0, FREE).acted is Outcome.WARNED


def test_a_silent_store_defers_unless_the_stream_passes() -> None:
    finding = Finding("unavailable-suppressions")
    assert weigh(finding, STREAM, 0, FREE).outcome is Outcome.DEFERRED
    passing = replace(STREAM, pass_when_store_silent=True)
    assert weigh(finding, passing, 0, FREE).outcome is Outcome.WARNED


def test_refuse_with_defer_is_about_content_only() -> None:
    stream = asked(Action.REJECT, refuse_with_defer=True)
    assert weigh(Finding(RULE), stream, 0, FREE).outcome is Outcome.DEFERRED
    suppressed = weigh(Finding("suppressed-recipient"), stream, 0, FREE)
    assert suppressed.outcome is Outcome.REFUSED


def test_an_exception_that_has_passed_its_day_holds_no_more() -> None:
    lowered = Asked(Action.ALLOW, "acme.yaml:9", until=100, otherwise=Action.REJECT)
    stream = replace(STREAM, rules={RULE: lowered})
    assert weigh(Finding(RULE), stream, 99, FREE).outcome is Outcome.ALLOWED
    assert weigh(Finding(RULE), stream, 100, FREE).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("kind", "breakages", "expected"),
    [
        (Kind.MARKETING, 0, Outcome.DEFERRED),
        (Kind.MARKETING, 2, Outcome.REFUSED),
        (Kind.TRANSACTIONAL, 0, Outcome.WARNED),
        (Kind.TRANSACTIONAL, 9, Outcome.WARNED),
    ],
)
def test_a_broken_rule(kind: Kind, breakages: int, expected: Outcome) -> None:
    finding = Finding(RULE, FAILED, certainty=Certainty.INDETERMINATE)
    weighed = weigh(finding, asked(Action.REJECT, kind=kind), 0, FREE, breakages=breakages)
    assert weighed.outcome is expected


def signed(domain: str, fields: str) -> Message:
    signature = f"DKIM-Signature: v=1; a=rsa-sha256; d={domain}; h={fields}; b=x\r\n"
    return Message(f"{signature}From: a@acme.fr\r\n\r\nHello.\r\n".encode())


def test_a_signature_we_can_replace_protects_nothing() -> None:
    message = signed("acme.fr", "From:List-Unsubscribe")
    may = allowance(STREAM, message, frozenset({"acme.fr"}), shared=False)
    assert may == Allowance(Change.BODY)


def test_a_foreign_signature_protects_the_body_and_what_it_signs() -> None:
    message = signed("Partner.example", "From : List-Unsubscribe")
    may = allowance(STREAM, message, frozenset({"acme.fr"}), shared=False)
    assert may.protection == "DKIM-signed by Partner.example"
    assert may.obstacle((OfferExit(),)) == ("its header is signed by another domain", True)
    assert may.obstacle((AddField("Date", "now"),)) == ("", False)


def test_transactional_mail_is_never_injected_into() -> None:
    stream = replace(STREAM, kind=Kind.TRANSACTIONAL)
    may = allowance(stream, Message(b"From: a@acme.fr\r\n\r\n"), frozenset(), shared=False)
    assert may.edits is Change.HEADERS

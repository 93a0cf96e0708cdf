"""What cannot or must not be changed falls back, and says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smtpguard.edit.compose import Unmendable, compose
from smtpguard.edit.fix import Change
from smtpguard.policy.controller import Existing
from smtpguard.policy.stream import Action, Mode, Stream
from smtpguard.verdict.decision import Refuse, Relay
from smtpguard.verdict.deliberate import ON_TOP, deliberate
from smtpguard.verdict.weigh import Outcome
from tests.verdict.cases import (
    NEWSLETTER,
    RESETS,
    STREAM,
    UNDECODABLE,
    asked,
    check_copies,
    decide,
    outcomes,
    question,
    reply,
)

# --- fixes that cannot be made -------------------------------------------------------------------

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
    assert "left unmended: no place for it" in reply(decided)


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

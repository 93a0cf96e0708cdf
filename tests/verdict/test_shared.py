"""SMTP's one answer when recipients fare differently."""

from __future__ import annotations

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Recipient
from smtpguard.policy.stream import Action
from smtpguard.reply import Reply
from smtpguard.rules.rule import Finding
from smtpguard.verdict.decision import Defer, Refuse, Relay, Ruling, Verdict
from smtpguard.verdict.shared import one_answer
from smtpguard.verdict.weigh import Outcome, Weighed

READER = Recipient(Address(b"a", b"b.example"))
CONTENT = Reply(550, "6.0", ("missing-unsubscribe-link: ...",))
LEFT = Reply(550, "7.1", ("suppressed-recipient: ...",))
LATER = Reply(451, "3.0", ("unavailable-suppressions: ...",))


def ruling(verdict: Verdict, rule: str = "") -> Ruling:
    weighed = (Weighed(Finding(rule), Action.REJECT, Outcome.REFUSED),) if rule else ()
    return Ruling(READER, None, verdict, weighed)


RELAYED = ruling(Relay())
REFUSED = ruling(Refuse(CONTENT), "missing-unsubscribe-link")
GONE = ruling(Refuse(LEFT), "suppressed-recipient")
DEFERRED = ruling(Defer(LATER))


def answer(*rulings: Ruling, early: bool = True) -> Reply | None:
    return one_answer(rulings, decided_early=early)


def test_all_relayed_is_no_answer_of_ours() -> None:
    assert answer(RELAYED, RELAYED) is None


def test_content_speaks_first() -> None:
    assert answer(GONE, DEFERRED, REFUSED) == CONTENT


def test_then_whatever_defers() -> None:
    assert answer(RELAYED, GONE, DEFERRED) == LATER


def test_everybody_gone_is_their_own_refusal() -> None:
    assert answer(GONE, GONE) == LEFT


def test_somebody_gone_is_tried_again_where_rcpt_will_refuse_them() -> None:
    reply = answer(RELAYED, GONE, RELAYED)
    assert reply is not None
    assert reply.code == 451
    assert reply.text[0].startswith("1 of 3 recipients")


def test_and_refused_where_a_retry_would_only_repeat_it() -> None:
    reply = answer(RELAYED, GONE, early=False)
    assert reply is not None
    assert reply.code == 550
    assert "LMTP" in reply.text[-1]

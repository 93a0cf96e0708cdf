"""The contract: what a rule says of itself, and what a case knows."""

import pytest

from smtpguard.mail.envelope import Envelope, Session
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules import ALL, mail_loop
from smtpguard.rules.rule import Case, Effect, Fact, Finding, Phase, Rule, Scope

STREAM = Stream("news", Controller("acme", "Acme"), Brand("acme", ("Acme",)), Kind.MARKETING)


def test_a_rule_is_named_after_its_file() -> None:
    rule = mail_loop.RULE
    assert rule.id == "mail-loop"
    assert rule.summary == "A message that goes round in circles."
    assert rule.manual == mail_loop.__doc__


def test_a_finding_may_name_what_exactly() -> None:
    assert Finding("mail-loop").name == "mail-loop"
    assert Finding("hidden-unsubscribe-link", "contrast").name == "hidden-unsubscribe-link.contrast"


def test_a_case_knows_who_answers() -> None:
    case = Case(Envelope(Session(), None), STREAM)
    assert case.controller is STREAM.controller
    assert case.brand is STREAM.brand
    with pytest.raises(AssertionError, match="phase DOT"):
        _ = case.mail


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_a_rule_declares_what_fits_together(rule: Rule) -> None:
    about_one = rule.scope is Scope.RECIPIENT
    assert about_one or not rule.facts, "the message has no facts"
    assert about_one or rule.phase is Phase.DOT, "at RCPT there is no message"
    assert Effect.INFORM not in rule.effects or rule.facts >= {Fact.CONTACT, Fact.SOURCE}
    assert rule.code in range(400, 600)
    assert rule.kinds

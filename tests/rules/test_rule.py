"""The contract: what a rule says of itself, and what a case knows."""

from dataclasses import replace

import pytest

from smtpguard.mail.envelope import Envelope, Session
from smtpguard.mail.message import Message
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules import ALL, mail_loop
from smtpguard.rules.rule import Case, Effect, Fact, Finding, Phase, Rule, Said, Scope, once

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


HEAD = b"Content-Type: text/html\r\n"


@pytest.mark.parametrize(
    ("said", "raw", "language"),
    [
        ("it", b"Content-Language: de\r\n\r\n", "it"),
        ("", b"Content-Language: de\r\n" + HEAD + b'\r\n<html lang="nl">', "de"),
        ("", HEAD + b'\r\n<html lang="nl-BE">', "nl"),
        ("", HEAD + b"\r\n<p>Hi", "fr"),
    ],
)
def test_a_case_knows_the_language_of_its_mail(said: str, raw: bytes, language: str) -> None:
    stream = replace(STREAM, brand=replace(STREAM.brand, languages=("fr", "en")))
    case = Case(Envelope(Session(), None), stream, Message(raw), said=Said(language=said))
    assert case.language == language


def test_evidence_is_read_once_for_a_message_and_a_stream() -> None:
    read: list[Case] = []

    @once
    def size(case: Case) -> int:
        read.append(case)
        return len(case.mail.raw)

    case = Case(Envelope(Session(), None), STREAM, Message(b"\r\nHi"))
    same = replace(case, now=7)
    assert size(case) == size(same) == size(case) == 4
    assert len(read) == 1
    assert size(replace(case, message=Message(b""))) == 0
    assert size(replace(case, stream=replace(STREAM, name="other"))) == 4
    assert len(read) == 3
    assert size(Case(Envelope(Session(), None), STREAM, case.message)) == 4
    assert len(read) == 4

"""A refusal of content never reads as the bounce of a dead mailbox, whatever stands in it.

Mailing tools that read bounces write no more to whoever such words seem to be about.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.keys import Keyring, LinkKey
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Action, Kind, Stream
from smtpguard.reply import Reply
from smtpguard.rules import ALL
from smtpguard.rules.rule import Finding, Rule
from smtpguard.verdict.mistakable import mistakable
from smtpguard.verdict.refusal import Help, refuse
from smtpguard.verdict.weigh import Outcome, Weighed, about_person
from tests.rules.test_rules import HERE, Example, case_of

STREAM = Stream(
    "newsletter",
    Controller("acme", "Acme SAS"),
    Brand("acme", ("Acme",)),
    Kind.MARKETING,
    owner="marketing@acme.example",
)
CONTENT = [rule for rule in ALL if not about_person(Finding(rule.id))]
NAMES = [rule.id for rule in CONTENT]
RING = Keyring((), (LinkKey(1, b"l" * 64),))
PAGES = (
    Help(),
    Help("https://help.acme.example"),
    Help(why_url="https://u.acme.example/why", ring=RING, now=1_800_000_000),
)
WORDS = "address user email alias recipient not list full unknown invalid reject no valid sender"
HOSTILE = st.lists(st.sampled_from(WORDS.split()), max_size=5).map(" ".join)


def refused(rule: Rule, stream: Stream, found: str, blocked: str) -> Reply:
    """The reply for a finding of that rule, and of every other."""
    finding = Finding(rule.id, found=found)
    lead = Weighed(finding, Action.REJECT, Outcome.REFUSED, blocked=blocked)
    others = [Weighed(Finding(name), Action.REJECT, Outcome.REFUSED) for name in NAMES]
    return refuse([lead, *others], stream, reference="9SHHFH2GP6MDK", manual=PAGES[0])


@pytest.mark.parametrize(
    "text",
    [
        "the address is unknown here",
        "User Unknown",
        "mailbox\nof jo\nis full",
        "invalid recipient",
        "no such user",
        "Sorry, no mailbox here",
        "your e-mail: recipient not on our list",
        "sender does not exist",
        "over your quota",
        "relay access denied",
        "message rejected",
        "abuse@acme.example",
    ],
)
def test_what_such_programs_go_by(text: str) -> None:
    assert mistakable(text.split("\n"))


@pytest.mark.parametrize("text", ["", "Fill it in and send again.", "found: no postal address"])
def test_what_they_do_not_go_by(text: str) -> None:
    assert not mistakable([text])


@pytest.mark.parametrize("rule", CONTENT, ids=NAMES)
@pytest.mark.parametrize("language", ["en", "fr", "it"])
def test_what_a_rule_says_is_said_whole(rule: Rule, language: str) -> None:
    stream = replace(STREAM, reply_language=language)
    lead = Weighed(Finding(rule.id, found="{{ name }}"), Action.REJECT, Outcome.REFUSED)
    for page in PAGES[:2]:
        reply = refuse([lead], stream, reference="9SHHFH2GP6MDK", manual=page)
        text = " ".join(reply.text)
        for word in (rule.says["en"], rule.says[language], "{{ name }}", stream.id, stream.owner):
            assert word in text
        assert not mistakable(reply.text)


@pytest.mark.parametrize("rule", CONTENT, ids=NAMES)
def test_a_real_fault_is_told_whole_or_without_what_misleads(rule: Rule) -> None:
    found = [
        finding
        for path in sorted((HERE / rule.id / "invalid").glob("*.eml"))
        if not path.name.endswith(".fixed.eml")
        for finding in rule.check(case_of(Example(path)))
    ]
    assert found
    for finding in found:
        for language in ("en", "fr", "it"):
            stream = replace(STREAM, reply_language=language)
            lead = Weighed(finding, Action.REJECT, Outcome.REFUSED)
            reply = refuse([lead], stream, reference="1", manual=PAGES[2])
            assert not mistakable(reply.text), reply.text
            if not mistakable([finding.name, finding.found, finding.where]):
                assert finding.found in " ".join(reply.text)


@pytest.mark.parametrize("rule", CONTENT, ids=NAMES)
@given(found=HOSTILE, blocked=HOSTILE, owner=HOSTILE, stream=HOSTILE)
def test_whatever_is_found_it_reads_as_no_dead_mailbox(
    rule: Rule, found: str, blocked: str, owner: str, stream: str
) -> None:
    named = replace(STREAM, name=stream.replace(" ", "-") or "x", owner=owner)
    reply = refused(rule, named, found, blocked)
    assert not mistakable(reply.text)
    assert reply.text[0].startswith(f"{rule.id}: ")
    assert "id=9SHHFH2GP6MDK" in " ".join(reply.text)
    assert reply.text[-1].startswith("more: ")


def test_only_what_misleads_is_left_out() -> None:
    rule = next(rule for rule in CONTENT if rule.id == "unrendered-placeholder")
    lead = Weighed(Finding(rule.id, found="{{ user.full_name }}"), Action.REJECT, Outcome.REFUSED)
    reply = refuse([lead], STREAM, reference="1", manual=Help())
    assert reply.text == (
        f"{rule.id}: {rule.says['en']}",
        "[id=1 stream=acme/newsletter owner=marketing@acme.example]",
        f"more: smtpguard explain {rule.id}",
    )


def test_what_is_about_the_reader_is_said_as_it_is() -> None:
    rule = next(rule for rule in ALL if rule.id == "suppressed-recipient")
    lead = Weighed(Finding(rule.id), Action.REJECT, Outcome.REFUSED)
    reply = refuse([lead], STREAM, reference="1", manual=Help())
    assert mistakable(reply.text)
    assert (reply.code, reply.enhanced) == (550, "5.7.1")


@pytest.mark.parametrize("rule", CONTENT, ids=NAMES)
def test_what_is_put_off_has_a_transient_status(rule: Rule) -> None:
    """Programs that go by the status code take it for a passing fault, even after days."""
    lead = Weighed(Finding(rule.id), Action.REJECT, Outcome.DEFERRED)
    reply = refuse([lead], STREAM, reference="1", manual=Help())
    assert reply.code // 100 == 4
    assert reply.enhanced.startswith("4.")
    assert not mistakable(reply.text)

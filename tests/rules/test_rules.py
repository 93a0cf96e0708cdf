"""Every rule against its messages: ``<rule-id>/{valid,invalid}/<case>.eml``.

A valid message gives no finding of the rule, an invalid one gives at least one. Beside a message
may stand

- ``<case>.yaml``: what differs from the policy and the envelope below, and under ``expect`` what
  the first finding says;
- ``<case>.fixed.eml``: the mended message, octet for octet, wherever the rule has a fix;
- ``<case>.reply``: the bounce, were the rule to refuse.

``pytest tests/rules --accept`` writes the latter two anew. Nothing is ever fetched, so that the
messages name hosts that look public: those under ``.example`` and ``.test`` are dead by rule.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from smtpguard.edit.compose import Mended, compose
from smtpguard.edit.edit import apply, invert
from smtpguard.edit.fix import Change, Fix
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.person import FirstContact, Person, Reason, Source, Suppression
from smtpguard.person import Scope as Reach
from smtpguard.policy.controller import Brand, Controller, Existing, Feedback, Unsubscribe
from smtpguard.policy.stream import Action, Kind, Mode, Stream
from smtpguard.rules import ALL, BY_ID
from smtpguard.rules.rule import Case, Certainty, Finding, Rule, Said, Scope
from smtpguard.unsubscribe.link import Exit
from smtpguard.verdict.refusal import Help, refuse
from smtpguard.verdict.weigh import Outcome, Weighed

HERE = Path(__file__).parent

ACME = Controller(
    name="acme",
    legal_name="Acme Matériaux SAS",
    address="12 rue des Lilas, 69003 Lyon",
    identifiers={"siren": "732829320"},
    privacy_url="https://www.acme-news.fr/donnees",
    rights_contact="dpo@acme-news.fr",
    country="FR",
)
BRAND = Brand(
    name="acme",
    names=("Acme Matériaux", "Anna Rossi"),
    from_domains=frozenset({"acme-news.fr"}),
    unsubscribe=Unsubscribe(url="https://u.acme-news.fr", mailto="unsubscribe@acme-news.fr"),
    languages=("fr", "it", "en"),
)
STREAM = Stream(
    name="newsletter",
    controller=ACME,
    brand=BRAND,
    kind=Kind.MARKETING,
    owner="marketing@acme-news.fr",
    mode=Mode.ENFORCE,
    edits=Change.BODY,
    purpose="product news for architects",
    reply_language="fr",
)
READER = Recipient(Address(b"zoe.lambert", b"mail-depot.net"))
EXIT = Exit(
    "https://u.acme-news.fr/u/dGhlLXJlYWRlcg",
    "mailto:unsubscribe@acme-news.fr?subject=unsubscribe%20dGhlLXJlYWRlcg",
)
NOW = 1_795_435_200


@dataclass(frozen=True)
class Example:
    """One message with what is known beside it."""

    path: Path

    @property
    def rule(self) -> Rule:
        return BY_ID[self.path.parent.parent.name]

    @property
    def valid(self) -> bool:
        return self.path.parent.name == "valid"

    def beside(self, suffix: str) -> Path:
        return self.path.with_suffix(suffix)

    def __str__(self) -> str:
        return f"{self.rule.id}/{self.path.parent.name}/{self.path.stem}"


@cache
def sidecar(path: Path) -> Mapping[str, Any]:
    """What stands beside a message, or nothing."""
    return YAML(typ="safe").load(path.read_text()) or {} if path.exists() else {}


def case_of(example: Example) -> Case:
    """The case that a message and its sidecar make."""
    told = sidecar(example.beside(".yaml"))
    stream = stream_of(told)
    raw = example.path.read_bytes()
    accepted = tuple(
        Recipient(Address(*a.encode().split(b"@"))) for a in told.get("recipients", ())
    )
    session = Session(protocol=told.get("protocol", "ESMTP"))
    about_one = example.rule.scope is Scope.RECIPIENT
    said = told.get("said")
    return Case(
        envelope=Envelope(session, Address(b"bounces", b"acme-news.fr"), recipients=accepted),
        stream=stream,
        message=None if told.get("at") == "rcpt" else Message(raw),
        recipient=READER if about_one else None,
        person=person_of(told.get("person", {}), stream) if about_one else None,
        said=Said(
            source=Source(**said["source"]) if said else None,
            language=told.get("language", "fr"),
        ),
        signs=frozenset(told.get("signs", ())),
        now=NOW,
        host=told.get("host", ""),
    )


def stream_of(told: Mapping[str, Any]) -> Stream:
    """The stream above, with what a sidecar says otherwise."""
    exits = dict(told.get("unsubscribe", {}))
    if "hosts" in exits:
        exits["hosts"] = frozenset(exits["hosts"])
    if "existing" in exits:
        exits["existing"] = Existing(exits["existing"])
    brand = dict(told.get("brand", {}))
    for name, kind in (("names", tuple), ("from_domains", frozenset)):
        if name in brand:
            brand[name] = kind(brand[name])
    changed = dict(told.get("stream", {}))
    if "kind" in changed:
        changed["kind"] = Kind(changed["kind"])
    if "tracking_hosts" in changed:
        changed["tracking_hosts"] = frozenset(changed["tracking_hosts"])
    controller = dict(told.get("controller", {}))
    if "feedback" in controller:
        controller["feedback"] = Feedback(complaints=tuple(controller["feedback"]["complaints"]))
    return replace(
        STREAM,
        controller=replace(ACME, **controller),
        brand=replace(BRAND, unsubscribe=replace(BRAND.unsubscribe, **exits), **brand),
        **changed,
    )


def person_of(told: Mapping[str, Any] | None, stream: Stream) -> Person | None:
    """The facts about the reader; ``null`` in the sidecar is a store that does not answer."""
    if told is None:
        return None
    contact = told.get("contact")
    source = told.get("source")
    return Person(
        suppressions=tuple(
            Suppression(
                Reason(each["reason"]),
                Reach(each.get("brand", ""), each.get("stream", "")),
                domain=each.get("domain", False),
            )
            for each in told.get("suppressions", ())
        ),
        contact=FirstContact(
            contact.get("informed", True),
            NOW - 86400,
            stream.notice(contact["notice_of"]) if "notice_of" in contact else "",
        )
        if contact is not None
        else None,
        source=Source(**source) if source else None,
        known_since=told.get("known_since"),
    )


def examples() -> Iterator[Example]:
    for path in sorted(HERE.glob("*/*valid/*.eml")):
        if not path.name.endswith(".fixed.eml"):
            yield Example(path)


EXAMPLES = tuple(examples())
VALID = [e for e in EXAMPLES if e.valid]
INVALID = [e for e in EXAMPLES if not e.valid]


def findings(case: Case, rule: Rule) -> list[Finding]:
    assert case.stream.kind in rule.kinds
    return list(rule.check(case))


@pytest.mark.parametrize("example", VALID, ids=str)
def test_nothing_is_found(example: Example) -> None:
    assert findings(case_of(example), example.rule) == []


@pytest.mark.parametrize("example", INVALID, ids=str)
def test_the_fault_is_found(example: Example) -> None:
    found = findings(case_of(example), example.rule)
    assert found
    for finding in found:
        assert finding.rule == example.rule.id
        assert len(finding.found) <= 120
        assert "zoe" not in finding.found
        assert finding.reply is None or finding.reply[0] in range(400, 600)
        assert max((fix.change for fix in finding.fixes), default=0) <= example.rule.change
    expect = dict(sidecar(example.beside(".yaml")).get("expect", {}))
    assert found[0].certainty is Certainty[expect.pop("certainty", "certain").upper()]
    if (fixed := expect.pop("fixed", None)) is not None:
        assert bool(fixes_of(found)) is fixed
    assert {key: said(found[0], key) for key in expect} == expect


def said(finding: Finding, key: str) -> object:
    value = getattr(finding, key)
    return list(value) if isinstance(value, tuple) else value


def fixes_of(found: list[Finding]) -> list[tuple[str, Fix]]:
    return [(finding.rule, fix) for finding in found for fix in finding.fixes]


def mend(case: Case, found: list[Finding]) -> Mended:
    mended = compose(case.mail, fixes_of(found), exit=EXIT, language=case.language, eight_bit=False)
    assert isinstance(mended, Mended), mended
    return mended


FIXABLE = [e for e in INVALID if e.beside(".fixed.eml").exists()]


@pytest.mark.parametrize("example", INVALID, ids=str)
def test_the_fix_is_the_one_written_down(example: Example, accept: bool) -> None:
    case = case_of(example)
    found = findings(case, example.rule)
    mended = mend(case, found).raw if fixes_of(found) else None
    fixed = example.beside(".fixed.eml")
    if accept and mended is not None:
        fixed.write_bytes(mended)
    assert mended == (fixed.read_bytes() if fixed.exists() else None)


@pytest.mark.parametrize("example", FIXABLE, ids=str)
def test_a_fix_heals(example: Example) -> None:
    case = case_of(example)
    healed = replace(case, message=Message(mend(case, findings(case, example.rule)).raw))
    assert findings(healed, example.rule) == []


@pytest.mark.parametrize("example", FIXABLE, ids=str)
def test_twice_is_once(example: Example) -> None:
    case = case_of(example)
    fixes = fixes_of(findings(case, example.rule))
    once = mend(case, findings(case, example.rule)).raw
    paragraphs = [(rule, fix) for rule, fix in fixes if fix.change is Change.BODY]
    again = compose(Message(once), paragraphs, exit=EXIT, language=case.language, eight_bit=False)
    assert isinstance(again, Mended)
    assert again.raw == once


@pytest.mark.parametrize("example", FIXABLE, ids=str)
def test_inverted_edits_give_the_original_back(example: Example) -> None:
    case = case_of(example)
    mended = mend(case, findings(case, example.rule))
    raw = case.mail.raw
    assert apply(raw, mended.edits) == mended.raw
    assert apply(mended.raw, invert(raw, mended.edits)) == raw


@pytest.mark.parametrize("example", FIXABLE, ids=str)
def test_the_fixes_of_all_rules_heal_together(example: Example) -> None:
    case = case_of(example)
    found = together(case)
    healed = replace(case, message=Message(mend(case, found).raw))
    assert fixes_of(together(healed)) == []


def together(case: Case) -> list[Finding]:
    """What all rules for mail of that class find, the reader being new and from a fair."""
    fair = Person(source=Source("fair", "Salon Bati 2026"))
    about_one = replace(case, recipient=READER, person=case.person or fair)
    return [
        finding
        for rule in ALL
        if case.stream.kind in rule.kinds
        for finding in rule.check(about_one if rule.scope is Scope.RECIPIENT else case)
        if finding.certainty is Certainty.CERTAIN
    ]


@pytest.mark.parametrize("example", [e for e in INVALID if e.beside(".reply").exists()], ids=str)
def test_the_bounce_is_the_one_written_down(example: Example, accept: bool) -> None:
    case = case_of(example)
    weighed = [
        Weighed(finding, Action.REJECT, Outcome.REFUSED) for finding in findings(case, example.rule)
    ]
    reply = bytes(refuse(weighed, case.stream, reference="4hX2", manual=Help()))
    if accept:
        example.beside(".reply").write_bytes(reply)
    assert reply == example.beside(".reply").read_bytes()


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_every_bounce_is_written_down(rule: Rule) -> None:
    assert any(e.beside(".reply").exists() for e in INVALID if e.rule is rule)


def test_messages_have_the_line_ends_of_the_wire() -> None:
    for path in HERE.glob("*/*valid/*.eml"):
        bare = "malformed-headers" in path.parts and "bare" in path.stem
        assert (path.read_bytes().replace(b"\r\n", b"").count(b"\n") > 0) is bare, path


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    """The run was told to write down what it finds."""
    return bool(request.config.getoption("--accept"))

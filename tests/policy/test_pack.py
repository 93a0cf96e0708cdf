import re
from collections.abc import Callable

import pytest

from smtpguard.policy.catalogue import CATALOGUE
from smtpguard.policy.pack import SHIPPED, Pack, lawful, names, parse, strictest
from smtpguard.policy.stream import NOTHING_ASKED, Action, Asked

IDS = {
    "fr-b2b", "fr-b2c", "it", "de", "uk", "us-can-spam", "ca-casl", "au-spam",
    "mailbox-providers", "m3aawg",
}  # fmt: skip


def shipped(name: str) -> Pack:
    pack, problems = parse(f"{name}.yaml", SHIPPED[f"{name}.yaml"], ())
    assert problems == []
    assert pack
    return pack


def test_all_packs_are_there() -> None:
    assert set(names(SHIPPED)) == IDS


@pytest.mark.parametrize("name", sorted(IDS))
def test_a_shipped_pack_is_whole_and_a_draft(name: str) -> None:
    pack = shipped(name)
    text = SHIPPED[f"{name}.yaml"].decode()
    assert pack.draft
    assert pack.version
    assert all(rule in text for rule in CATALOGUE - {"overlong-line"}), "each rule has its line"
    assert all(asked.said_by == f"pack {name}" for asked in pack.rules.values())


@pytest.mark.parametrize("name", ["mailbox-providers", "m3aawg"])
def test_what_providers_ask_is_no_law(name: str) -> None:
    assert not any(asked.law for asked in shipped(name).rules.values())


def test_severities_of_known_cells() -> None:
    b2b, b2c, us = shipped("fr-b2b").rules, shipped("fr-b2c").rules, shipped("us-can-spam").rules
    assert b2b["missing-unsubscribe-link"] == Asked(Action.FIX_OR_REJECT, "pack fr-b2b", law=True)
    assert b2b["missing-consent"].action is Action.WARN
    assert b2c["missing-consent"] == Asked(Action.REJECT, "pack fr-b2c", law=True)
    assert b2b["missing-list-unsubscribe"] == Asked(Action.FIX_OR_WARN, "pack fr-b2b")
    assert us["missing-postal-address"] == Asked(Action.FIX_OR_REJECT, "pack us-can-spam", law=True)
    assert us["missing-rights-notice"].action is Action.ALLOW
    assert "mail-loop" not in b2b, "what always acts needs no asking"


def pack(name: str, **rules: tuple[Action, bool]) -> Pack:
    asked = {rule: Asked(action, f"pack {name}", law=law) for rule, (action, law) in rules.items()}
    return Pack(name, "1", draft=False, rules=asked)


MILD = pack("mild", a=(Action.WARN, True), b=(Action.REJECT, True))
STRICT = pack("strict", a=(Action.REJECT, False), b=(Action.REJECT, False))


def test_the_strictest_pack_wins_in_whatever_order() -> None:
    for packs in ([MILD, STRICT], [STRICT, MILD]):
        assert strictest(packs, "a") == STRICT.rules["a"]
        assert strictest(packs, "b") == MILD.rules["b"], "of two equal words the law is named"
        assert strictest(packs, "c") is NOTHING_ASKED


def test_law_is_the_strictest_word_that_is_law() -> None:
    assert lawful([STRICT, MILD], "a") == MILD.rules["a"]
    assert lawful([STRICT], "a") is NOTHING_ASKED


HEAD = """
id: own
version: "1"
as_of: 2026-11-01
status: draft
title: Our own
sources: [ourselves]
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda t: t + "rules: {missing-sender-idntity: {action: warn}}",
            "mean `missing-s",
        ),
        (lambda t: t + "rules: {mail-loop: {action: wrn}}", "did you mean `warn`?"),
        (lambda t: t.replace("draft", "reviewed") + "rules: {}", "reviewed_by names nobody"),
        (lambda t: t.replace("own\n", "other\n") + "rules: {}", "stands in another's file"),
        (lambda t: t.replace("2026-11-01", "soon") + "rules: {}", "as_of"),
        (lambda t: t, "rules: missing"),
        (lambda t: "[", "own.yaml:1:2: "),
    ],
)
def test_a_wrong_pack_is_told_where(change: Callable[[str], str], said: str) -> None:
    found, problems = parse("packs/own.yaml", change(HEAD).encode(), ())
    assert found is None
    assert len(problems) == 1
    assert said in str(problems[0])
    assert re.match(r"packs/own\.yaml:\d+:\d+: ", str(problems[0]))


def test_a_pack_of_ones_own_may_name_any_built_rule() -> None:
    octets = (HEAD + "rules: {our-rule: {action: reject, force: law}}").encode()
    found, problems = parse("own.yaml", octets, {"our-rule"})
    assert problems == []
    assert found
    assert found.rules["our-rule"] == Asked(Action.REJECT, "pack own", law=True)

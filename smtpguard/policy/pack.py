"""Packs of rules: one regime each, a severity a rule; several merge by the strictest.

Packs are data. Those that come with the product are ``SHIPPED``; an operator's own of the same
name hide them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath

from smtpguard.policy.catalogue import CATALOGUE
from smtpguard.policy.model import validate
from smtpguard.policy.shape import PackShape
from smtpguard.policy.source import Problem, read
from smtpguard.policy.stream import NOTHING_ASKED, Action, Asked

_ACTIONS = {
    "off": Action.ALLOW,
    "alarm": Action.WARN,
    "defer": Action.REJECT,  # the rule's own reply is 4xx
    "fix": Action.FIX_OR_REJECT,
}


def action(word: str) -> Action:
    """The action that a policy's or a pack's word means."""
    return _ACTIONS[word] if word in _ACTIONS else Action[word.upper().replace("-", "_")]


@dataclass(frozen=True, slots=True)
class Pack:
    """What one regime asks."""

    id: str
    version: str
    draft: bool
    rules: Mapping[str, Asked]


def _shipped() -> dict[str, bytes]:
    package = files("smtpguard")
    for home in (package / "policy" / "packs", package / ".." / "policies" / "packs"):
        if home.is_dir():
            found = (item for item in home.iterdir() if item.name.endswith(".yaml"))
            return {item.name: item.read_bytes() for item in found}
    return {}


SHIPPED: Mapping[str, bytes] = _shipped()
"""Packs of the product by file name, ``fr-b2b.yaml`` ..."""


def names(packs: Mapping[str, bytes]) -> dict[str, str]:
    """File names by pack id: a pack stands in the file of its name."""
    return {PurePath(name).stem: name for name in packs}


def parse(name: str, octets: bytes, rules: Collection[str]) -> tuple[Pack | None, list[Problem]]:
    """One pack, or all that is wrong with its file. ``rules`` are the ids that are built."""
    source = read(name, octets)
    if source.value is None and source.problems:
        return None, source.problems
    shape, faults = validate(PackShape, source, source.value, {"rule": CATALOGUE | set(rules)})
    problems = [*source.problems, *(problem for _, problem in faults)]
    if shape and shape.id != PurePath(name).stem:
        problems.append(source.problem(("id",), f"id: `{shape.id}` stands in another's file"))
    if shape is None or problems:
        return None, problems
    said_by = f"pack {shape.id}"
    asked = {
        rule: Asked(action(said.action), said_by, law=said.force == "law")
        for rule, said in shape.rules.items()
        if said.action != "invariant"
    }
    return Pack(shape.id, shape.version, shape.status == "draft", asked), []


def strictest(packs: Sequence[Pack], rule: str) -> Asked:
    """What several packs ask of one rule together: the strictest word."""
    words = [pack.rules[rule] for pack in packs if rule in pack.rules]
    return max(words, key=lambda asked: (asked.action, asked.law), default=NOTHING_ASKED)


def lawful(packs: Sequence[Pack], rule: str) -> Asked:
    """The strictest word that one of them marks as law: below it nobody goes without a reason."""
    words = [pack.rules[rule] for pack in packs if rule in pack.rules and pack.rules[rule].law]
    return max(words, key=lambda asked: asked.action, default=NOTHING_ASKED)

"""Style sheets: which rules of <style> can hide text, and by which selectors.

Simple selectors only: compounds of tag, class, id and attribute, joined by a space or ``>``.
Media queries with features (width, dark mode) do not say how most people see a mail: left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import tinycss2

from smtpguard.mail.declaration import (
    RELEVANT,
    Declaration,
    StyleRule,
    declarations,
    written,
)

MAX_SHEET = 256 * 1024
"""Characters; more than that is left unread."""
MAX_RULES = 500
MAX_MATCHES = 200_000
"""Of elements by rules, on one page."""
_COMPOUND = (
    r"(?:\*|[\w-]+)?(?:[.#][\w-]+|\[[\w-]+(?:[~|^$*]?=(?:\"[^\"\]]*\"|'[^'\]]*'|[\w-]+))?\])*"
)
_SIMPLE = re.compile(rf"{_COMPOUND}(?:(?: +| *> *){_COMPOUND}){{0,4}}")
_EVERY_SCREEN = frozenset(("", "all", "screen", "only screen", "all,screen", "screen,all"))

_SIZES = frozenset(("width", "height", "max-width", "max-height"))
_ROOM = re.compile(r"auto|none|100%|[1-9]\d{1,3}px")
"""Sizes of a box in which there is room."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rules that matter here, in the order in which they apply."""

    rules: tuple[StyleRule, ...] = ()
    complete: bool = True


def sheet(text: str) -> Sheet:
    """The rules of the <style> elements of one page."""
    if not RELEVANT.search(text):
        return Sheet()
    return _read(text) if len(text) <= 32 * 1024 else _read.__wrapped__(text[:MAX_SHEET])


@lru_cache(128)
def _read(text: str) -> Sheet:
    # A comment mark around the whole sheet is left over from browsers without style.
    nodes = tinycss2.parse_stylesheet(
        text.replace("<!--", "").replace("-->", ""), skip_comments=True, skip_whitespace=True
    )
    found = list(_rules(nodes))
    rules = sorted(_telling(found[:MAX_RULES]), key=lambda rule: rule.weight)
    return Sheet(tuple(rules), len(found) <= MAX_RULES and len(text) < MAX_SHEET)


def _telling(rules: list[StyleRule]) -> Iterator[StyleRule]:
    """The rules without what hides nothing, and overrules nothing that does."""
    every = [declaration for rule in rules for declaration in rule.declared]
    telling = {each.name for each in every if each.important or not _is_harmless(each)}
    for rule in rules:
        declared = tuple([each for each in rule.declared if each.name in telling])
        if declared:
            yield replace(rule, declared=declared)


def _is_harmless(declaration: Declaration) -> bool:
    if declaration.name == "display":
        return declaration.value != "none"
    return declaration.name in _SIZES and _ROOM.fullmatch(declaration.value) is not None


def _rules(nodes: Iterable[tinycss2.ast.Node]) -> Iterator[StyleRule]:
    for node in nodes:
        if node.type == "at-rule" and node.lower_at_keyword == "media" and node.content:
            media = written(node.prelude).lower().replace(", ", ",")
            if media in _EVERY_SCREEN:
                inner = tinycss2.parse_rule_list(
                    node.content, skip_comments=True, skip_whitespace=True
                )
                yield from _rules(rule for rule in inner if rule.type == "qualified-rule")
        elif node.type == "qualified-rule":
            declared = declarations(
                tinycss2.parse_blocks_contents(node.content, skip_comments=True)
            )
            if declared:
                for selector in written(node.prelude).split(","):
                    simple = " ".join(selector.replace(":link", "").split())
                    if simple and len(simple) <= 300 and _SIMPLE.fullmatch(simple):
                        yield StyleRule(simple, _weight(simple), declared)


def _weight(selector: str) -> tuple[int, int, int]:
    bare = re.sub(r"\[[^]]*\]", ".a", selector)
    tags = len(re.findall(r"(?:^|[ >])[a-zA-Z]", bare))
    return bare.count("#"), bare.count("."), tags

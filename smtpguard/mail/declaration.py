"""Declarations of CSS: those that can hide text, out of attributes, style attributes and sheets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import tinycss2

from smtpguard.mail import elements
from smtpguard.mail.elements import Attributes

_NAMES = (
    "display visibility opacity font font-size color -webkit-text-fill-color background"
    " background-color background-image width height max-width max-height overflow overflow-x"
    " overflow-y text-indent position left right top bottom margin-left margin-top clip clip-path"
    " mso-hide"
)
PROPERTIES: Final = frozenset(_NAMES.split())

RELEVANT: Final = re.compile(
    r"display|visibility|opacity|font|color|background|width|height|overflow|text-indent"
    r"|position|margin-|clip|mso-hide|\\",
    re.IGNORECASE,
)
"""A sheet or an inline style without a match says nothing that matters here."""

LONG: Final = 1_000
"""Characters of a style attribute that is not remembered."""


class Declaration(NamedTuple):
    """One property with its value, lower case, comments and ``!important`` taken out."""

    name: str
    value: str
    important: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class StyleRule:
    """One rule of a style sheet: a selector and what it declares."""

    selector: str
    weight: tuple[int, int, int]
    """Ids, classes and attributes, tags (Selectors §17)."""
    declared: tuple[Declaration, ...]


_PLAIN = re.compile(r"""[^\\"'(){}/;]*(?:;[^\\"'(){}/;]*)*""")


def inline(style: str) -> tuple[Declaration, ...]:
    """The declarations of a style attribute that matter here."""
    return _inline(style) if len(style) <= LONG else _inline.__wrapped__(style)


@lru_cache(8192)
def _inline(style: str) -> tuple[Declaration, ...]:
    if not RELEVANT.search(style):
        return ()
    if _PLAIN.fullmatch(style):
        return tuple(_split(style))
    return declarations(tinycss2.parse_blocks_contents(style, skip_comments=True))


def _split(style: str) -> Iterable[Declaration]:
    """A style without quotes, brackets, comments and escapes needs no tokenizer."""
    for declaration in style.lower().split(";"):
        name, colon, value = declaration.partition(":")
        name = name.strip()
        if colon and name in PROPERTIES:
            value, _, important = value.partition("!")
            yield Declaration(name, value.strip(), important.strip() == "important")


def declarations(nodes: Iterable[tinycss2.ast.Node]) -> tuple[Declaration, ...]:
    """The declarations among parsed nodes that matter here."""
    return tuple(
        Declaration(node.lower_name, written(node.value).lower(), node.important)
        for node in nodes
        if node.type == "declaration" and node.lower_name in PROPERTIES
    )


def written(tokens: Sequence[tinycss2.ast.Node]) -> str:
    """Tokens as text; empty for brackets nested beyond any sense."""
    level = tokens
    for _ in range(4):
        level = [
            token
            for outer in level
            for token in getattr(outer, "arguments", None) or getattr(outer, "content", None) or ()
        ]
        if not level:
            return str(tinycss2.serialize(tokens)).strip()
    return ""


def cascade(*origins: Iterable[Declaration]) -> dict[str, str]:
    """One value for each property; later origins win, ``!important`` above all (CSS Cascade §6)."""
    normal: dict[str, str] = {}
    important: dict[str, str] = {}
    for origin in origins:
        for name, value, urgent in origin:
            (important if urgent else normal)[name] = value
    return normal | important


_FONT_SIZES = {"1": "10px", "2": "13px", "3": "16px", "4": "18px", "5": "24px", "6": "32px"}
_BLUE = "#0000ee"
"""Of a link that nobody gave a colour (HTML §15.3.4)."""
HINTING: Final = frozenset(("bgcolor", "background", "color", "size", "text"))
"""The attributes that hint."""

Hints = tuple[Declaration, ...]


def hints(kind: int, attributes: Attributes) -> Hints:
    """What an element looks like before any CSS (HTML §15.3.3, presentational hints)."""
    said = []
    if ground := attributes.get("bgcolor"):
        said.append(_ground(ground[:64]))
    if attributes.get("background"):
        said.append(_PICTURE)
    if kind & elements.FONT:
        said.append(Declaration("color", (attributes.get("color") or "")[:64]))
        said.append(Declaration("font-size", _FONT_SIZES.get(attributes.get("size") or "", "")))
    elif kind & elements.BODY:
        said.append(Declaration("color", (attributes.get("text") or "")[:64]))
    elif kind & elements.RESTYLED:
        said.append(Declaration("font-size", "smaller" if kind & elements.SMALL else "larger"))
    return tuple(said)


def link_hints(colour: str) -> Hints:
    """What links look like on a page whose <body> gives them that colour."""
    return (Declaration("color", (colour or _BLUE)[:64]),)


_PICTURE = Declaration("background-image", "url()")


@lru_cache(256)
def _ground(colour: str) -> Declaration:
    return Declaration("background-color", colour)

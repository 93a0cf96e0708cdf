"""The selectors of a page's style sheets, matched without an engine.

All of them at once: each compound of each selector is a bit, and what is known of the elements
around one is which bits they have got to. So an element costs the same at any depth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from smtpguard.mail.declaration import StyleRule
from smtpguard.mail.sheet import sheet
from smtpguard.mail.written import Untidy

_TOKEN = re.compile(r"([.#]?)([\w-]+)|\[([\w-]+)\]|\*|( *> *| +)")
_PLAIN = re.compile(r"[!-~ \t\n\f]*")
_ELEMENTS = 1024
"""Of one page, of which it is remembered what fits them."""


class Element(NamedTuple):
    """What a selector can ask of an element."""

    name: str
    ids: frozenset[str]
    classes: frozenset[str]
    attributes: frozenset[str]
    """Their names."""


class Compound(NamedTuple):
    """What one element must be."""

    name: str = ""
    ids: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    child: bool = False
    """It must stand right in the one before it."""

    def fits(self, element: Element) -> bool:
        """Whether the element is so."""
        return (
            self.name in ("", element.name)
            and self.classes <= element.classes
            and self.ids <= element.ids
            and self.attributes <= element.attributes
        )


class Trail(NamedTuple):
    """Which compounds are matched, with all before them in their selectors."""

    here: int = 0
    """By this element."""
    above: int = 0
    """By it or one around it."""


NO_TRAIL: Final = Trail()


class Sheets:
    """The style sheets of one page; ``Untidy`` where that takes an engine."""

    def __init__(self, texts: tuple[str, ...], *, quirks: bool | None) -> None:
        self.texts = texts
        """Of its <style> elements, in order."""
        self.quirks = quirks
        """Ids and classes are alike in any case (Selectors §6.6); ``None``: nothing is said."""
        found = sheet("\n".join(texts))
        self.complete = found.complete
        self._compounds: list[Compound] = []
        self._rules: list[tuple[int, StyleRule]] = []
        """Each under the bit of its last compound."""
        self._first = self._child = 0
        for rule in found.rules:
            self._first |= 1 << len(self._compounds)
            self._compounds += parse(rule.selector if quirks is False else rule.selector.lower())
            self._rules.append((1 << len(self._compounds) - 1, rule))
        for number, compound in enumerate(self._compounds):
            self._child |= compound.child << number
        self._fitting: dict[Element, int] = {}

    def element(self, name: str, attributes: Mapping[str, str]) -> Element | None:
        """What a selector can ask of that element; ``None`` where there are no rules."""
        if not self._rules:
            return None
        classes, given = attributes.get("class", ""), attributes.get("id", "")
        if not (_PLAIN.fullmatch(classes) and _PLAIN.fullmatch(given)):
            raise Untidy
        if self.quirks is not False:
            classes, given = classes.lower(), given.lower()
        return Element(name, frozenset((given,)), frozenset(classes.split()), frozenset(attributes))

    def trail(self, element: Element | None, outer: Trail) -> Trail:
        """What an element matches that stands right in another."""
        if element is None:
            return outer
        begun = self._first | outer.here << 1 & self._child
        begun |= outer.above << 1 & ~(self._child | self._first)
        here = begun & self._fits(element)
        return Trail(here, outer.above | here)

    def matched(self, trail: Trail) -> tuple[StyleRule, ...]:
        """The rules for an element with that trail, weakest first."""
        return tuple([rule for last, rule in self._rules if trail.here & last])

    def _fits(self, element: Element) -> int:
        known = self._fitting.get(element)
        if known is None:
            known = sum(
                compound.fits(element) << number for number, compound in enumerate(self._compounds)
            )
            if len(self._fitting) < _ELEMENTS:
                self._fitting[element] = known
        return known


def parse(selector: str) -> list[Compound]:
    """The compounds of a simple selector (see ``sheet``), from the outside in.

    ``Untidy`` where it asks for the value of an attribute.
    """
    compounds = [Compound()]
    at = 0
    for found in _TOKEN.finditer(selector):
        if found.start() != at:
            raise Untidy
        at = found.end()
        mark, name, attribute, descent = found.groups()
        last = compounds[-1]
        if descent:
            compounds.append(Compound(child=">" in descent))
        elif attribute:
            compounds[-1] = last._replace(attributes=last.attributes | {attribute.lower()})
        elif mark == ".":
            compounds[-1] = last._replace(classes=last.classes | {name})
        elif mark == "#":
            compounds[-1] = last._replace(ids=last.ids | {name})
        elif name:
            compounds[-1] = last._replace(name=name.lower())
    if at != len(selector):
        raise Untidy
    return compounds

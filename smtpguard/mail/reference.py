"""The same reading by another engine: beautifulsoup4 on lxml.

Slow, and free of what lexbor may get wrong: ``lint`` and the tests compare the two. The engine is
the other one, the judgement of what it finds is the same (``gather``). Not for the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement, PreformattedString
from soupsieve import SelectorSyntaxError

from smtpguard.mail import bounds, href
from smtpguard.mail.elements import KINDS
from smtpguard.mail.gather import OUTERMOST, Frame, Gatherer
from smtpguard.mail.reading import Reading, Seen
from smtpguard.mail.sheet import sheet
from smtpguard.mail.text import HTML
from smtpguard.mail.text import read as read_on_the_wire

if TYPE_CHECKING:
    from smtpguard.mail.declaration import StyleRule
    from smtpguard.mail.part import Part


def read(part: Part) -> Reading:
    """What a person sees of a readable part. Plain text has no second engine."""
    text = part.text
    if text is None or part.type not in HTML:
        return read_on_the_wire(part)
    page, complete = bounds.fit(text)
    soup = BeautifulSoup(page.decode(), "lxml")
    base = soup.select_one("base[href]")
    gatherer = Gatherer(href.clean(str(base["href"])) if base else "")
    matches, understood = _styled(soup)
    _walk(soup, gatherer, matches)
    return gatherer.reading(part, complete=complete and understood)


def differences(one: Reading, other: Reading) -> list[str]:
    """On what two readings of one part do not agree; spacing aside."""
    return [
        what
        for what, these, those in (
            ("visible text", one.visible.split(), other.visible.split()),
            ("links", _links(one), _links(other)),
            ("images", [i.source for i in one.images], [i.source for i in other.images]),
        )
        if these != those
    ]


def _links(reading: Reading) -> list[tuple[str, str, Seen]]:
    return [(link.target, link.text, link.seen) for link in reading.links]


def _styled(soup: BeautifulSoup) -> tuple[dict[int, list[StyleRule]], bool]:
    matches: dict[int, list[StyleRule]] = {}
    found = sheet("\n".join(style.get_text() for style in soup.find_all("style")))
    for rule in found.rules:
        try:
            elements = soup.select(rule.selector)
        except SelectorSyntaxError:
            continue
        for element in elements:
            matches.setdefault(id(element), []).append(rule)
    return matches, found.complete


def _walk(soup: BeautifulSoup, gatherer: Gatherer, matches: dict[int, list[StyleRule]]) -> None:
    todo: list[tuple[PageElement | int, Frame]] = [
        (node, OUTERMOST) for node in reversed(soup.contents)
    ]
    while todo:
        node, frame = todo.pop()
        if isinstance(node, int):
            gatherer.close(node)
        elif isinstance(node, Tag):
            kind = KINDS.get(node.name, 0)
            attributes = {name: _value(value) for name, value in node.attrs.items()}
            inner = gatherer.open(frame, kind, attributes, tuple(matches.get(id(node), ())))
            if inner is not None:
                todo.append((kind, frame))
                todo.extend((child, inner) for child in reversed(node.contents))
        elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
            gatherer.text(frame, str(node))


def _value(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)

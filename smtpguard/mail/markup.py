"""HTML, read with lexbor: the engine of the wire, for every page that takes a parser."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from smtpguard.mail import bounds, href
from smtpguard.mail.anchor import LINE, NOBODY
from smtpguard.mail.declaration import StyleRule
from smtpguard.mail.elements import BLOCK, KINDS, UNSEEN
from smtpguard.mail.gather import OUTERMOST, Frame, Gatherer
from smtpguard.mail.sheet import MAX_MATCHES, sheet

Matches = dict[int, tuple[StyleRule, ...]]


def gather(page: str) -> tuple[Gatherer, bool]:
    """What the page shows, and whether it was read to its end."""
    octets, complete = bounds.fit(page)
    parsed = LexborHTMLParser(octets)
    root = parsed.root
    base = parsed.css_first("base[href]")
    gatherer = Gatherer(href.clean(base.attributes.get("href") or "") if base else "")
    if root is not None:
        matches, understood = _styled(parsed, root)
        _walk(root, gatherer, matches)
        complete = complete and understood
    return gatherer, complete


def _styled(parsed: LexborHTMLParser, root: LexborNode) -> tuple[Matches, bool]:
    """For each element that a rule of the style sheets matches, those rules in order."""
    matches: dict[int, list[StyleRule]] = {}
    text = "\n".join(style.text() for style in parsed.css("style"))
    if not text:
        return {}, True
    found = sheet(text)
    found_elements = 0
    for rule in found.rules:
        try:
            elements = root.css(rule.selector)
        except SelectolaxError:
            continue
        found_elements += len(elements)
        if found_elements > MAX_MATCHES:
            return _each(matches), False
        for element in elements:
            matches.setdefault(element.mem_id, []).append(rule)
    return _each(matches), found.complete


def _each(matches: dict[int, list[StyleRule]]) -> Matches:
    return {element: tuple(rules) for element, rules in matches.items()}


def _walk(root: LexborNode, gatherer: Gatherer, matches: Matches) -> None:
    """Open, read and close every node; the engine's calls are most of what this costs."""
    outer: list[tuple[LexborNode, Frame, int]] = []
    frame = OUTERMOST
    pieces = gatherer.pieces
    node: LexborNode | None = root
    while node is not None:
        number = node.tag_id
        if number == _TEXT:
            words = node.text_content or ""
            # White space between blocks is most of the text of most pages.
            if pieces[-1] is not LINE or frame.anchor != NOBODY or not words.isspace():
                gatherer.text(frame, words)
        else:
            kind = _KINDS.get(number, -1)
            if kind < 0:
                kind = KINDS.get(node.tag or "", 0)
            if not kind & UNSEEN:
                matched = matches.get(node.mem_id, ()) if matches else ()
                inner = gatherer.open(frame, kind, node.attributes, matched)
                if inner is not None:
                    first = node.first_child
                    if first is not None:
                        outer.append((node, frame, kind))
                        node, frame = first, inner
                        continue
                    if kind & BLOCK:
                        gatherer.close(kind)
        node = node.next
        while node is None and outer:
            node, frame, kind = outer.pop()
            if kind & BLOCK:
                gatherer.close(kind)
            node = node.next


def _numbered() -> dict[int, int]:
    """Kinds by the engine's number of a tag, which is cheaper to ask for than its name."""
    page = LexborHTMLParser("")
    kinds = {page.create_node(tag).tag_id: kind for tag, kind in KINDS.items()}
    # Names that are not HTML's are numbered anew on each page.
    named = {number: kind for number, kind in kinds.items() if number < _NEW}
    return named | dict.fromkeys(_NO_ELEMENTS, UNSEEN)


_TEXT = 2
_NO_ELEMENTS = range(6)
"""The document, comments and the like."""
_NEW = 1024
"""Lexbor numbers what HTML names below (its tag/const.h)."""
_KINDS = _numbered()

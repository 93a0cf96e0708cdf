"""HTML, read with lexbor: the engine of the wire."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from smtpguard.mail import bounds, href
from smtpguard.mail.declaration import StyleRule
from smtpguard.mail.gather import Gatherer
from smtpguard.mail.sheet import sheet

MAX_MATCHES = 200_000
"""Of elements by rules, on one page."""

Matches = dict[int, list[StyleRule]]


def gather(page: str) -> tuple[Gatherer, bool]:
    """What the page shows, and whether it was read to its end."""
    page, complete = bounds.fit(page)
    # The parser reads UTF-8; a lone surrogate has none.
    parsed = LexborHTMLParser(page.encode("utf-8", "replace"))
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
    matches: Matches = {}
    text = "\n".join(style.text() for style in parsed.css("style"))
    if not text:
        return matches, True
    found = sheet(text)
    found_elements = 0
    for rule in found.rules:
        try:
            elements = root.css(rule.selector)
        except SelectolaxError:
            continue
        found_elements += len(elements)
        if found_elements > MAX_MATCHES:
            return matches, False
        for element in elements:
            matches.setdefault(element.mem_id, []).append(rule)
    return matches, found.complete


def _walk(root: LexborNode, gatherer: Gatherer, matches: Matches) -> None:
    open_elements: list[LexborNode] = []
    node: LexborNode | None = root
    while node is not None:
        tag = node.tag
        inside = None
        if tag == "-text":
            gatherer.text(node.text_content or "")
        elif tag is not None and tag[0] not in "-!":
            styles = tuple(matches.get(node.mem_id, ())) if matches else ()
            if gatherer.open(tag, node.attributes, styles):
                inside = node.first_child
                if inside is None:
                    gatherer.close()
                else:
                    open_elements.append(node)
        node = inside or node.next
        while node is None and open_elements:
            gatherer.close()
            node = open_elements.pop().next

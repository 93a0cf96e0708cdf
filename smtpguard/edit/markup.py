"""Just enough of an HTML tokenizer to know where a tag is one (HTML Living Standard §13.2.5).

Works on octets in any charset that is a superset of US-ASCII, in linear time. It knows comments,
quoted attributes and the elements whose content is text; it builds no tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from html.entities import html5

_VALUE = rb"""\s*+=\s*+(?:"[^"]*+"|'[^']*+'|(?!["'])[^\s>]*+)"""
_ATTRIBUTE = rb"[\s/]*+[^\s/>][^\s/>=]*+(?:" + _VALUE + rb"|(?!\s*+=))"
# {1,99}: a repeated group keeps each of its turns in memory until it is left.
_ATTRIBUTES = rb"(?>(?:" + _ATTRIBUTE + rb"){1,99})*"
# The first alternative is for speed: without quotes, the first ">" ends a tag.
_REST = rb"""(?:[^>"']*+>|[^\s/>]*+""" + _ATTRIBUTES + rb"[\s/]*+>)"
_TEXT_ONLY = rb"script|style|textarea|title|xmp|iframe|noembed|noframes|plaintext"
_TOLD = rb"(?:body|html|img|" + _TEXT_ONLY + rb")(?=[\s/>])"

_TAG = re.compile(
    # what goes by: text, other tags, comments, declarations, a "<" that starts nothing
    rb"(?>(?:[^<]++"
    rb"|<(?:/?(?!" + _TOLD + rb")[a-z]" + _REST + rb""
    rb"|!--(?:-?>|(?>(?:[^-]++|-(?!-!?>)){1,99})*--!?>)"
    rb"|(?:!(?!--)|\?|/(?![a-z]))[^>]*+>"
    rb"|(?![a-z!?/]))){1,99})*"
    # what is told
    rb"(?P<tag><(?P<closing>/?)(?P<name>" + _TOLD + rb")"
    rb"(?P<attributes>" + _ATTRIBUTES + rb")[\s/]*+>)",
    re.IGNORECASE,
)
_END = re.compile(
    rb"</body[ \t\r\n]*+>(?:[ \t\r\n]*+</html[ \t\r\n]*+>)?[ \t\r\n]*+\Z", re.IGNORECASE
)
_NEAR = 200
"""Octets in which a page ends."""
_NAME_AND_VALUE = re.compile(rb"[\s/]*+([^\s/>][^\s/>=]*+)(" + _VALUE + rb")?")
_ENDS = {
    name: re.compile(rb"</" + name + rb"(?=[\s/>])", re.IGNORECASE)
    for name in _TEXT_ONLY.split(b"|")
}
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|([A-Za-z][A-Za-z0-9]*+(?:;|(?!=))))")


@dataclass(frozen=True, slots=True)
class Tag:
    """One start or end tag of ``body``, ``html``, ``img`` or an element that holds only text."""

    name: bytes
    """Lower case."""
    closing: bool
    start: int
    end: int
    attributes: bytes


def tags(markup: bytes) -> Iterator[Tag]:
    """The tags worth telling, in order; it ends where a construct is never closed."""
    at = 0
    while match := _TAG.match(markup, at):
        name, closing = match["name"].lower(), bool(match["closing"])
        yield Tag(name, closing, *match.span("tag"), match["attributes"])
        at = match.end()
        if name in _ENDS and not closing:
            end = _ENDS[name].search(markup, at)
            if end is None:
                return
            at = end.start()


def place(markup: bytes, attempt: int) -> tuple[int, bool]:
    """Where to try and put a footer, and whether there is another place.

    First before the ``</body>`` that the page ends with, as most do: only where that turns out
    not to be one is the page looked through for the others.
    """
    end = _END.search(markup, max(0, len(markup) - _NEAR))
    if end and not attempt:
        return end.start(), True
    found = list(dict.fromkeys([*([end.start()] if end else []), *places(markup)]))
    return found[min(attempt, len(found) - 1)], attempt + 1 < len(found)


def places(markup: bytes) -> list[int]:
    """Where a footer may stand, the best place first; never the same place twice.

    Before the last real ``</body>``, else before the last ``</html>``, else at the end; should
    that place turn out to be a trap, at the very end, or right behind ``<body>``.
    """
    last: dict[tuple[bytes, bool], Tag] = {}
    first: dict[tuple[bytes, bool], Tag] = {}
    for tag in tags(markup):
        last[tag.name, tag.closing] = tag
        first.setdefault((tag.name, tag.closing), tag)
    best = last.get((b"body", True)) or last.get((b"html", True))
    body = first.get((b"body", False))
    found = [best.start if best else len(markup), len(markup)]
    return list(dict.fromkeys([*found, *([body.end] if body else [])]))


def images(markup: bytes, charset: str) -> Iterator[tuple[str, Tag]]:
    """Every ``<img>`` start tag with its ``src`` as a browser reads it, in ``charset``."""
    for tag in tags(markup):
        if tag.name == b"img" and not tag.closing:
            yield _source(tag.attributes, charset), tag


def url(text: str) -> str:
    """A URL as the URL Standard §4.4 takes it out of an attribute: trimmed, no tab or line end."""
    return text.strip("".join(map(chr, range(33)))).translate({9: None, 10: None, 13: None})


def _source(attributes: bytes, charset: str) -> str:
    for name, value in _NAME_AND_VALUE.findall(attributes):
        if name.lower() == b"src":
            text = value.lstrip()[1:].lstrip()
            if text[:1] in (b'"', b"'"):
                text = text[1:-1]
            return url(_REFERENCE.sub(_character, text.decode(charset, "replace")))
    return ""


def _character(reference: re.Match[str]) -> str:
    """A character reference in an attribute: ``&copy=`` stays as it is (§13.2.5.73)."""
    return reference[0] if reference[1] and reference[1] not in html5 else unescape(reference[0])

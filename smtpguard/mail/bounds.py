"""How much of a page is read: what would make a parser slow is cut off before it starts.

HTML parsers walk their stack of open elements at many tags, and compare each attribute with those
before it: both are quadratic in what a hostile sender chooses. This scan is not.
"""

from __future__ import annotations

import re

MAX_TEXT = 10 * 1024 * 1024
"""Characters of one part."""
MAX_NODES = 50_000
"""Tags and comments of one page."""
MAX_DEPTH = 512
"""Open elements; browsers stop nesting at the same number."""
MAX_ATTRIBUTES = 256
"""Of one tag."""

_FEW = 2_000
_SHORT = 1_024
"""A tag of so many characters cannot hold MAX_ATTRIBUTES: each takes four, all told."""
_UNUSUAL = re.compile(rb"""=(?:[\s']|">)""")
"""What no page has whose values all stand in double quotes right after their equals sign."""
_MARK_IN_VALUE = re.compile(rb"""=\s*+(?:"[^">]*+>|'[^'>]*+>)""")
# {1,99}: a repeated group keeps each of its turns in memory until it is left.
_TOKEN = re.compile(
    r"""<(?:
        !--(?: -?> | .*?(?:--!?>|\Z))                       # comment
      | (?:[!?]|/(?![a-zA-Z]))[^>]*+(?:>|\Z)                # bogus comment, doctype
      | (?P<end>/?)(?P<tag>[a-zA-Z][^\s/>]*+)
        (?P<attributes>[^>"']*+(?=>)|(?>(?:                 # the first is for speed
            [\s/]++
          | (?:=[^\s/>=]*+|[^\s/>=]++)
            (?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+|(?=>)) | (?!\s*+=))
        ){1,99})*)
        (?P<whole>>?)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SEPARATOR = re.compile(r"""[\s/]+[^\s/>=]|["'][^\s/>="']""")
_VALUE = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
_FLAT_NAMES = (
    "p td th tr tbody thead tfoot area base br col embed hr img input link meta param source"
    " track wbr"
)
_FLAT = frozenset(_FLAT_NAMES.split())
"""Elements that are empty, or that cannot stand in each other without another one between."""
_ITEMS = frozenset(("li", "dd", "dt", "option"))
"""Elements that end where the next of their kind begins, and with their list."""
_LISTS = frozenset(("ul", "ol", "dl", "select", "div"))


def fit(page: str) -> tuple[bytes, bool]:
    """As much of the page as can be parsed in linear time, in UTF-8, and whether that is all of it.

    A lone surrogate, which UTF-8 has not, becomes a question mark.
    """
    whole = len(page) <= MAX_TEXT
    page = page[:MAX_TEXT]
    octets = page.encode("utf-8", "replace")
    if _is_tame(octets) or (end := _end(page)) is None:
        return octets, whole
    return page[:end].encode("utf-8", "replace"), False


def _is_tame(page: bytes) -> bool:
    """Whether so few and short tags are in it that no limit can be crossed."""
    if page.count(b"<") > _FEW:
        return False
    # Without anything unusual a quote and a bracket end every tag, whatever came before.
    if not _UNUSUAL.search(page):
        long = [piece for piece in page.split(b'">') if len(piece) > _SHORT]
        return all(map(_is_short, long))
    return _is_short(page)


def _is_short(page: bytes) -> bool:
    """Whether all its tags are."""
    return max(map(len, page.split(b">"))) <= _SHORT and not _MARK_IN_VALUE.search(page)


def _end(page: str) -> int | None:
    """Where the first limit is crossed."""
    # A superset of the parser's stack: an end tag counts only for the element on top.
    opened: list[str] = []
    flat = _FLAT
    for number, token in enumerate(_TOKEN.finditer(page)):
        if number >= MAX_NODES or len(opened) > MAX_DEPTH:
            return token.start()
        if (
            token.end() - token.start() > _SHORT
            and _attributes(token["attributes"] or "") > MAX_ATTRIBUTES
        ):
            return token.start()
        tag = token["tag"]
        if tag is None:
            # Inside <svg> this is character data, and hides tags from the parser.
            if page.startswith("<![CDATA[", token.start()):
                opened.append("![CDATA[")
            continue
        if not token["whole"]:
            return None  # the page ends inside a tag, and parsers drop that
        tag = tag.lower()
        if tag in ("svg", "math"):
            flat = frozenset()  # in foreign content any element may stand in any other
        top = opened[-1] if opened else ""
        if tag in flat:
            continue
        if not token["end"]:
            if tag != top or tag not in _ITEMS:
                opened.append(tag)
        elif top == tag:
            opened.pop()
        elif top in _ITEMS and tag in _LISTS and opened[-2:-1] == [tag]:
            del opened[-2:]
    return None


def _attributes(text: str) -> int:
    return len(_SEPARATOR.findall(_VALUE.sub('=""', text)))

"""One tag and one text of a page, read as they stand, where that leaves no doubt.

Whatever HTML's tokenizer (WHATWG HTML §13.2.5) mends or guesses at is left to a parser: ``Untidy``.
"""

from __future__ import annotations

import re
from html.entities import html5

LONG = 4_096
"""Characters of one tag that is read here."""

_NAME = r"[a-zA-Z][a-zA-Z0-9:-]*"
_SPACE = r"[ \t\n\r\f]"
_VALUE = r"""(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+))"""
_ATTRIBUTE = re.compile(rf"{_SPACE}+([!#-&(-.0-;?-~]+)(?:{_SPACE}*={_SPACE}*{_VALUE})?")
_START = re.compile(rf"({_NAME})((?:{_ATTRIBUTE.pattern})*){_SPACE}*/?")
_END = re.compile(rf"/({_NAME}){_SPACE}*")
_REFERENCE = re.compile(
    r"&(?:#([0-9]{1,7});|#[xX]([0-9a-fA-F]{1,6});|([a-zA-Z][a-zA-Z0-9]*)(;?)|#)?"
)
_LEGACY = frozenset(name for name in html5 if not name.endswith(";"))
"""Names that need no semicolon."""
_LONGEST = max(map(len, _LEGACY))


class Untidy(Exception):
    """What this page is takes a parser to tell."""


def start_tag(written: str) -> tuple[str, dict[str, str]]:
    """Name and attributes of what stands between ``<`` and ``>``."""
    found = _START.fullmatch(written) if len(written) <= LONG else None
    if not found:
        raise Untidy
    attributes: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(found[2]):
        attributes.setdefault(name.lower(), value(double or single or bare))
    return found[1].lower(), attributes


def end_tag(written: str) -> str:
    """The name of what stands between ``<`` and ``>``."""
    found = _END.fullmatch(written)
    if not found:
        raise Untidy
    return found[1].lower()


def words(written: str) -> str:
    """The text of an element."""
    if "\r" in written:
        written = written.replace("\r\n", "\n").replace("\r", "\n")
    return _REFERENCE.sub(_in_text, written) if "&" in written else written


def value(written: str) -> str:
    """The value of an attribute."""
    if "\r" in written:
        written = written.replace("\r\n", "\n").replace("\r", "\n")
    if "&" not in written:
        return written
    # Most are links, and of these most have no other reference.
    written = written.replace("&amp;", "\0")
    if "&" in written:
        written = _REFERENCE.sub(_in_value, written)
    return written.replace("\0", "&")


def _in_text(found: re.Match[str]) -> str:
    name = found[3]
    if name and not found[4] and any(name[:n] in _LEGACY for n in range(2, _LONGEST + 1)):
        raise Untidy
    return _referred(found)


def _in_value(found: re.Match[str]) -> str:
    # "?a=1&copy=2" is no reference, and "&copied" is none; "&copy-2" is one.
    if not found[4] and found[3] in _LEGACY and not found.string.startswith("=", found.end()):
        raise Untidy
    return _referred(found)


def _referred(found: re.Match[str]) -> str:
    decimal, hexadecimal, name, ended = found.groups()
    if name:
        meant = html5.get(f"{name};") if ended else found[0]
        if meant is None:
            raise Untidy
        return meant
    if decimal or hexadecimal:
        number = int(decimal) if decimal else int(hexadecimal, 16)
        if 0x20 <= number < 0x7F or 0xA0 <= number < 0xD800 or 0xE000 <= number <= 0x10FFFF:
            return chr(number)
        raise Untidy
    if found[0] == "&#":
        raise Untidy
    return "&"

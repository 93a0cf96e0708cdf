"""Header fields, each knowing its span (RFC 5322 §2.2), and the structured values of some.

Reading is tolerant: whatever stands in a header becomes a field, and the fields tile the header
exactly. What is wrong with them is for the rules to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from smtpguard.mail.address import Address
from smtpguard.mail.coding import LONG, decode_text, decode_words

# {1,99}: a repeated group keeps each of its turns in memory until it is left.
_FIELD = re.compile(rb"(?:([!-9;-~]++)[ \t]*+:)?([^\n]*+(?>(?:\n[ \t][^\n]*+){1,99})*)\n?+")
_CONTROLS: dict[int, str | None] = {**dict.fromkeys((*range(32), *range(127, 160))), 9: " "}


class Field(NamedTuple):
    """One header field; offsets are into the message as received."""

    source: bytes
    """The message."""
    name: str
    """As written; empty for a line that is no field."""
    key: str
    """The name in lower case."""
    start: int
    value_start: int
    """After the colon; ``start`` for a line that is no field."""
    end: int
    """After the line end."""

    @property
    def raw(self) -> bytes:
        """The octets of the value, unfolded and stripped."""
        value = self.source[self.value_start : self.end].strip()
        return value.replace(b"\r\n", b"").replace(b"\n", b"") if b"\n" in value else value

    @property
    def value(self) -> str:
        """The value as UTF-8, or as Latin-1 where it is none; encoded words as they are."""
        raw = self.raw
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    @property
    def text(self) -> str:
        """What a person reads: encoded words decoded, control characters dropped."""
        return _said(decode_words(self.value))

    def __repr__(self) -> str:
        return f"Field({self.name!r}, {self.start}-{self.end})"


def _said(text: str) -> str:
    return text if text.isprintable() else text.translate(_CONTROLS)


def split_fields(raw: bytes, start: int, end: int) -> tuple[Field, ...]:
    """The fields of ``raw[start:end]``, a header without the empty line that ends it.

    A line without a field name, or a fold with nothing to continue, is a field whose key is empty.
    """
    fields = []
    for found in _FIELD.finditer(raw, start, end):
        name = found[1]
        at, value_start = found.start(), found.start(2)
        if name is not None:
            written = name.decode("ascii")
            fields.append(Field(raw, written, written.lower(), at, value_start, found.end()))
        elif found.end() > at:
            fields.append(Field(raw, "", "", at, value_start, found.end()))
    return tuple(fields)


# ---- Content-Type and Content-Disposition ----------------------------------------------------

_QUOTED = r'(?>(?:[^"\\]++|\\.){1,99})*'
_PARAMETER = re.compile(rf';\s*+([^\s=;"]++)\s*+=\s*+(?:"({_QUOTED})"?|([^;]*+))', re.DOTALL)
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_COMMENT_AFTER = re.compile(r"\s\(.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parameterised:
    """A value with parameters (RFC 2045 §5.1); value and parameter names in lower case."""

    value: str
    parameters: Mapping[str, str]


def parse_parameterised(value: str) -> Parameterised:
    """Read a Content-Type or Content-Disposition, RFC 2231 included; never raises.

    Of a parameter given twice the first counts.
    """
    return (_parameterised if len(value) <= LONG else _parameterised.__wrapped__)(value)


@lru_cache(1024)
def _parameterised(value: str) -> Parameterised:
    head = value.partition(";")[0].partition("(")[0].strip().lower().partition(" ")[0]
    parameters: dict[str, str] = {}
    if ";" not in value:
        return Parameterised(head, parameters)
    split = False
    for name, quoted, token in _PARAMETER.findall(value):
        name = name.lower()
        split = split or "*" in name
        if token:
            given = _COMMENT_AFTER.sub("", token).strip()
        else:
            given = _QUOTED_PAIR.sub(r"\1", quoted) if "\\" in quoted else quoted
        parameters.setdefault(name, given)
    return Parameterised(head, _joined(parameters) if split else parameters)


def _joined(parameters: dict[str, str]) -> dict[str, str]:
    """Continuations joined and percent-encoding undone (RFC 2231 §3, §4)."""
    plain = {name: given for name, given in parameters.items() if "*" not in name}
    sections: dict[str, list[tuple[int, bool, str]]] = {}
    for name, given in parameters.items():
        found = _SECTION.fullmatch(name)
        if found and (found[2] or found[3]):
            section = (int(found[2] or 0), bool(found[3]), given)
            sections.setdefault(found[1], []).append(section)
    for name, pieces in sections.items():
        pieces.sort(key=lambda piece: piece[0])
        charset = ""
        octets = []
        for number, encoded, given in pieces:
            if encoded and number == pieces[0][0] and given.count("'") >= 2:
                charset, _, given = given.split("'", 2)
            octet = given.encode("utf-8", "surrogatepass")
            octets.append(unquote_to_bytes(octet) if encoded else octet)
        joined = b"".join(octets)
        plain[name] = decode_text(joined, charset) or joined.decode("latin-1")
    return plain


# ---- From, Sender, Reply-To, To --------------------------------------------------------------

_TOKEN = re.compile(
    rf"""(?P<space>[ \t\r\n]++)
      | (?P<quoted>"{_QUOTED}"?)
      | (?P<literal>\[[^\[\]]*+\]?)
      | (?P<mark>[<>,;:()])
      | (?P<atom>[^ \t\r\n"<>,;:()\[]++)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox of an address list."""

    display: str
    """The name that a reader sees, decoded; a comment where there is no name."""
    address: Address | None
    """``None`` when what stands there is not one plain addr-spec."""


def mailboxes(value: str) -> tuple[Mailbox, ...]:
    """Read an address list (RFC 5322 §3.4): groups opened, comments and quotes understood.

    An address is never mended: with blanks, comments or a route inside, it is ``None``.
    """
    return (_known_mailboxes if len(value) <= LONG else _known_mailboxes.__wrapped__)(value)


@lru_cache(1024)
def _known_mailboxes(value: str) -> tuple[Mailbox, ...]:
    return tuple(_mailboxes(value))


def _mailboxes(value: str) -> Iterator[Mailbox]:
    words: list[str] = []
    comments: list[str] = []
    inside: list[str] | None = None
    angle: str | None = None
    depth = 0

    def mailbox() -> Mailbox:
        name = _name(words)
        note = _said(decode_words("".join(comments))).strip()
        if angle is not None:
            return Mailbox(name or note, _address(angle))
        written = "".join(words).strip()
        address = _address(written)
        return Mailbox(note if address else name, address)

    for found in _TOKEN.finditer(value):
        kind, piece = found.lastgroup, found[0]
        if piece == "(" or depth:
            depth += (piece == "(") - (piece == ")")
            if depth > 1 or (depth and piece != "("):
                comments.append(piece)
            elif not depth:
                (words if inside is None else inside).append(" ")
        elif inside is not None:
            if piece == ">":
                angle, inside = "".join(inside), None
            else:
                inside.append(piece)
        elif piece == "<":
            if angle is not None:
                yield mailbox()
                words, comments = [], []
            inside, angle = [], None
        elif kind == "mark" and piece in ",;":
            if angle is not None or "".join(words).strip():
                yield mailbox()
            words, comments, angle = [], [], None
        elif piece == ":":
            words, comments = [], []
        else:
            words.append(" " if kind == "space" else piece)
    if inside is not None:
        words.append("<" + "".join(inside))
    if angle is not None or "".join(words).strip():
        yield mailbox()


def _name(words: list[str]) -> str:
    plain = [_QUOTED_PAIR.sub(r"\1", w[1:].removesuffix('"')) if w[:1] == '"' else w for w in words]
    return " ".join(_said(decode_words("".join(plain))).split())


def _address(written: str) -> Address | None:
    return Address.parse(written.strip().encode("utf-8", "surrogatepass"))

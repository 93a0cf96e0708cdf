"""The parts of a message (RFC 2046), found by spans and never copied until asked for.

The walk looks at octets only, from the outside in: an outer delimiter ends everything within it.
Its cost is the size of the multipart times its depth, and the depth is limited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from smtpguard.mail.coding import decode_text, decode_transfer, decode_words, is_utf8
from smtpguard.mail.field import Field, Parameterised, split_fields
from smtpguard.mail.heading import Heading, heading, heading_of

DEPTH = 30
"""Parts nested deeper are not opened."""
PARTS = 500
"""Parts beyond are not looked at."""
NEAR_MISSES = 2000
"""Lines that begin like a delimiter and are none; no sender makes many."""

STRETCH = 16 * 1024
"""Octets in which a delimiter is looked for at once."""

_PLAIN = "text/plain"
_MESSAGE = "message/rfc822"
_EMBEDDED = frozenset({"message/rfc822", "message/global"})
_IDENTITY = frozenset({"7bit", "8bit", "binary"})
_ENCODINGS = _IDENTITY | {"quoted-printable", "base64"}


@dataclass(eq=False)
class Part:
    """One MIME entity. Spans are half-open offsets into the message as received.

    A value, though not frozen, which would double what it costs.
    """

    source: bytes
    """The message."""
    number: str
    """``1``, ``1.2`` ... (RFC 3501 §6.4.5); empty for the whole.

    ``2.TEXT`` is the multipart that the message attached as 2 consists of.
    """
    header: tuple[int, int]
    """Without the empty line that ends it."""
    body: tuple[int, int]
    """Without the line end that belongs to the delimiter after it."""
    type: str
    """``text/html``; lower case."""
    parameters: Mapping[str, str]
    """Of the Content-Type; names in lower case."""
    encoding: str
    """The Content-Transfer-Encoding in lower case; ``7bit`` by default."""
    disposed: Parameterised
    """The Content-Disposition."""
    children: tuple[Part, ...]
    parent_types: tuple[str, ...]
    """Types of the parts around it, the root first."""
    defect: str
    """What is broken about it, in a few words; empty when nothing is."""

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields of its header, in order."""
        return split_fields(self.source, *self.header)

    def field(self, key: str) -> Field | None:
        """The first field of that lower-case name."""
        for field in self.fields:
            if field.key == key:
                return field
        return None

    @property
    def disposition(self) -> str:
        """``attachment``, ``inline`` ...; lower case, or empty."""
        return self.disposed.value

    @property
    def filename(self) -> str:
        """The file name offered to the reader, decoded; or empty."""
        name = self.disposed.parameters.get("filename") or self.parameters.get("name", "")
        return decode_words(name)

    @property
    def charset(self) -> str:
        """The declared charset in lower case; empty when none is declared."""
        return self.parameters.get("charset", "").strip().lower()

    @property
    def attachment(self) -> bool:
        """It is offered as a file (RFC 2183 §2.8: so is what nobody knows)."""
        return self.disposed.value not in ("", "inline")

    @cached_property
    def content(self) -> bytes:
        """The body out of its transfer encoding."""
        start, end = self.body
        return decode_transfer(self.source[start:end], self.encoding)

    @cached_property
    def text(self) -> str | None:
        """The content as text; ``None`` when no charset can be made to fit."""
        return decode_text(self.content, self.charset)

    @property
    def utf8(self) -> bytes | None:
        """The text in UTF-8, but if it is declared so, nobody has looked; ``None`` as ``text``."""
        if is_utf8(self.charset):
            return self.content
        text = self.text
        return None if text is None else text.encode("utf-8", "surrogatepass")

    def walk(self) -> Iterator[Part]:
        """Itself and all below it, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def __repr__(self) -> str:
        return f"Part({self.number!r}, {self.type!r}, {self.body[0]}-{self.body[1]})"


def header_end(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the header that begins at ``start`` ends, and where the body after it begins."""
    for empty in (b"\r\n", b"\n"):
        if raw.startswith(empty, start, end):
            return start, start + len(empty)
    long = raw.find(b"\n\r\n", start, end)
    short = raw.find(b"\n\n", start, end if long < 0 else long + 1)
    if short >= 0:
        return short + 1, short + 2
    return (long + 1, long + 3) if long >= 0 else (end, end)


def read_parts(raw: bytes, fields: tuple[Field, ...], header: int, body: int) -> Part:
    """The tree of a whole message whose header ends at ``header`` and body begins at ``body``."""
    whole = heading_of(fields, _PLAIN)
    root = _Walk(raw).entity("", whole, (0, header), (body, len(raw)), ())
    root.fields = fields
    return root


class _Walk:
    """One walk through one message, counting the parts it has seen."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.left = PARTS - 1

    def entity(
        self,
        number: str,
        said: Heading,
        header: tuple[int, int],
        body: tuple[int, int],
        parents: tuple[str, ...],
    ) -> Part:
        """One part with everything below it."""
        kind, encoding, disposed, defect = said
        children: tuple[Part, ...] = ()
        if kind.value.startswith("multipart/"):
            children, fault = self.parts(number, kind, body, (*parents, kind.value))
            if encoding not in _IDENTITY:
                fault = fault or "encoded multipart"
        elif kind.value in _EMBEDDED and encoding in _IDENTITY:
            children, fault = self.message(number, body, (*parents, kind.value))
        else:
            fault = "" if encoding in _ENCODINGS else "unknown transfer encoding"
        return Part(
            self.raw,
            number,
            header,
            body,
            kind.value,
            kind.parameters,
            encoding,
            disposed,
            children,
            parents,
            defect or fault,
        )

    def parts(
        self, number: str, kind: Parameterised, body: tuple[int, int], parents: tuple[str, ...]
    ) -> tuple[tuple[Part, ...], str]:
        """The children of a multipart, and what is wrong with it."""
        boundary = kind.parameters.get("boundary", "").rstrip()
        if not boundary:
            return (), "multipart without a boundary"
        if len(parents) > DEPTH:
            return (), "nested too deep"
        # RFC 2046 §5.1.5
        default = _MESSAGE if kind.value == "multipart/digest" else _PLAIN
        prefix = _prefix(number)
        spans = _Delimited(self.raw, b"\n--" + boundary.encode("utf-8", "surrogatepass"), *body)
        children: list[Part] = []
        for start, end in spans:
            if not self.left:
                return tuple(children), "too many parts"
            child = f"{prefix}{len(children) + 1}"
            children.append(self.child(child, start, end, parents, default))
        return tuple(children), spans.defect

    def message(
        self, number: str, body: tuple[int, int], parents: tuple[str, ...]
    ) -> tuple[tuple[Part, ...], str]:
        """The message inside a message, as the one child, and what is wrong with it."""
        if len(parents) > DEPTH or not self.left:
            return (), "nested too deep" if self.left else "too many parts"
        header = self.raw[body[0] : header_end(self.raw, *body)[0]]
        kind = heading(header, _PLAIN).kind.value
        prefix = _prefix(number)
        inside = prefix + ("TEXT" if kind.startswith("multipart/") else "1")
        return (self.child(inside, *body, parents, _PLAIN),), ""

    def child(
        self, number: str, start: int, end: int, parents: tuple[str, ...], default: str
    ) -> Part:
        """The entity that fills ``raw[start:end]``."""
        self.left -= 1
        stop, body = header_end(self.raw, start, end)
        said = heading(self.raw[start:stop], default)
        return self.entity(number, said, (start, stop), (body, end), parents)


class _Delimited:
    """The spans between the delimiters of one multipart; once iterated, what is wrong with it."""

    def __init__(self, raw: bytes, delimiter: bytes, start: int, end: int) -> None:
        self.raw, self.delimiter, self.start, self.end = raw, delimiter, start, end
        self.defect = ""

    def __iter__(self) -> Iterator[tuple[int, int]]:
        raw, size = self.raw, len(self.delimiter)
        opened = misses = 0
        # The line end before the first delimiter may be the one that ends the header.
        at = _find(raw, self.delimiter, max(self.start - 1, 0), self.end)
        while at >= 0:
            line_end = raw.find(b"\n", at + size, self.end)
            line_end = self.end if line_end < 0 else line_end
            rest = raw[at + size : line_end].rstrip(b" \t\r")
            if rest and rest != b"--":
                misses += 1
                if misses > NEAR_MISSES:
                    break
            else:
                close = at - (raw[at - 1 : at] == b"\r")
                # Delimiters in a row are one, as other parsers have it.
                if opened and close >= opened:
                    yield opened, close
                if rest:
                    self.defect = "" if opened else "multipart without parts"
                    return
                opened = line_end + 1
            at = _find(raw, self.delimiter, line_end, self.end)
        if misses > NEAR_MISSES:
            self.defect = "too many lines like its delimiter"
        elif not opened:
            self.defect = "multipart without a delimiter"
        else:
            self.defect = "multipart without an end"
            if opened <= self.end:
                yield opened, self.end


def _find(raw: bytes, delimiter: bytes, start: int, end: int) -> int:
    """``raw.find(delimiter, start, end)``, but much faster in base64, which has no hyphens."""
    while end - start > STRETCH > 2 * len(delimiter):
        at = raw.find(delimiter, start, start + STRETCH)
        if at >= 0:
            return at
        # What begins there, or later, has its hyphens behind a line feed.
        start += STRETCH - len(delimiter)
        hyphen = raw.find(b"-", start, end)
        if hyphen < 0:
            return -1
        start = max(start, hyphen - 1)
    return raw.find(delimiter, start, end)


def _prefix(number: str) -> str:
    """What the numbers of the parts within part ``number`` begin with."""
    outer = number.removesuffix("TEXT").removesuffix(".")
    return outer and outer + "."

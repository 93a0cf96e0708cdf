"""One text part mended: decoded once, changed, encoded once, its charset and encoding declared.

A part keeps its charset and transfer encoding where they can hold the new text. HTML always can,
because what we put in is ASCII; plain text goes to UTF-8 or to quoted-printable where it must.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from smtpguard.edit import footer, markup
from smtpguard.edit.edit import Edit
from smtpguard.edit.field import charset_change
from smtpguard.edit.fix import Paragraph
from smtpguard.edit.transfer import (
    ENCODED,
    IDENTITY,
    LONGEST_LINE,
    Change,
    changed,
    decode,
    encode,
    longest_line,
    splice,
)
from smtpguard.mail.field import Field
from smtpguard.mail.part import Part
from smtpguard.unsubscribe.link import Exit

_MARKUP = bytes((9, 10, 13, *range(0x20, 0x40), *range(0x41, 0x5B), *range(0x61, 0x7B)))
"""The octets that HTML syntax is made of; charsets quarrel about the others below 128."""


_UTF_8 = frozenset({"utf-8", "utf8"})
"""What was read in it can be written in it."""
_GUESSES = ("utf-8", "windows-1252", "gb18030", "cp949")
"""What a part may be in whose declared charset does not fit it, or is wider in practice."""


@dataclass(frozen=True, slots=True)
class Unmendable:
    """Why a message cannot be mended without harm."""

    why: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of one text part."""

    paragraphs: tuple[Paragraph, ...] = ()
    """Those that it lacks, in their order."""
    images: frozenset[str] = frozenset()
    """Sources of the images to take out."""
    reencode: bool = False


@dataclass(frozen=True, slots=True)
class Mending:
    """How one part is mended, and what must be read in it afterwards."""

    edits: tuple[Edit, ...]
    content: bytes
    """Its decoded octets, as they must come out."""
    codec: str
    """That makes text of them."""
    more: bool = False
    """There is another place to try for its footer."""


def mend(
    raw: bytes,
    part: Part,
    wish: Wish,
    *,
    exit_: Exit,
    language: str,
    eight_bit: bool,
    attempt: int,
    why: str,
) -> Mending | Unmendable:
    """The edits of ``raw`` that fulfil ``wish``; ``attempt`` counts the places tried, from 0."""
    where = f"part {part.number or '1'}"
    if part.defect:
        return Unmendable(f"{where} is broken: {part.defect}")
    if part.text is None or part.encoding not in IDENTITY | ENCODED:
        return Unmendable(f"{where} cannot be decoded ({part.charset}, {part.encoding})")
    if part.encoding == "base64" and not _faithful(raw[slice(*part.body)], part):
        return Unmendable(f"{where} is not well encoded ({part.encoding})")
    leaf = _Leaf(part, part.text)
    more = False
    if part.type == "text/html":
        more = leaf.mark_up(wish, exit_, language, attempt)
    elif wish.paragraphs:
        leaf.append([footer.filled(each, exit_) for each in wish.paragraphs])
    edits = leaf.edits(raw, wish.reencode, eight_bit, why)
    return Mending(tuple(edits), leaf.content, leaf.codec, more)


def _faithful(body: bytes, part: Part) -> bool:
    """Whether base64 was decoded as we decode it: only then do offsets mean the same.

    It may be torn, and readers are generous; the other encodings have but one meaning.
    """
    try:
        return decode(body, part.encoding) == part.content
    except ValueError:
        return False


class _Leaf:
    """A part under change.

    ``octets`` are its content in a superset of US-ASCII: ``own`` says whether that is the part's
    own charset, or UTF-8 in between.
    """

    def __init__(self, part: Part, text: str) -> None:
        self.part = part
        codec, self.declared = _codec_in_effect(part, text)
        self.upgraded = not codec
        self.codec = codec or "utf-8"
        self.own = self.upgraded or _ascii_based(codec)
        self.octets = part.content if codec and self.own else text.encode("utf-8", "replace")
        self.changes: list[Change] = []
        self.content = part.content

    def mark_up(self, wish: Wish, exit_: Exit, language: str, attempt: int) -> bool:
        """Note the changes of HTML; return whether there is another place for a footer."""
        codec = self.codec if self.own else "utf-8"
        for source, tag in markup.images(self.octets, codec) if wish.images else ():
            if source in wish.images:
                self.changes.append(Change(tag.start, tag.end, b""))
        if not wish.paragraphs:
            return False
        at, more = markup.place(self.octets, attempt)
        block = footer.markup(wish.paragraphs, exit_, language)
        if self.part.content and at == len(self.octets) and not self.octets.endswith(b"\n"):
            block = b"\r\n" + block.removesuffix(b"\r\n")
        self.changes.append(Change(at, at, block))
        self.changes.sort()
        return more

    def append(self, texts: Sequence[str]) -> None:
        """Note the change of plain text: the footer at its end, below an empty line."""
        parameters = self.part.parameters
        flowed = parameters.get("format", "").lower() == "flowed"
        lines = footer.plain(
            texts,
            flowed=flowed,
            delsp=flowed and parameters.get("delsp", "").lower() == "yes",
            wrapped=self.part.encoding in IDENTITY,
        )
        text = "\n".join(lines)
        if not text.isascii() and not (self.declared and _holds(self.codec, text)):
            self._upgrade()
        octets, eol = self.octets, b"\r\n"
        if b"\n" in octets and b"\r\n" not in octets:
            eol = b"\n"
        ended = not octets or octets.endswith(b"\n")
        gap = b"" if ended else eol
        last = octets.rstrip(b"\r\n").rpartition(b"\n")[2]
        if octets.strip() and not octets.endswith(eol + eol):
            gap += eol
        if flowed and last.endswith(b" ") and last != b"-- ":
            gap += eol  # The first one only ends the flowed paragraph (RFC 3676 §4.1).
        codec = self.codec if self.own else "utf-8"
        new = eol.join(line.encode(codec) for line in text.split("\n"))
        tail = eol if ended or not self.part.parent_types else b""
        self.changes.append(Change(len(octets), len(octets), gap + new + tail))

    def _upgrade(self) -> None:
        if self.own:
            self.octets = _windows(self.octets, self.codec).encode("utf-8")
        self.codec, self.own, self.upgraded = "utf-8", True, True

    def edits(self, raw: bytes, reencode: bool, eight_bit: bool, why: str) -> list[Edit]:
        """What is noted, as edits of the message."""
        part = self.part
        start, end = part.body
        body = raw[start:end]
        reencode = reencode and longest_line(body) > LONGEST_LINE
        new = changed(self.octets, self.changes)
        if not self.own:
            # Its octets cannot be changed in place; our ASCII is within every such charset.
            new = new.decode("utf-8").encode(self.codec)
        if new == part.content and not reencode:
            return []
        encoding = "quoted-printable" if reencode or self._needs_encoding(new, eight_bit) else ""
        encoding = encoding or part.encoding
        if self.own and encoding == part.encoding and not reencode and self._in_place():
            changes = splice(body, encoding, self.changes, len(part.content))
        else:
            coded = encode(new, encoding)
            if body.endswith(b"\r\n") and not coded.endswith(b"\r\n"):
                coded += b"=\r\n" if encoding == "quoted-printable" else b"\r\n"
            changes = [Change(0, len(body), coded)]
        self.content = new
        edits = [Edit(start + c.start, start + c.end, c.new, why) for c in changes]
        return [*self._header_edits(raw, encoding, why), *edits]

    def _in_place(self) -> bool:
        """The changes refer to the content as it came."""
        return self.octets == self.part.content

    def _needs_encoding(self, new: bytes, eight_bit: bool) -> bool:
        """The part is not encoded, and the new text needs it to be."""
        if self.part.encoding in ENCODED:
            return False
        put_in = b"".join(change.new for change in self.changes) if self._in_place() else new
        if longest_line(put_in) > LONGEST_LINE:
            return True
        return not put_in.isascii() and (self.part.encoding == "7bit" or not eight_bit)

    def _header_edits(self, raw: bytes, encoding: str, why: str) -> list[Edit]:
        """Declare a new charset or transfer encoding, and nothing else."""
        part = self.part
        kind, transfer = _named(part, "content-type"), _named(part, "content-transfer-encoding")
        edits: list[Edit] = []
        missing: list[bytes] = []
        if self.upgraded and kind:
            change = charset_change(raw[kind.start : kind.end], b"utf-8")
            edits.append(Edit(kind.start + change.start, kind.start + change.end, change.new, why))
        elif self.upgraded:
            if not part.parent_types and not _named(part, "mime-version"):
                missing.append(b"MIME-Version: 1.0\r\n")
            missing.append(b"Content-Type: text/plain; charset=utf-8\r\n")
        if encoding != part.encoding and transfer:
            colon = raw.index(b":", transfer.start) + 1
            value = b" " + encoding.encode("ascii") + b"\r\n"
            edits.append(Edit(colon, transfer.end, value, why))
        elif encoding != part.encoding:
            missing.append(b"Content-Transfer-Encoding: " + encoding.encode("ascii") + b"\r\n")
        if missing:
            at = kind.end if kind else part.header[0]
            edits.append(Edit(at, at, b"".join(missing), why))
        return sorted(edits)


def _named(part: Part, key: str) -> Field | None:
    return next((field for field in part.fields if field.key == key), None)


def _codec_in_effect(part: Part, text: str) -> tuple[str, bool]:
    """The codec that made ``text`` of the part, or nothing; and whether it is the one declared."""
    declared = part.charset or "us-ascii"
    for codec in (declared, *_GUESSES):
        try:
            if part.content.decode(codec) == text and (codec in _UTF_8 or _holds(codec, text)):
                return codecs.lookup(codec).name, codec == declared
        except (LookupError, ValueError):
            continue
    return "", False


@lru_cache(maxsize=64)
def _ascii_based(codec: str) -> bool:
    """Whether octets of HTML syntax always mean themselves, and nothing else means them."""
    if codec.startswith(("iso2022", "hz", "utf-7", "utf_7")):
        return False
    return _MARKUP.decode(codec, "replace") == _MARKUP.decode("ascii")


def _holds(codec: str, text: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _windows(octets: bytes, codec: str) -> str:
    """``octets`` as readers show them: what is called Latin-1 is Windows-1252 everywhere."""
    if codec == "iso8859-1":
        try:
            return octets.decode("windows-1252")
        except UnicodeDecodeError:
            pass
    return octets.decode(codec)

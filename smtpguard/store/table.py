"""Lists of addresses as people keep them: CSV of any dialect and encoding, read row by row.

Each row keeps its own text, so that a list can be written back octet for octet without the rows
of those who left. Memory does not grow with the list. A row that cannot be read is a value
with a reason, never an exception.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from smtpguard.mail.address import Address

DELIMITERS = ",;\t|"
SAMPLE = 50
"""Rows looked at to find the column of the addresses."""
LONGEST = 1 << 16
"""Characters of one row; a quote that is never closed would swallow the rest of the list."""
BLOCK = 1 << 20
MARK = "\ufeff"
"""The byte order mark, as a character."""
_ZONE = re.compile(r" ([+-]\d{4})(?: [A-Z]\w*)?$")
HEADINGS = frozenset(
    (
        *("email", "mail", "emailaddress", "address", "recipient", "subscriber", "contact"),
        *("adresse", "adressemail", "adresseemail", "courriel", "adresseélectronique"),
        *("indirizzo", "indirizzoemail", "indirizzomail", "postaelettronica"),
        *("emailadresse", "correo", "correoelectrónico", "correoelectronico"),
        *("domain", "domaine", "dominio"),
    )
)
"""What the column of the addresses is called, without spaces, hyphens and underscores."""


class TableError(ValueError):
    """A list that cannot be read at all; ``str()`` says why and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list."""

    line: int
    """Number of its first line, from 1."""
    text: str
    """As it stands in the file, line end included."""
    cells: tuple[str, ...]
    fault: str = ""
    """Why it cannot be read."""

    def cell(self, column: int) -> str:
        """One cell without surrounding space; empty where the row is too short."""
        return self.cells[column].strip() if column < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Table:
    """A list whose shape is known."""

    name: str
    """Of the file, for complaints."""
    encoding: str
    delimiter: str
    column: int
    """Of the addresses, from 0."""
    heading: Row | None
    size: int
    """Octets of the file."""
    opened: Callable[[], BinaryIO] = field(repr=False)
    """The list from its beginning."""

    @classmethod
    def of(cls, path: Path, column: str | None = None) -> Table:
        """Find out the encoding, the delimiter, the heading and the column of the addresses.

        ``column`` is its heading, or its number from 1. Raises ``TableError``.
        """
        return cls._of(str(path), lambda: path.open("rb"), column)

    @classmethod
    def within(cls, octets: bytes, name: str, column: str | None = None) -> Table:
        """The same of a list in memory; ``name`` is what complaints call it."""
        return cls._of(name, lambda: BytesIO(octets), column)

    @classmethod
    def _of(cls, name: str, opened: Callable[[], BinaryIO], column: str | None) -> Table:
        try:
            with opened() as octets:
                encoding = _encoding(octets)
                size = octets.seek(0, 2)
            with TextIOWrapper(opened(), encoding, newline="") as file:
                delimiter = _delimiter(file.read(1 << 16))
                file.seek(0)
                sample = list(islice(_rows(file, delimiter), SAMPLE))
        except (OSError, UnicodeError) as error:
            raise TableError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
        rows = [row for row in sample if row.text.strip() and not row.fault]
        if not rows:
            raise TableError(f"{name} has no rows")
        heading = None if any(looks_like(cell) for cell in rows[0].cells) else rows[0]
        found = _column(name, rows, heading, column)
        return cls(name, encoding, delimiter, found, heading, size, opened)

    def index(self, heading: str) -> int | None:
        """The column under a heading, from 0."""
        names = [_plain(cell) for cell in self.heading.cells] if self.heading else []
        return names.index(_plain(heading)) if _plain(heading) in names else None

    def rows(self) -> Iterator[Row]:
        """The rows after the heading, empty lines left out."""
        return filter(self.is_record, self.every())

    def every(self) -> Iterator[Row]:
        """All rows in order, heading and empty lines included."""
        with TextIOWrapper(self.opened(), self.encoding, newline="") as file:
            yield from _rows(file, self.delimiter)

    def is_record(self, row: Row) -> bool:
        """The row is neither the heading nor empty."""
        heading = self.heading is not None and row.line == self.heading.line
        return not heading and bool(row.text.strip())


def looks_like(cell: str) -> bool:
    """Whether a cell holds an address, or a domain written ``@example.com``."""
    return "@" in cell and read_who(cell) is not None


def read_who(cell: str) -> Address | str | None:
    """The address in a cell, or the domain of ``@example.com``; ``None`` for neither."""
    text = cell.strip().removeprefix("<").removesuffix(">")
    return read_domain(text[1:]) if text.startswith("@") else Address.parse(text.encode())


def read_domain(text: str) -> str | None:
    """A domain name in the form under which it is looked up, or ``None``."""
    address = Address.parse(b"x@" + text.strip().encode())
    if address is None or address.domain.startswith(b"["):
        return None
    return address.domain_key


def read_time(cell: str) -> int | None:
    """Seconds since the epoch of ``2026-03-31`` or ``2026-03-31T10:00:00+02:00``; else ``None``.

    The zone may stand apart, and be named as well: ``2026-03-31 10:00:00 +0200 CEST`` (listmonk).
    """
    try:
        moment = datetime.fromisoformat(_ZONE.sub(r"\1", cell.strip()))
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _rows(file: Iterable[str], delimiter: str) -> Iterator[Row]:
    """Join the lines of a row whose quotes span several; RFC 4180, and tolerant beyond it.

    No line is looked at more than twice, however the quotes stand.
    """
    complete = _complete(delimiter).fullmatch
    lines = enumerate(file, 1)
    # Lines that were read ahead; all but the first neither open nor close the quote they are in.
    ahead: deque[tuple[int, str]] = deque()
    length = 0
    while ahead or (line := next(lines, None)):
        if not ahead:
            assert line
            ahead.append(line)
            length = len(line[1])
        number, text = ahead[0]
        if '"' not in text or len(text) > LONGEST or complete(text.removeprefix(MARK)):
            ahead.popleft()
            length -= len(text)
            yield _row(number, text, delimiter)
            continue
        while length < LONGEST and (line := next(lines, None)):
            ahead.append(line)
            length += len(line[1])
            # What is within a quote at its beginning is read as if the quote began there.
            if '"' in line[1] and len(line[1]) <= LONGEST and complete('"' + line[1]):
                yield _row(number, "".join(text for _, text in ahead), delimiter)
                ahead.clear()
                break
        else:
            ahead.popleft()
            length -= len(text)
            yield Row(number, text, (), "a quote is opened and never closed")


def _row(number: int, text: str, delimiter: str) -> Row:
    if len(text) > LONGEST:
        return Row(number, text, (), f"it is longer than {LONGEST} characters")
    if "\0" in text:
        return Row(number, text, (), "it holds a NUL")
    try:
        cells = next(csv.reader([text.removeprefix(MARK)], delimiter=delimiter), [])
    except csv.Error as error:
        return Row(number, text, (), str(error))
    return Row(number, text, tuple(cells))


@lru_cache(maxsize=8)
def _complete(delimiter: str) -> re.Pattern[str]:
    """What a whole row looks like: no quoted cell is left open."""
    d = re.escape(delimiter)
    word = rf'[^"{d}\r\n][^{d}\r\n]*'
    cell = rf'(?:"[^"]*(?:""[^"]*)*"(?:{word})?|{word})?'
    return re.compile(rf"{cell}(?:{d}{cell})*(?:\r\n|\n|\r)?")


def _encoding(file: BinaryIO) -> str:
    """UTF-16 by its mark, UTF-8 if it is that throughout, else Latin-1.

    Each of them gives back the octets that it read: the mark is kept as a character, and Latin-1
    has one for every octet. Raises ``UnicodeError`` for what is not the UTF-16 that it says.
    """
    wide = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
    found = wide.get(file.read(2), "utf-8")
    file.seek(0)
    decoder = codecs.getincrementaldecoder(found)()
    try:
        while block := file.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        if found != "utf-8":
            raise
        return "latin-1"
    return found


def _delimiter(sample: str) -> str:
    """The delimiter that stands most often outside quotes in the first line that has any."""
    bare = re.sub(r'"(?:[^"]|"")*"', "", sample)
    for line in bare.splitlines()[:SAMPLE]:
        counts = {mark: line.count(mark) for mark in DELIMITERS}
        best = max(counts, key=lambda mark: counts[mark])
        if counts[best]:
            return best
    return ","


def _column(name: str, rows: Sequence[Row], heading: Row | None, wanted: str | None) -> int:
    width = max(len(row.cells) for row in rows)
    names = [_plain(cell) for cell in heading.cells] if heading else []
    if wanted is not None:
        if _plain(wanted) in names:
            return names.index(_plain(wanted))
        if wanted.isdigit() and 1 <= int(wanted) <= width:
            return int(wanted) - 1
        known = ", ".join(cell.strip() for cell in heading.cells) if heading else f"1 to {width}"
        raise TableError(f"{name} has no column {wanted!r}; it has {known}")
    body = [row for row in rows if row is not heading]
    counts = [sum(looks_like(row.cell(i)) for row in body) for i in range(width)]
    full = [i for i, count in enumerate(counts) if count and count == max(counts)]
    named = [i for i, name in enumerate(names) if name in HEADINGS and (i in full or not body)]
    for found in (named, full):
        if len(found) == 1:
            return found[0]
    if not full and width == 1:
        return 0
    which = "several columns hold" if full else "no column holds"
    raise TableError(f"{name}: {which} addresses; name the column")


def _plain(name: str) -> str:
    return "".join(name.casefold().translate({ord("_"): " ", ord("-"): " "}).split())

"""Lists without those who left: what becomes of each row. Shared by the command and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO

from smtpguard.mail.address import Address
from smtpguard.person import Person, Scope, Suppression
from smtpguard.store import partner
from smtpguard.store.store import Store
from smtpguard.store.table import MARK, Row, read_who

BATCH = 100
"""Rows looked up together: some milliseconds in which nobody else has a turn."""
LARGEST = 1 << 16
"""Characters after which a batch ends as well."""
LONGEST_ADDRESS = 1000
"""Characters; RFC 5321 §4.5.3.1 has 320 octets of them."""

Standing = Callable[[Person], Sequence[Suppression]]
"""What stands against the mail that is meant."""


class Fate(StrEnum):
    """What becomes of a row."""

    KEEP = "keep"
    DROP = "drop"
    BAD = "bad"
    """It names nobody, so that nobody can vouch for it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One row's fate, and why."""

    fate: Fate
    because: Suppression | None = None
    """The first that stands, where the row is dropped."""
    partly: bool = False
    """The row is kept, and something stands against other mail."""


async def judge(
    store: Store,
    controller: str,
    cells: Sequence[str],
    standing: Standing,
    lists: Sequence[tuple[str, Scope]] = (),
) -> list[Judged]:
    """The fate of each cell that should hold an address. Raises ``StoreSilent``.

    ``lists``: partners' lists that count, and how far each reaches.
    """
    found = [_read(cell) for cell in cells]
    addresses = [one for one in found if one is not None]
    people = iter(await partner.look_up(store, controller, addresses, lists))
    return [BAD if one is None else _judged(next(people), standing) for one in found]


def lines(octets: bytes) -> Iterator[Row]:
    """A list with an address on each line, and nothing else; ``octets_of`` gives a line back."""
    for number, line in enumerate(BytesIO(octets), 1):
        text = line.decode("utf-8", "surrogateescape")
        yield Row(number, text, (text,), "" if len(line) <= LARGEST else "it is too long")


def octets_of(text: str) -> bytes:
    """The octets of a line of ``lines``."""
    return text.encode("utf-8", "surrogateescape")


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in portions that are looked up together."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.text)
        if len(batch) >= BATCH or size >= LARGEST:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


BAD = Judged(Fate.BAD)
KEEP = Judged(Fate.KEEP)


def _read(cell: str) -> Address | None:
    if len(cell) > LONGEST_ADDRESS:
        return None
    try:
        one = read_who(cell.removeprefix(MARK))
    except UnicodeError:  # half a character, as JSON can write one
        return None
    return one if isinstance(one, Address) else None


def _judged(person: Person, standing: Standing) -> Judged:
    if not person.suppressions:
        return KEEP
    against = standing(person)
    return Judged(Fate.DROP, against[0]) if against else Judged(Fate.KEEP, partly=True)

"""Lists without those who left: a short one in JSON, a long one as text, row by row.

A list is looked up in portions with a pause after each, so that readers' clicks and other callers
have their turn; few lists at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from starlette.responses import Response, StreamingResponse

from smtpguard import log
from smtpguard.person import Person, Suppression
from smtpguard.policy.names import Named
from smtpguard.store import cleaning
from smtpguard.store.cleaning import Fate, Judged
from smtpguard.store.table import Row, Table, TableError
from smtpguard.web.api.answered import Cleaned, Counts, Dropped, Fault
from smtpguard.web.api.asked import Clean, CleanQuery
from smtpguard.web.api.call import JSON, Call
from smtpguard.web.api.check import standing
from smtpguard.web.api.problem import HEADERS, Refused, pointer

PLAIN, CSV = "text/plain", "text/csv"
MOST_ROWS = 250_000
"""Rows of one list."""
PIECE = 1 << 16
"""Octets of an answer that are sent in one go."""


@dataclass(frozen=True, slots=True)
class List:
    """Rows that came as text."""

    rows: Iterable[Row]
    cell: Callable[[Row], str]
    """Where the address stands."""
    is_record: Callable[[Row], bool]
    """Not the heading, nor empty."""
    octets: Callable[[str], bytes]
    """A row's text as it came."""
    encoding: str


async def clean(call: Call) -> Cleaned | Response:
    """Which of a list may be written to: JSON for JSON, rows for rows.

    Where no stream is named, what stands against any that may be meant counts. Rows that cannot
    be read are not kept, because nobody can vouch for them.
    """
    kind = call.media_type
    if kind == JSON:
        return await _listed(call)
    if kind in (PLAIN, CSV):
        return await _written(call, kind)
    kinds = ", ".join((JSON, PLAIN, CSV))
    raise Refused("wrong-type", f"the body must be one of {kinds}", (), {"Accept-Post": kinds})


async def _listed(call: Call) -> Cleaned:
    asked = await call.asked(Clean)
    named = call.named(asked)
    keep: list[str] = []
    drop: list[Dropped] = []
    bad: list[Fault] = []
    partly = 0
    rows = [Row(number, word, (word,)) for number, word in enumerate(asked.addresses)]
    async with call.turn:
        async for row, found in _judged(call, named, rows, lambda row: row.text):
            partly += found.partly
            if found.fate is Fate.KEEP:
                keep.append(row.text)
            elif found.because is not None:
                drop.append(Dropped(address=row.text, because=standing(found.because)))
            else:
                place = pointer(("addresses", row.line))
                bad.append(Fault(pointer=place, detail="not an address"))
    counts = Counts(keep=len(keep), drop=len(drop), bad=len(bad), partly=partly)
    _note(call, named, counts)
    return Cleaned(
        controller=named.controller,
        brand=named.scope.brand,
        stream=named.scope.stream,
        counts=counts,
        keep=tuple(keep),
        drop=tuple(drop),
        bad=tuple(bad),
    )


async def _written(call: Call, kind: str) -> Response:
    """The rows of one portion as they came, heading included; the counts in the header.

    It is whole before the first of it is sent: a store that falls silent is no short list.
    """
    asked = call.query(CleanQuery)
    named = call.named(asked, place="parameter")
    octets = await call.octets(call.desk.settings.api.limits.list)
    if max(octets.count(b"\n"), octets.count(b"\r")) > MOST_ROWS:
        raise Refused("too-large", f"more than {MOST_ROWS} rows: send them in parts")
    given = await _read(octets, kind, asked.column)
    wanted = Fate(asked.answer.value)
    told = dict.fromkeys(Fate, 0)
    partly = 0
    pieces: list[bytes] = []
    async with call.turn:
        async for row, found in _judged(call, named, given.rows, given.cell):
            if given.is_record(row):
                told[found.fate] += 1
                partly += found.partly
                if found.fate is wanted:
                    pieces.append(given.octets(row.text))
            elif row.text.strip() or wanted is Fate.KEEP:  # a heading belongs to every portion
                pieces.append(given.octets(row.text))
    counts = Counts(keep=told[Fate.KEEP], drop=told[Fate.DROP], bad=told[Fate.BAD], partly=partly)
    _note(call, named, counts)
    body = b"".join(pieces)
    headers = {f"SmtpGuard-{name.title()}": str(count) for name, count in counts}
    headers |= {**HEADERS, "Content-Length": str(len(body))}
    headers["Content-Type"] = f"{kind}; charset={given.encoding}"
    return StreamingResponse(_in_pieces(body), headers=headers)


async def _read(octets: bytes, kind: str, column: str | None) -> List:
    if kind == PLAIN:
        if column is not None:
            fault = {"parameter": "column", "detail": "text has no columns: send it as text/csv"}
            raise Refused("invalid", fault["detail"], [fault])
        rows = cleaning.lines(octets)
        return List(rows, lambda row: row.text, _is_filled, cleaning.octets_of, "utf-8")
    try:
        table = await asyncio.to_thread(Table.within, octets, "the list", column)
    except TableError as error:
        raise Refused("invalid", str(error)) from None
    return List(
        table.every(),
        lambda row: row.cell(table.column),
        table.is_record,
        lambda text: text.encode(table.encoding),
        "iso-8859-1" if table.encoding == "latin-1" else table.encoding,
    )


async def _judged(
    call: Call, named: Named, rows: Iterable[Row], cell: Callable[[Row], str]
) -> AsyncIterator[tuple[Row, Judged]]:
    """Each row with its fate. As much time as it takes is left to others."""

    def against(person: Person) -> list[Suppression]:
        return named.standing(person, partly=True)

    began = time.monotonic()
    for batch in cleaning.batches(rows):
        cells = ["" if row.fault else cell(row) for row in batch]
        store = call.desk.store
        found = await cleaning.judge(store, named.controller, cells, against, named.lists)
        for row, fate in zip(batch, found, strict=True):
            yield row, fate
        if await call.request.is_disconnected():
            raise Refused("malformed", "it broke off")
        await asyncio.sleep(time.monotonic() - began)
        began = time.monotonic()


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


def _is_filled(row: Row) -> bool:
    return bool(row.text.strip())


def _note(call: Call, named: Named, counts: Counts) -> None:
    said = dict(counts)
    name = call.caller.name or "-"
    log.api("cleaned", token=name, controller=named.controller, scope=named.scope, **said)

"""Whole lists: ``suppress import`` and ``suppress clean``.

Bad rows are named by line number and reason, never by what they hold.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TypeVar

import typer

from smtpguard.cli.reach import (
    Brand,
    ConfigFile,
    Controller,
    Force,
    Place,
    Policies,
    State,
    Stream,
    Url,
    ending,
    fail,
    meter,
    say,
)
from smtpguard.person import Person, Reason, Scope, Suppression

if TYPE_CHECKING:
    from smtpguard.mail.address import Address
    from smtpguard.store.loading import Tally
    from smtpguard.store.store import Store
    from smtpguard.store.table import Row, Table

Item = TypeVar("Item")
DEADLINE = 10.0
"""Seconds for one batch of a list: it may wait, mail may not."""
BATCH = 250
File = Annotated[Path, typer.Argument(metavar="LIST.csv", exists=True, dir_okay=False)]
Column = Annotated[str | None, typer.Option(help="Heading or number of the addresses' column.")]
Fast = Annotated[bool, typer.Option("--fast", help="Without pauses; holds up mail in transit.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="File; else standard output.")]


def import_(
    file: File,
    controller: Controller = None,
    brand: Brand = "",
    stream: Stream = "",
    reason: Annotated[Reason, typer.Option(help="Why they are not written to.")] = Reason.MANUAL,
    domain: Annotated[bool, typer.Option("--domain", help="The list holds domains.")] = False,
    column: Column = None,
    time_column: Annotated[
        str | None, typer.Option(help="Heading of a column that says since when (2026-03-31).")
    ] = None,
    fast: Fast = False,
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    policies: Policies = None,
    url: Url = None,
) -> None:
    """Record everybody on a list; exit 65 when a row could not be read."""
    from smtpguard.store.loading import BadRow
    from smtpguard.store.table import Table, read_time

    with ending():
        place = Place.of(config, state, url, policies)
        name = place.controller(controller, brand, stream, force=force)
        table = Table.of(file, column)
        dated = None if time_column is None else table.index(time_column)
        if time_column is not None and dated is None:
            fail(f"{file} has no column {time_column!r}", os.EX_DATAERR)
        scope, now = Scope(brand, stream), int(time.time())

        def read(row: Row) -> tuple[Address | str, Suppression]:
            one = who(row.cell(table.column), domain=domain, force=force)
            since = now if dated is None else read_time(row.cell(dated))
            if since is None:
                raise BadRow("the date is not of the form 2026-03-31")
            return one, Suppression(reason, scope, since, "import", isinstance(one, str))

        async def work(store: Store) -> Tally:
            async def write(batch: Sequence[tuple[Address | str, Suppression]]) -> int:
                return await store.suppress_many(name, batch)

            return await bring(table, read, write, fast=fast)

        report(place.run(work, deadline=DEADLINE))


def clean(
    file: File,
    controller: Controller = None,
    brand: Brand = "",
    stream: Stream = "",
    column: Column = None,
    output: Output = None,
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    policies: Policies = None,
    url: Url = None,
) -> None:
    """Write a list back without those who left, otherwise as it was; exit 65 on bad rows.

    Without --brand or --stream, who left the whole controller is left out. Rows that cannot be
    read are left out too, because nobody can vouch for them.
    """
    from smtpguard.store.table import Table

    with ending():
        place = Place.of(config, state, url, policies)
        name = place.controller(controller, brand, stream, force=force)
        table = Table.of(file, column)
        counts = {"kept": 0, "left out": 0, "bad": 0, "partly": 0}

        async def work(store: Store) -> None:
            with meter(table.size, "cleaning") as advance, writing(output) as out:
                for rows in _batches(table.every()):
                    for row, person in await _people(store, name, table, rows):
                        fate = _fate(row, person, brand, stream) if table.is_record(row) else ""
                        if fate:
                            counts[fate] += 1
                        if fate == "bad":
                            say(f"{file}:{row.line}: {row.fault or 'not an address'}")
                        elif fate != "left out":
                            counts["partly"] += bool(person and person.suppressions)
                            out.write(row.text.encode(table.encoding))
                    advance(sum(len(row.text) for row in rows))

        place.run(work, deadline=DEADLINE)
        partly = counts.pop("partly")
        say(", ".join(f"{count} {what}" for what, count in counts.items()))
        if partly:
            say(f"{partly} of those kept have left a brand or a stream: see --brand and --stream")
        if counts["bad"]:
            raise typer.Exit(os.EX_DATAERR)


def who(text: str, *, domain: bool, force: bool) -> Address | str:
    """An address or a domain; a domain that strangers share only with ``force``.

    Raises ``BadRow``.
    """
    from smtpguard.store.loading import BadRow
    from smtpguard.store.shared_domain import why_shared
    from smtpguard.store.table import read_domain, read_who

    one = read_domain(text.removeprefix("@")) if domain else read_who(text)
    if one is None:
        raise BadRow("not a domain" if domain else "not an address")
    if isinstance(one, str) and not force and (why := why_shared(one)):
        raise BadRow(f"{why}; --force suppresses it all the same")
    return one


async def bring(
    table: Table,
    read: Callable[[Row], Item],
    write: Callable[[Sequence[Item]], Awaitable[int]],
    *,
    fast: bool,
) -> Tally:
    """``loading.load`` with a progress bar and complaints on standard error."""
    from smtpguard.store.loading import load

    with meter(table.size, "importing") as advance:
        return await load(
            table.rows(),
            read,
            write,
            complain=lambda line, why: say(f"{table.path}:{line}: {why}"),
            progress=advance,
            share=1.0 if fast else 0.5,
        )


def report(tally: Tally) -> None:
    """The counts, and exit 65 when a row was bad."""
    typer.echo(f"{tally.rows} rows: {tally.new} new, {tally.known} known before, {tally.bad} bad")
    if tally.bad:
        raise typer.Exit(os.EX_DATAERR)


@contextmanager
def writing(output: Path | None) -> Iterator[BinaryIO]:
    """A file that appears when it is whole, or standard output."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with draft.open("xb") as file:
            draft.chmod(0o600)
            yield file
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)


def _fate(row: Row, person: Person | None, brand: str, stream: str) -> str:
    if row.fault or person is None:
        return "bad"
    gone = any(one.scope.covers(brand, stream) for one in person.suppressions)
    return "left out" if gone else "kept"


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        yield batch


async def _people(
    store: Store, controller: str, table: Table, rows: Sequence[Row]
) -> list[tuple[Row, Person | None]]:
    """Each row with what is known of its person; ``None`` where it names nobody."""
    from smtpguard.mail.address import Address
    from smtpguard.store.table import read_who

    found = [read_who(row.cell(table.column)) for row in rows]
    addresses = [one for one in found if isinstance(one, Address)]
    people = iter(await store.look_up(controller, addresses))
    return [
        (row, next(people) if isinstance(one, Address) else None)
        for row, one in zip(rows, found, strict=True)
    ]

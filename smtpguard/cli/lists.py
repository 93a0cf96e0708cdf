"""Whole lists: ``suppress import`` and ``suppress clean``.

Bad rows are named by line number and reason, never by what they hold.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TypeVar

import typer

from smtpguard.cli.arrivals import CHANNEL, Arrivals
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
from smtpguard.person import OptOut, Reason, Suppression

if TYPE_CHECKING:
    from smtpguard.mail.address import Address
    from smtpguard.store.loading import Tally
    from smtpguard.store.store import Store
    from smtpguard.store.table import Row, Table

Item = TypeVar("Item")
EVERYBODY = ("uuid", "email", "attributes", "status")
"""The columns of listmonk's export, which holds those who are written to as well."""
DEADLINE = 10.0
"""Seconds for one batch of a list: it may wait, mail may not."""
A_DAY = 86_400
"""Seconds by which a date may be ahead: elsewhere it is tomorrow already."""
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
    only: Annotated[
        str | None,
        typer.Option(metavar="COLUMN=VALUE,...", help="The rows that say one of these there."),
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
        named = place.named(controller, brand, stream, force=force)
        table = Table.of(file, column)
        wanted = wanting(table, only)
        dated = None if time_column is None else table.index(time_column)
        if time_column is not None and dated is None:
            fail(f"{file} has no column {time_column!r}", os.EX_DATAERR)
        scope, now = named.scope, int(time.time())

        arrivals = Arrivals(named.controller, place.allowed(named.controller), now)

        def read(row: Row) -> tuple[Address | str, OptOut]:
            one = who(row.cell(table.column), domain=domain, force=force)
            since = now if dated is None else read_time(row.cell(dated))
            if since is None:
                raise BadRow("the date is not of the form 2026-03-31")
            if not 0 <= since <= now + A_DAY:
                raise BadRow("the date has not been yet, or is before 1970")
            since = min(since, now)
            wish = Suppression(reason, scope, since, CHANNEL, isinstance(one, str))
            return one, OptOut(wish, 0 if dated is None else since)

        async def work(store: Store) -> Tally:
            async def write(batch: Sequence[tuple[Address | str, OptOut]]) -> int:
                recorded = await store.opt_out(named.controller, batch)
                await arrivals.note(store, [wish for _, wish in batch], recorded)
                return sum(done.new for done in recorded)

            return await bring(table, read, write, fast=fast, wanted=wanted)

        tally = place.run(work, deadline=DEADLINE)
        arrivals.report()
        report(tally)


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
    from smtpguard.store.cleaning import Fate, batches, judge
    from smtpguard.store.table import Table

    fates = {Fate.KEEP: "kept", Fate.DROP: "left out", Fate.BAD: "bad"}
    with ending():
        place = Place.of(config, state, url, policies)
        named = place.named(controller, brand, stream, force=force)
        table = Table.of(file, column)
        counts = {"kept": 0, "left out": 0, "bad": 0}
        partly = 0

        async def work(store: Store) -> None:
            nonlocal partly
            with meter(table.size, "cleaning") as advance, writing(output) as out:
                for rows in batches(table.every()):
                    cells = ["" if row.fault else row.cell(table.column) for row in rows]
                    judged = await judge(
                        store, named.controller, cells, named.standing, named.lists
                    )
                    for row, found in zip(rows, judged, strict=True):
                        if table.is_record(row):
                            counts[fates[found.fate]] += 1
                            partly += found.partly
                            if found.fate is Fate.BAD:
                                say(f"{file}:{row.line}: {row.fault or 'not an address'}")
                            if found.fate is not Fate.KEEP:
                                continue
                        out.write(row.text.encode(table.encoding))
                    advance(sum(len(row.text) for row in rows))

        place.run(work, deadline=DEADLINE)
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


def wanting(table: Table, only: str | None) -> Callable[[Row], bool]:
    """Which rows ``--only`` means; all of them without it, unless most of them never left."""
    if only is None:
        if all(table.index(name) is not None for name in EVERYBODY):
            fail(
                f"{table.name} is listmonk's export of everybody: say who left,"
                " as --only status=blocklisted",
                os.EX_USAGE,
            )
        return lambda _: True
    name, equals, values = only.partition("=")
    at = table.index(name)
    if not equals or at is None:
        fail(f"{table.name} has no column {name!r}", os.EX_DATAERR)
    words = {value.strip().casefold() for value in values.split(",")}
    return lambda row: row.cell(at).casefold() in words


def said(table: Table, row: Row, usual: Mapping[str, str]) -> dict[str, str]:
    """What the row says under each heading, else what the options say."""
    columns = {heading: table.index(heading) for heading in usual}
    return {
        heading: (row.cell(at) if (at := columns[heading]) is not None else "") or word
        for heading, word in usual.items()
    }


async def bring(
    table: Table,
    read: Callable[[Row], Item],
    write: Callable[[Sequence[Item]], Awaitable[int]],
    *,
    fast: bool,
    wanted: Callable[[Row], bool] = lambda _: True,
) -> Tally:
    """``loading.load`` with a progress bar and complaints on standard error."""
    from smtpguard.store.loading import load

    with meter(table.size, "importing") as advance:
        return await load(
            filter(wanted, table.rows()),
            read,
            write,
            complain=lambda line, why: say(f"{table.name}:{line}: {why}"),
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

"""``smtpguard contact``: where contacts come from, and since when they are known.

On the first day everybody would be new, and every mail would carry a notice. Contacts imported
here are known since a day; a policy's ``assume_known_before`` says which of them were informed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli import lists
from smtpguard.cli.reach import (
    ConfigFile,
    Controller,
    Force,
    Place,
    Policies,
    State,
    Url,
    ending,
    fail,
)
from smtpguard.person import ORIGINS, Source

if TYPE_CHECKING:
    from smtpguard.mail.address import Address
    from smtpguard.store.loading import Tally
    from smtpguard.store.store import Store
    from smtpguard.store.table import Row

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

LONGEST_NAME = 200


@app.callback()
def contact() -> None:
    """Where contacts come from, and since when they are known."""


@app.command("import")
def import_(
    file: lists.File,
    controller: Controller = None,
    source: Annotated[
        str, typer.Option(help="Where they come from, in a reader's words; else column source.")
    ] = "",
    source_id: Annotated[str, typer.Option(help="Your id of the source; else a column.")] = "",
    origin: Annotated[
        str, typer.Option(help="self, purchased, rented, public or partner; else a column.")
    ] = "",
    known_since: Annotated[
        str, typer.Option(help="A day (2026-03-31); else column known_since, else now.")
    ] = "",
    column: lists.Column = None,
    fast: lists.Fast = False,
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    policies: Policies = None,
    url: Url = None,
) -> None:
    """Record where everybody on a list comes from; exit 65 when a row could not be read.

    Columns beside the address: source, source_id, origin, known_since. A row's own words count
    more than the options.
    """
    from smtpguard.store.loading import BadRow
    from smtpguard.store.table import Table, read_time

    with ending():
        place = Place.of(config, state, url, policies)
        name = place.controller(controller, force=force)
        table = Table.of(file, column)
        usual = {
            "source": source,
            "source_id": source_id,
            "origin": origin,
            "known_since": known_since,
        }
        if known_since and read_time(known_since) is None:
            fail("--known-since is not of the form 2026-03-31", os.EX_USAGE)
        now = int(time.time())

        def read(row: Row) -> tuple[Address, Source | None, int, bool]:
            one = lists.who(row.cell(table.column), domain=False, force=True)
            if isinstance(one, str):
                raise BadRow("a domain, not an address")
            said = lists.said(table, row, usual)
            day = read_time(said["known_since"]) if said["known_since"] else now
            if day is None:
                raise BadRow("known_since is not of the form 2026-03-31")
            return one, _source(said), day, bool(said["known_since"])

        async def work(store: Store) -> Tally:
            async def write(batch: Sequence[tuple[Address, Source | None, int, bool]]) -> int:
                return await store.register(name, batch)

            return await lists.bring(table, read, write, fast=fast)

        lists.report(place.run(work, deadline=lists.DEADLINE))


def _source(said: dict[str, str]) -> Source | None:
    """Raises ``BadRow`` for words that could not stand in a mail."""
    from smtpguard.store.loading import BadRow

    name, identity, origin = said["source"], said["source_id"], said["origin"].casefold()
    if origin not in ORIGINS:
        raise BadRow(f"origin is none of {', '.join(ORIGINS[1:])}")
    if len(name) > LONGEST_NAME or not name.isprintable() or not identity.isprintable():
        raise BadRow("the source's name is too long or not printable")
    if not name:
        if identity or origin:
            raise BadRow("the source has no name")
        return None
    return Source(identity or name, name, origin)

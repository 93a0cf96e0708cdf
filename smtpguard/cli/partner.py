"""``smtpguard suppress lists``: hashed lists of partners, which policies name."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli.reach import ConfigFile, Force, Place, State, Url, ending, fail, say
from smtpguard.store.partner import Algorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpguard.store.partner import Listed
    from smtpguard.store.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

SHRINKS = 2
"""A list that is replaced by one so many times shorter was more likely cut than shortened."""
NAMED = 5
"""Bad rows that are named by their line."""
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `suppression_lists` has it.")]


@app.command("import")
def import_(
    name: Name,
    file: Annotated[Path, typer.Argument(help="Hexadecimal hashes, one a line or a CSV column.")],
    algorithm: Annotated[Algorithm, typer.Option(help="How they were made.")],
    add: Annotated[bool, typer.Option("--add", help="Keep what the list holds.")] = False,
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    url: Url = None,
) -> None:
    """Put a list in the place of what it held; hashes are of the trimmed, lower-case address."""
    from smtpguard.store import partner

    bad: list[int] = []

    def hashes() -> Iterator[bytes]:
        with file.open("rb") as lines:
            for number, found in partner.read(lines, algorithm):
                if found is None:
                    bad.append(number)
                else:
                    yield found

    with ending():
        if not file.is_file():
            fail(f"{file}: there is no such file", os.EX_NOINPUT)
        found = sum(1 for _ in hashes())
        if not found and not add:
            fail(f"{file}: no {algorithm.value} hash in it; nothing was changed", os.EX_DATAERR)
        for number in bad[:NAMED]:
            say(f"{file}:{number}: no {algorithm.value} hash")
        bad.clear()

        async def work(store: Store) -> int:
            now = int(time.time())
            held = {one.name: one.size for one in await partner.every(store)}
            if not add and not force and found * SHRINKS < held.get(name, 0):
                what = f"{found} hashes would replace {held[name]}: was {file} cut?"
                fail(f"{what} --force does it all the same; nothing was changed", os.EX_DATAERR)
            return await partner.load(store, name, algorithm, hashes(), now=now, keep=add)

        size = Place.of(config, state, url).run(work)
        typer.echo(f"{name}: {size} hashes, {len(bad)} bad rows")
        raise typer.Exit(os.EX_DATAERR if bad else os.EX_OK)


@app.command("list")
def list_(config: ConfigFile = None, state: State = None, url: Url = None) -> None:
    """One line for each list: its name, algorithm, size and day of import."""
    from smtpguard.store import partner

    with ending():

        async def work(store: Store) -> list[Listed]:
            return await partner.every(store)

        found = Place.of(config, state, url).run(work)
        for one in found:
            day = datetime.fromtimestamp(one.imported, UTC).strftime("%Y-%m-%d")
            typer.echo(f"{one.name}\t{one.algorithm}\t{one.size}\t{day}")
        if not found:
            say("no lists")


@app.command()
def purge(
    name: Name,
    hashes: Annotated[list[str], typer.Argument(metavar="HASH...", help="Hexadecimal.")],
    config: ConfigFile = None,
    state: State = None,
    url: Url = None,
) -> None:
    """Take hashes from a list; exit 1 when none stood on it."""
    from smtpguard.store import partner

    try:
        found = [bytes.fromhex(word) for word in hashes]
    except ValueError:
        fail("a hash is hexadecimal", os.EX_DATAERR)
    if not all(found):
        fail("a hash is empty", os.EX_DATAERR)
    with ending():

        async def work(store: Store) -> int:
            return await partner.purge(store, name, found)

        count = Place.of(config, state, url).run(work)
        typer.echo(f"{name}: {count} purged")
        raise typer.Exit(os.EX_OK if count else 1)


@app.command()
def remove(name: Name, config: ConfigFile = None, state: State = None, url: Url = None) -> None:
    """Forget a whole list; exit 1 when there is none. Take it out of the policies first."""
    from smtpguard.store import partner

    with ending():

        async def work(store: Store) -> bool:
            return await partner.remove(store, name)

        gone = Place.of(config, state, url).run(work)
        typer.echo(f"{name}: {'removed' if gone else 'there is no such list'}")
        raise typer.Exit(os.EX_OK if gone else 1)

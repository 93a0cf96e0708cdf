"""``smtpguard keys``: make, back up and verify the reference and link keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli.reach import ConfigFile, Place, State, Url, ending, fail, say

if TYPE_CHECKING:
    from smtpguard.keys import Keyring
    from smtpguard.store.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command()
def new(
    reference: Annotated[bool, typer.Option("--reference", help="Only a reference key.")] = False,
    link: Annotated[bool, typer.Option("--link", help="Only a link key.")] = False,
    config: ConfigFile = None,
    state: State = None,
) -> None:
    """Make a reference key and a link key; new records and links use them from the next start.

    Older keys stay in use for what was made with them. Every host needs the same files.
    """
    from smtpguard.store.keyfiles import load_ring, new_keys

    with ending():
        place = Place.of(config, state)
        ring = load_ring(place.keys)
        both = reference == link
        found = new_keys(place.keys, ring, reference=reference or both, link=link or both)
        typer.echo(_described(found))
        say(f"keys are in {place.keys}: copy them to every host, then `smtpguard keys backup`")


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="A new file; put a copy into the keys directory to restore it.")
    ],
    config: ConfigFile = None,
    state: State = None,
) -> None:
    """Write all keys to one file with a checksum; whoever loses them loses every objection."""
    from smtpguard.store.keyfiles import load_ring, write_file

    with ending():
        ring = load_ring(Place.of(config, state).keys)
        if not ring.references:
            fail("there are no keys yet: `smtpguard keys new`", os.EX_NOINPUT)
        write_file(file, ring)
        typer.echo(_described(ring))


@app.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="A backup, to be compared as well.")] = None,
    config: ConfigFile = None,
    state: State = None,
    url: Url = None,
) -> None:
    """Make sure that the keys are whole, are those the store was written with, and are backed up.

    Exit 78 when a key is damaged, missing or another, 65 when the backup lacks one.
    """
    from smtpguard.store.keyfiles import load_ring, read_file

    with ending():
        place = Place.of(config, state, url)
        ring = load_ring(place.keys)
        if not ring.references:
            fail("there are no keys yet: `smtpguard keys new`", os.EX_CONFIG)
        if file is not None:
            lost = _missing(ring, read_file(file))
            if lost:
                fail(f"{file} lacks {', '.join(lost)}: make a new backup", os.EX_DATAERR)

        async def work(store: Store) -> int:
            _, _, rows = await store.describe()
            return rows

        rows = place.run(work)
        typer.echo(_described(ring))
        typer.echo(f"the store knows them ({rows} keys in it)")


def _described(ring: Keyring) -> str:
    references = [f"reference key {key.id} ({key.fingerprint})" for key in ring.references]
    return "\n".join([*references, *(f"link key {key.id}" for key in ring.links)])


def _missing(ring: Keyring, copy: Keyring) -> list[str]:
    lost = [f"reference key {key.id}" for key in ring.references if key not in copy.references]
    return lost + [f"link key {key.id}" for key in ring.links if key not in copy.links]

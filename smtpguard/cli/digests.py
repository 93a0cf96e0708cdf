"""``smtpguard digests``: what is held up now, and which letters to owners did not leave."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli.reach import ConfigFile, Place, State, Url, ending, say

if TYPE_CHECKING:
    from smtpguard.store.outbox import Job
    from smtpguard.store.store import Store
    from smtpguard.store.troubles import Trouble

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(config: ConfigFile = None, state: State = None, url: Url = None) -> None:
    """One line for each trouble, and each letter that waits; exit 1 when one was given up."""
    from smtpguard.store.outbox import LETTERS, Outbox
    from smtpguard.store.troubles import Troubles

    with ending():
        place = Place.of(config, state, url)
        ring = place.ring()

        async def work(store: Store) -> tuple[list[Trouble], list[Job], list[Job]]:
            box = Outbox(store, ring, LETTERS)
            waiting, dead = await box.listed(dead=False), await box.listed(dead=True)
            return await Troubles(store).listed(), waiting, dead

        troubles, waiting, dead = place.run(work, announces=False)
        for one in troubles:
            typer.echo("\t".join(_told(one)))
        for word, jobs in (("waits until", waiting), ("given up", dead)):
            for job in jobs:
                facts = (job.id, job.event["type"], job.event["controller"], job.event["to"])
                when = f"{word} {_moment(job.due)}"
                typer.echo("\t".join(map(str, (*facts, when, f"{job.tries} tries", job.fault))))
        if not (troubles or waiting or dead):
            say("nothing is held up, and everybody was told")
        if dead:
            raise typer.Exit(1)


@app.command()
def retry(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="As listed; all without.")
    ] = None,
    config: ConfigFile = None,
    state: State = None,
    url: Url = None,
) -> None:
    """Try again the letters that were given up; `smtpguard serve` does it within a second."""
    from smtpguard.store.outbox import LETTERS, Outbox

    with ending():
        place = Place.of(config, state, url)
        ring = place.ring()

        async def work(store: Store) -> int:
            box = Outbox(store, ring, LETTERS)
            found = [job for job in await box.listed(dead=True) if not ids or job.id in ids]
            for job in found:
                await box.revive(job, int(time.time()))
            return len(found)

        count = place.run(work, announces=False)
        typer.echo(f"{count} tried again")
        if ids and count < len(set(ids)):
            raise typer.Exit(1)


def _told(one: Trouble) -> tuple[str, ...]:
    refused = sum(count.refused for count in one.counts.values())
    deferred = sum(count.deferred for count in one.counts.values())
    until = f"until {_moment(one.ended)}" if one.ended else "still"
    subject = f"{one.name.controller}/{one.name.subject}"
    counted = f"{refused} refused, {deferred} put off"
    return (one.name.cause, subject, one.name.fault or "-", _moment(one.since), until, counted)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

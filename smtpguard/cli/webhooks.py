"""``smtpguard webhooks``: what a company was not told yet, or could not be told.

No address is printed.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli.reach import ConfigFile, Place, State, Url, ending, say

if TYPE_CHECKING:
    from smtpguard.store.outbox import Job
    from smtpguard.store.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(config: ConfigFile = None, state: State = None, url: Url = None) -> None:
    """One line for each event that waits or was given up; exit 1 when one was given up."""
    from smtpguard.store.outbox import Outbox

    with ending():
        place = Place.of(config, state, url)
        ring = place.ring()

        async def work(store: Store) -> tuple[list[Job], list[Job]]:
            outbox = Outbox(store, ring)
            return await outbox.listed(dead=False), await outbox.listed(dead=True)

        waiting, dead = place.run(work, announces=False)
        for word, jobs in (("waits until", waiting), ("given up", dead)):
            for job in jobs:
                facts = (job.id, job.event["type"], job.event["controller"])
                when = f"{word} {_day(job.due)}"
                typer.echo("\t".join(map(str, (*facts, when, f"{job.tries} tries", job.fault))))
        if not waiting and not dead:
            say("everything was told")
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
    """Try again what was given up; `smtpguard web` does it within a minute."""
    from smtpguard.store.outbox import Outbox

    with ending():
        place = Place.of(config, state, url)
        ring = place.ring()

        async def work(store: Store) -> int:
            outbox = Outbox(store, ring)
            found = [job for job in await outbox.listed(dead=True) if not ids or job.id in ids]
            for job in found:
                await outbox.revive(job, int(time.time()))
            return len(found)

        count = place.run(work, announces=False)
        typer.echo(f"{count} tried again")
        if ids and count < len(set(ids)):
            raise typer.Exit(1)


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

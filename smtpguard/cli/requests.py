"""``smtpguard requests``: who asks for their data, and until when they must have an answer."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli.reach import ConfigFile, Place, State, Url, ending, fail, say

if TYPE_CHECKING:
    from smtpguard.store.requests import Request
    from smtpguard.store.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Number = Annotated[str, typer.Argument(help="As the list and the reader's page show it.")]


@app.command("list")
def list_(
    done: Annotated[bool, typer.Option("--done", help="Those answered as well.")] = False,
    config: ConfigFile = None,
    state: State = None,
    url: Url = None,
) -> None:
    """One line each, those due first coming first; exit 1 when one is overdue."""
    from smtpguard.store.requests import every

    with ending():
        place = Place.of(config, state, url)

        async def work(store: Store) -> list[Request]:
            return [one async for one in every(store) if done or not one.done]

        found = place.run(work)
        overdue = 0
        for one in found:
            late = not one.done and one.due < time.time()
            overdue += late
            word = f"done {_day(one.done)}" if one.done else "OVERDUE" if late else "open"
            typer.echo(
                f"{one.number}\t{one.kind.value}\t{one.controller}\tdue {_day(one.due)}\t{word}"
            )
        if not found:
            say("no requests" if done else "no open requests")
        if overdue:
            raise typer.Exit(1)


@app.command()
def show(number: Number, config: ConfigFile = None, state: State = None, url: Url = None) -> None:
    """Who asks, for what, in their own words. What is shown is personal data."""
    from smtpguard.store.requests import show as look_up
    from smtpguard.unsubscribe.asker import unseal

    with ending():
        place = Place.of(config, state, url)

        async def work(store: Store) -> Request | None:
            return await look_up(store, number)

        one = place.run(work)
        if one is None:
            fail(f"there is no request {number}, or it was deleted", os.EX_DATAERR)
        asker = unseal(place.ring(), one.sealed)
        facts = [
            ("request", one.number),
            ("asks for", one.kind.value),
            ("of", one.controller),
            ("opened", _day(one.opened)),
            ("answer due", _day(one.due)),
            ("answered", _day(one.done) if one.done else "not yet"),
            ("deleted", _day(one.forgotten)),
        ]
        if asker is None:
            facts.append(("who asks", "sealed with a link key that is not here"))
        else:
            facts += [("who asks", asker.address), ("language", asker.language)]
        for name, value in facts:
            typer.echo(f"{name:<12}{value}")
        if asker is not None and asker.note:
            typer.echo("\n" + "".join(c for c in asker.note if c.isprintable() or c == "\n"))


@app.command()
def done(number: Number, config: ConfigFile = None, state: State = None, url: Url = None) -> None:
    """Note that a request was answered. It stays until its day of deletion."""
    from smtpguard.store.requests import answered

    with ending():

        async def work(store: Store) -> bool:
            return await answered(store, number)

        if not Place.of(config, state, url).run(work):
            fail(f"there is no open request {number}", os.EX_DATAERR)
        typer.echo(f"{number} is answered")


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")

"""What of ``smtpguard suppress`` looks back: conflicts, attempts, late opt-outs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli.reach import ConfigFile, Place, State, Url, ending, say

if TYPE_CHECKING:
    from smtpguard.person import Conflict
    from smtpguard.store.counts import Attempts, Late
    from smtpguard.store.store import Store

Only = Annotated[str | None, typer.Option("--controller", help="This legal entity only.")]
Days = Annotated[int, typer.Option(min=1, max=35, help="Today (UTC) and the days before.")]


def conflicts(
    controller: Only = None, config: ConfigFile = None, state: State = None, url: Url = None
) -> None:
    """Show where a consent and an opt-out contradict each other; the opt-out stands."""
    from smtpguard.store.consent import Consents

    with ending():

        async def work(store: Store) -> list[tuple[str, str, Conflict]]:
            return [found async for found in Consents(store).conflicts(controller)]

        found = Place.of(config, state, url).run(work, announces=False)
        for owner, reference, one in sorted(found, key=lambda each: each[2].recorded):
            made = f"made {_day(one.epoch)}" if one.epoch else ""
            facts = (
                _day(one.recorded),
                owner,
                reference,
                one.kind,
                f"{one.reason.value} {one.scope}",
                f"said {_day(one.said)}",
                f"consent {_day(one.consent)}",
                made,
                one.channel,
            )
            typer.echo("\t".join(facts))
        if not found:
            say("no conflicts")


def attempts(
    days: Days = 7, config: ConfigFile = None, state: State = None, url: Url = None
) -> None:
    """Count mail to people who had left, by stream; exit 1 when a list was not cleaned.

    Up to 48 hours after an opt-out such mail may have been on its way; later it was not.
    """
    from smtpguard.store.counts import Counts

    with ending():

        async def work(store: Store) -> list[Attempts]:
            return await Counts(store).attempts(days)

        found = Place.of(config, state, url).run(work, announces=False)
        for one in found:
            where = f"{one.controller}/{one.stream}"
            counts = f"{one.in_flight} in flight\t{one.uncleaned} uncleaned"
            typer.echo(f"{where}\t{counts}\tup to {_long(one.longest)} after")
        if not found:
            say("nobody who had left was written to")
        if any(one.uncleaned for one in found):
            raise typer.Exit(1)


def late(days: Days = 7, config: ConfigFile = None, state: State = None, url: Url = None) -> None:
    """Count opt-outs that took longer to reach us than `opt_out_within`; exit 1 when any did."""
    from smtpguard.store.counts import Counts

    with ending():

        async def work(store: Store) -> list[Late]:
            return await Counts(store).late(days)

        found = Place.of(config, state, url).run(work, announces=False)
        for one in found:
            facts = (
                one.controller,
                one.channel,
                f"{one.count} late",
                f"up to {_long(one.longest)}",
            )
            typer.echo("\t".join(facts))
        if not found:
            say("no opt-out was late")
        else:
            raise typer.Exit(1)


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _long(seconds: int) -> str:
    """``3 hours``, ``12 days``."""
    return f"{seconds // 86_400} days" if seconds >= 2 * 86_400 else f"{seconds // 3600} hours"

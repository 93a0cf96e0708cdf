"""``smtpguard suppress``: who is not written to.

The store holds no addresses: whoever is asked for must be named, and what is exported are
references. No address is printed, except that ``clean`` gives back the list it was given.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli import hygiene, lists, partner
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
    say,
)
from smtpguard.person import OptOut, Reason, Suppression

if TYPE_CHECKING:
    from smtpguard.mail.address import Address
    from smtpguard.policy.names import Named
    from smtpguard.store.census import Tally
    from smtpguard.store.orders import Tell
    from smtpguard.store.store import Row, Store
    from smtpguard.store.store import Who as Somebody

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.command("import")(lists.import_)
app.command()(lists.clean)
app.command()(hygiene.conflicts)
app.command()(hygiene.attempts)
app.command()(hygiene.late)
app.add_typer(partner.app, name="lists", help="Hashed lists of partners.")

Who = Annotated[
    list[str], typer.Argument(metavar="WHO...", help="Addresses, or domains as @example.com.")
]
Domain = Annotated[bool, typer.Option("--domain", help="The words are domains.")]
Only = Annotated[str | None, typer.Option("--controller", help="This legal entity only.")]
COLUMNS = ("controller", "reference", "what", "reason", "brand", "stream", "at", "channel")


@app.command()
def add(
    who: Who,
    controller: Controller = None,
    brand: Brand = "",
    stream: Stream = "",
    reason: Annotated[
        Reason, typer.Option(help="Why; hard-bounce and manual stop transactional mail too.")
    ] = Reason.OBJECTION,
    domain: Domain = False,
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    policies: Policies = None,
    url: Url = None,
) -> None:
    """Record that somebody is not written to any more."""
    with ending():
        place = Place.of(config, state, url, policies)
        named = place.named(controller, brand, stream, force=force)
        found = [_who(word, domain=domain, force=force) for word in who]
        wish = Suppression(reason, named.scope, int(time.time()), "operator")
        told = place.listens(named.controller)

        async def work(store: Store) -> int:
            from smtpguard.store.orders import record
            from smtpguard.store.outbox import FULL, created

            tell = created(named.controller) if told else None
            done = await record(store, named.controller, found, OptOut(wish), tell)
            if lost := sum(one.untold for one in done):
                say(f"the webhook will not hear of {lost}: {FULL}")
            return sum(one.new for one in done)

        new = place.run(work)
        typer.echo(f"{new} added, {len(found) - new} known before ({wish.scope}, {reason.value})")


@app.command()
def remove(
    who: Who,
    because: Annotated[str, typer.Option(help="Why; kept with the record.")],
    controller: Controller = None,
    brand: Brand = "",
    stream: Stream = "",
    reason: Annotated[Reason | None, typer.Option(help="This reason only.")] = None,
    domain: Domain = False,
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    policies: Policies = None,
    url: Url = None,
) -> None:
    """Lift suppressions of exactly this scope; exit 1 when there was none."""
    if not because.strip():
        fail("--because is empty: say why somebody is written to again", os.EX_USAGE)
    with ending():
        place = Place.of(config, state, url, policies)
        named = place.named(controller, brand, stream, force=force)
        found = [_who(word, domain=domain, force=True) for word in who]
        reasons = [reason] if reason else list(Reason)
        past = Suppression(reasons[0], named.scope, int(time.time()), "operator")
        told = place.listens(named.controller)

        async def work(store: Store) -> int:
            from smtpguard.store.orders import lift

            tell = _telling(store) if told else None
            why = because.strip()
            return await lift(store, named.controller, found, past, reasons, why, tell)

        lifted = place.run(work)
        typer.echo(f"{lifted} lifted ({named.scope})")
        raise typer.Exit(os.EX_OK if lifted else 1)


@app.command()
def check(
    who: Who,
    controller: Controller = None,
    domain: Domain = False,
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    policies: Policies = None,
    url: Url = None,
) -> None:
    """Say what stands against writing to somebody; exit 1 when anything does."""
    with ending():
        place = Place.of(config, state, url, policies)
        named = place.named(controller, force=force)
        found = [_who(word, domain=domain, force=True) for word in who]

        async def work(store: Store) -> bool:
            standing = False
            for number, one in enumerate(found, 1):
                lines = [line async for line in _about(store, named, one)]
                standing |= any(not line.startswith("lifted") for line in lines)
                prefix = f"{number}: " if len(found) > 1 else ""
                for line in lines or ["nothing stands against writing"]:
                    typer.echo(prefix + line)
            return standing

        raise typer.Exit(1 if place.run(work) else os.EX_OK)


@app.command()
def export(
    controller: Only = None,
    output: lists.Output = None,
    config: ConfigFile = None,
    state: State = None,
    url: Url = None,
) -> None:
    """Write down every suppression as CSV: references, because the store holds no addresses."""
    with ending():
        place = Place.of(config, state, url)

        async def work(store: Store) -> int:
            count = 0
            with lists.writing(output) as file:
                text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
                writer = csv.writer(text)
                writer.writerow(COLUMNS)
                async for row in store.rows(controller):
                    for one in row.person.suppressions:
                        writer.writerow(_line(row, one))
                        count += 1
                text.detach()
            return count

        count = place.run(work)
        say(f"{count} suppressions; the store holds no addresses, only references made with a key")


@app.command()
def stats(
    controller: Only = None,
    config: ConfigFile = None,
    state: State = None,
    url: Url = None,
) -> None:
    """Count suppressions by controller, reason and scope, and first contacts."""
    with ending():
        place = Place.of(config, state, url)

        async def work(store: Store) -> dict[str, Tally]:
            from smtpguard.store.census import count

            return await count(store, controller)

        for name, tally in sorted(place.run(work).items()):
            for what, number in sorted(_facts(tally).items()):
                typer.echo(f"{name}\t{what}\t{number}")


def _facts(tally: Tally) -> dict[str, int]:
    """What is counted, in words; what is nought is left out."""
    kinds = {True: "domain", False: "address"}
    facts = {"records": tally.records, "informed": tally.informed, "source known": tally.sourced}
    for (domain, reason, scope), number in tally.suppressions.items():
        what = f"suppressed {kinds[domain]} {reason.value} {scope}"
        facts[what] = facts.get(what, 0) + number
    return {what: number for what, number in facts.items() if number}


def _line(row: Row, one: Suppression) -> tuple[str, ...]:
    what = "domain" if one.domain else "address"
    at = datetime.fromtimestamp(one.at, UTC).isoformat()
    scope = one.scope
    where = (scope.brand, scope.stream, at, one.channel)
    return (row.controller, row.reference, what, one.reason.value, *where)


def _telling(store: Store) -> Tell:
    """Puts events out for the company, as the exit pages do."""
    from smtpguard.store import outbox

    async def tell(kind: str, controller: str, one: Suppression, who: Somebody) -> None:
        name = outbox.recipient(who).decode("utf-8", "replace")
        await store.tell(outbox.suppression(kind, controller, one, name))

    return tell


def _who(word: str, *, domain: bool, force: bool) -> Address | str:
    from smtpguard.store.loading import BadRow

    try:
        return lists.who(word, domain=domain, force=force)
    except BadRow as error:
        fail(str(error), os.EX_DATAERR)


async def _about(store: Store, named: Named, one: Address | str) -> AsyncIterator[str]:
    """What stands against somebody, a line each; and what was lifted."""
    from smtpguard.store.partner import look_up

    rows = await store.find(named.controller, one)
    if isinstance(one, str):
        found = [each for row in rows for each in row.person.suppressions]
    else:
        people = await look_up(store, named.controller, [one], named.lists)
        found = list(people[0].suppressions)
    for each in found:
        what = "the whole domain, " if each.domain else ""
        since = f", since {_day(each.at)}" if each.at else ""
        yield f"{each.reason.value}: {what}{each.scope}{since} ({each.channel})"
    for row in rows:
        for past in row.lifted:
            yield f"lifted {_day(past.at)}: {past.reason.value}, {past.scope}: {past.because}"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

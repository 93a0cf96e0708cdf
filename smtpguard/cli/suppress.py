"""``smtpguard suppress``: who is not written to.

The store holds no addresses: whoever is asked for must be named, and what is exported are
references. No address is printed, except that ``clean`` gives back the list it was given.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli import lists, partner
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
from smtpguard.person import Reason, Scope, Suppression
from smtpguard.store import outbox

if TYPE_CHECKING:
    from smtpguard.mail.address import Address
    from smtpguard.store.store import Row, Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.command("import")(lists.import_)
app.command()(lists.clean)
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
        name = place.controller(controller, brand, stream, force=force)
        found = [_named(word, domain=domain, force=force) for word in who]
        wish = Suppression(reason, Scope(brand, stream), int(time.time()), "operator")

        told = place.listens(name)

        async def work(store: Store) -> int:
            new = 0
            for one in found:
                if await store.suppress(name, one, wish):
                    new += 1
                    if told:
                        await store.tell(_event(outbox.CREATED, name, one, wish))
            return new

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
        name = place.controller(controller, brand, stream, force=force)
        found = [_named(word, domain=domain, force=True) for word in who]
        reasons = [reason] if reason else list(Reason)
        scope = Scope(brand, stream)
        now = int(time.time())
        told = place.listens(name)

        async def work(store: Store) -> int:
            lifted = 0
            for one in found:
                for each in reasons:
                    if await store.unsuppress(
                        name, one, scope, each, because=because.strip(), at=now
                    ):
                        lifted += 1
                        if told:
                            past = Suppression(each, scope, now, "operator")
                            await store.tell(_event(outbox.LIFTED, name, one, past))
            return lifted

        lifted = place.run(work)
        typer.echo(f"{lifted} lifted ({scope})")
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
        name = place.controller(controller, force=force)
        found = [_named(word, domain=domain, force=True) for word in who]

        async def work(store: Store) -> bool:
            standing = False
            for number, one in enumerate(found, 1):
                lines = [line async for line in _about(store, name, one)]
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

        async def work(store: Store) -> Counter[tuple[str, str]]:
            counts: Counter[tuple[str, str]] = Counter()
            async for row in store.rows(controller):
                counts.update((row.controller, what) for what in _facts(row))
            return counts

        for (name, what), count in sorted(place.run(work).items()):
            typer.echo(f"{name}\t{what}\t{count}")


def _facts(row: Row) -> list[str]:
    kinds = {True: "domain", False: "address"}
    person = row.person
    facts = [
        f"suppressed {kinds[one.domain]} {one.reason.value} {one.scope}"
        for one in person.suppressions
    ]
    if person.contact and person.contact.informed:
        facts.append("informed")
    if person.source:
        facts.append("source known")
    return ["records", *facts]


def _line(row: Row, one: Suppression) -> tuple[str, ...]:
    what = "domain" if one.domain else "address"
    at = datetime.fromtimestamp(one.at, UTC).isoformat()
    scope = one.scope
    where = (scope.brand, scope.stream, at, one.channel)
    return (row.controller, row.reference, what, one.reason.value, *where)


def _event(kind: str, controller: str, one: Address | str, wish: Suppression) -> outbox.Event:
    who = f"@{one}" if isinstance(one, str) else bytes(one).decode("utf-8", "replace")
    return outbox.suppression(kind, controller, wish, who)


def _named(word: str, *, domain: bool, force: bool) -> Address | str:
    from smtpguard.store.loading import BadRow

    try:
        return lists.who(word, domain=domain, force=force)
    except BadRow as error:
        fail(str(error), os.EX_DATAERR)


async def _about(store: Store, controller: str, one: Address | str) -> AsyncIterator[str]:
    """What stands against somebody, a line each; and what was lifted."""
    rows = await store.find(controller, one)
    if isinstance(one, str):
        found = [each for row in rows for each in row.person.suppressions]
    else:
        found = list((await store.look_up(controller, [one]))[0].suppressions)
    for each in found:
        what = "the whole domain, " if each.domain else ""
        yield f"{each.reason.value}: {what}{each.scope}, since {_day(each.at)} ({each.channel})"
    for row in rows:
        for past in row.lifted:
            yield f"lifted {_day(past.at)}: {past.reason.value}, {past.scope}: {past.because}"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

"""``smtpguard consent``: who wants to be written to, and where the proof of it lies.

A consent opens again what its giver left before it, as far as it reaches; it opens no complaint
and no erasure unless the operator says so. No address is printed or kept.
"""

from __future__ import annotations

import getpass
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli import lists
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
from smtpguard.person import Conflict, Consent, Reason, Scope

if TYPE_CHECKING:
    from smtpguard.mail.address import Address
    from smtpguard.store.consent import History, Outcome
    from smtpguard.store.loading import Tally
    from smtpguard.store.store import Store
    from smtpguard.store.table import Row

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Who = Annotated[list[str], typer.Argument(metavar="WHO...", help="Addresses.")]
By = Annotated[str, typer.Option(help="Who records it; else the name you are logged in by.")]
LONGEST = 200
"""Characters of a proof, a source or a name."""
SKEW = 60
"""Seconds by which other clocks may be ahead of ours."""
_ADDRESS = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]")


@app.command()
def add(
    who: Who,
    given: Annotated[
        str, typer.Option(help="When they consented: 2026-03-31, or 2026-03-31T10:00:00+02:00.")
    ],
    proof: Annotated[str, typer.Option(help="Where the proof lies; without an address.")],
    source: Annotated[str, typer.Option(help="Where they consented: a form, a fair.")] = "",
    by: By = "",
    also: Annotated[
        list[Reason] | None,
        typer.Option(help="Open this again too, if it is older: complaint or erasure."),
    ] = None,
    controller: Controller = None,
    brand: Brand = "",
    stream: Stream = "",
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    policies: Policies = None,
    url: Url = None,
) -> None:
    """Record a consent that can be proved; it opens again what they left before it."""
    from smtpguard.store.consent import MAY_REOPEN, Consents
    from smtpguard.store.loading import BadRow

    if set(also or ()) - MAY_REOPEN:
        fail("--also is complaint or erasure; the rest is for `suppress remove`", os.EX_USAGE)
    with ending():
        place = Place.of(config, state, url, policies)
        named = place.named(controller, brand, stream, force=force)
        try:
            found = [_address(word) for word in who]
            one = _consent(named.scope, given, proof, source, by or _name(), int(time.time()))
        except BadRow as error:
            fail(str(error), os.EX_DATAERR)
        told = place.listens(named.controller)

        async def work(store: Store) -> list[Outcome]:
            items = [(address, one) for address in found]
            outcomes = await Consents(store).add(named.controller, items, also or ())
            await _count(store, named.controller, outcomes)
            for address, outcome in zip(found, outcomes, strict=True) if told else ():
                await _tell(store, named.controller, address, outcome)
            return outcomes

        outcomes = place.run(work)
        new = sum(outcome.new for outcome in outcomes)
        reopened = sum(len(outcome.reopened) for outcome in outcomes)
        known = len(found) - new
        typer.echo(f"{new} recorded, {known} known before, {reopened} opened again ({one.scope})")
        for number, outcome in enumerate(outcomes, 1):
            for conflict in outcome.conflicts:
                typer.echo(f"{_numbered(number, found)}{_still(conflict)}")


@app.command()
def show(
    who: Who,
    controller: Controller = None,
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    policies: Policies = None,
    url: Url = None,
) -> None:
    """Show somebody's consents, and what contradicts them; exit 1 when there is no consent."""
    from smtpguard.store.consent import Consents
    from smtpguard.store.loading import BadRow

    with ending():
        place = Place.of(config, state, url, policies)
        name = place.controller(controller, force=force)
        try:
            found = [_address(word) for word in who]
        except BadRow as error:
            fail(str(error), os.EX_DATAERR)

        async def work(store: Store) -> list[History]:
            return [await Consents(store).of(name, address) for address in found]

        histories = place.run(work, announces=False)
        for number, history in enumerate(histories, 1):
            for line in _lines(history) or ["no consent"]:
                typer.echo(f"{_numbered(number, found)}{line}")
        raise typer.Exit(os.EX_OK if all(one.consents for one in histories) else 1)


@app.command("import")
def import_(
    file: lists.File,
    given: Annotated[str, typer.Option(help="When they consented; else column given.")] = "",
    proof: Annotated[str, typer.Option(help="Where the proof lies; else column proof.")] = "",
    source: Annotated[str, typer.Option(help="Where they consented; else column source.")] = "",
    by: By = "",
    controller: Controller = None,
    brand: Brand = "",
    stream: Stream = "",
    column: lists.Column = None,
    fast: lists.Fast = False,
    force: Force = False,
    config: ConfigFile = None,
    state: State = None,
    policies: Policies = None,
    url: Url = None,
) -> None:
    """Record the consent of everybody on a list; exit 65 when a row could not be read.

    Columns beside the address: given, proof, source. A row's own words count more than the options.
    """
    from smtpguard.store.consent import Consents
    from smtpguard.store.loading import BadRow
    from smtpguard.store.table import Table

    with ending():
        place = Place.of(config, state, url, policies)
        named = place.named(controller, brand, stream, force=force)
        table = Table.of(file, column)
        usual = {"given": given, "proof": proof, "source": source}
        recorder, now = by or _name(), int(time.time())
        opened = contradicted = 0

        def read(row: Row) -> tuple[Address, Consent]:
            one = lists.who(row.cell(table.column), domain=False, force=True)
            if isinstance(one, str):
                raise BadRow("a domain, not an address")
            said = lists.said(table, row, usual)
            words = (said["given"], said["proof"], said["source"])
            return one, _consent(named.scope, *words, recorder, now)

        async def work(store: Store) -> Tally:
            async def write(batch: Sequence[tuple[Address, Consent]]) -> int:
                nonlocal opened, contradicted
                outcomes = await Consents(store).add(named.controller, batch)
                await _count(store, named.controller, outcomes)
                opened += sum(len(outcome.reopened) for outcome in outcomes)
                contradicted += sum(len(outcome.conflicts) for outcome in outcomes)
                return sum(outcome.new for outcome in outcomes)

            return await lists.bring(table, read, write, fast=fast)

        tally = place.run(work, deadline=lists.DEADLINE)
        say(f"{opened} opened again ({named.scope})")
        if contradicted:
            say(f"{contradicted} contradict what stands: see `smtpguard suppress conflicts`")
        lists.report(tally)


def _consent(scope: Scope, given: str, proof: str, source: str, by: str, now: int) -> Consent:
    """Raises ``BadRow`` for what could prove nothing, or must not be kept."""
    from smtpguard.store.loading import BadRow
    from smtpguard.store.table import read_time

    at = read_time(given)
    if at is None:
        raise BadRow("when it was given is not of the form 2026-03-31")
    if not 0 < at <= now + SKEW:
        raise BadRow("it was given in the future" if at > 0 else "it was given before 1970")
    if not proof.strip():
        raise BadRow("there is no proof: say where it lies")
    for what, word in (("proof", proof), ("source", source), ("name", by)):
        if len(word) > LONGEST or not word.isprintable():
            raise BadRow(f"the {what} is too long or not printable")
        if _ADDRESS.search(word):
            raise BadRow(f"the {what} holds an address, and the store holds none")
    return Consent(scope, at, proof.strip(), source.strip(), by, now)


def _address(word: str) -> Address:
    """Raises ``BadRow``."""
    from smtpguard.store.loading import BadRow

    one = lists.who(word, domain=False, force=True)
    if isinstance(one, str):
        raise BadRow("a consent is a person's: name an address")
    return one


def _name() -> str:
    """Who sits at the keyboard, as far as the system knows."""
    try:
        return os.environ.get("SUDO_USER", "") or getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "operator"


async def _count(store: Store, controller: str, outcomes: Sequence[Outcome]) -> None:
    from smtpguard.store.counts import Counts

    found = [conflict for outcome in outcomes for conflict in outcome.conflicts]
    await Counts(store).contradicted(controller, found)


async def _tell(store: Store, controller: str, address: Address, outcome: Outcome) -> None:
    """Let the company's other systems know."""
    from smtpguard.store import outbox

    who, now = bytes(address).decode("utf-8", "replace"), int(time.time())
    for one in outcome.reopened:
        lifted = replace(one, at=now, channel="consent")
        await store.tell(outbox.suppression(outbox.LIFTED, controller, lifted, who))
    for conflict in outcome.conflicts:
        await store.tell(outbox.conflict(controller, conflict, who))


def _lines(history: History) -> list[str]:
    return [*map(_said, history.consents), *_contradictions(history)]


def _said(one: Consent) -> str:
    where = f", {one.source}" if one.source else ""
    return (
        f"consent: {one.scope}, given {_day(one.given)}{where}: {one.proof}"
        f" (recorded {_day(one.recorded)} by {one.by})"
    )


def _contradictions(history: History) -> Iterator[str]:
    for one in history.conflicts:
        said = f"{one.reason.value}, {one.scope}, said {_day(one.said)}"
        link = f", by a link or claim of {_day(one.epoch)}" if one.epoch else ""
        yield f"conflict ({one.kind}): {said}{link}; consent of {_day(one.consent)}"


def _still(one: Conflict) -> str:
    return f"still stands ({one.kind}): {one.reason.value}, {one.scope}, said {_day(one.said)}"


def _numbered(number: int, found: Sequence[Address]) -> str:
    return f"{number}: " if len(found) > 1 else ""


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

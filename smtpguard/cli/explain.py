"""``smtpguard explain``: the manual page of a rule, or the list of them all."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from smtpguard.edit.fix import Change
from smtpguard.rules import ALL, BY_ID
from smtpguard.rules.rule import Phase, Rule, Scope

UNKNOWN = 64
"""Exit status for a rule that does not exist: EX_USAGE of sysexits.h."""

_HEADING = re.compile(r"^(Fault|Why|Fix|References)$", re.MULTILINE)
_CHANGES = {Change.NONE: "none", Change.HEADERS: "header", Change.BODY: "body"}


def explain(
    rule: Annotated[
        str | None, typer.Argument(help="A rule's id, as a bounce or a policy names it.")
    ] = None,
) -> None:
    """Show the manual page of a rule; without one, list them all."""
    console = Console(soft_wrap=True)
    if rule is None:
        _list(console)
        return
    found = BY_ID.get(rule.partition(".")[0])
    if found is None:
        near = get_close_matches(rule, BY_ID, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else "smtpguard explain lists them all."
        typer.echo(f"There is no rule {rule!r}. {hint}", err=True)
        raise typer.Exit(UNKNOWN)
    _page(console, found)


def _list(console: Console) -> None:
    if not console.is_terminal:
        for rule in ALL:
            typer.echo(f"{rule.id}\t{rule.summary}")
        return
    table = Table("rule", "fault", "reply", "fix", box=None, header_style="dim", pad_edge=False)
    for rule in ALL:
        reply = f"{rule.code} {rule.code // 100}.{rule.status}"
        table.add_row(f"[bold]{rule.id}", escape(rule.summary), reply, _CHANGES[rule.change])
    console.print(table, soft_wrap=False)


def _page(console: Console, rule: Rule) -> None:
    manual = _HEADING.sub(r"[bold]\1[/bold]", escape(rule.manual.strip()))
    console.print(f"[bold cyan]{rule.id}[/bold cyan]", highlight=False)
    console.print(manual, highlight=False)
    console.print("[bold]Facts[/bold]", highlight=False)
    for name, value in _facts(rule):
        console.print(f"    {name:<10}{escape(value)}", highlight=False)


def _facts(rule: Rule) -> list[tuple[str, str]]:
    moment = "RCPT, and again at the dot" if rule.phase is Phase.RCPT else "the dot"
    about = "one recipient" if rule.scope is Scope.RECIPIENT else "the message"
    always = ["always"] if rule.invariant else []
    return [
        ("judges", ", ".join([f"{about} at {moment}", *always])),
        ("classes", ", ".join(sorted(rule.kinds))),
        ("fix", _CHANGES[rule.change]),
        ("reply", f"{rule.code} {rule.code // 100}.{rule.status}"),
        *sorted(rule.says.items()),
    ]

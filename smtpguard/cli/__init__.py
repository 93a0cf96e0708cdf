"""The command line: what an operator types.

One table names every command and where it lives; its module, and whatever that imports, is
loaded when the command runs, so that ``--help`` is quick. Exit codes are those of sysexits.h.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from smtpguard import __version__


class Entry(NamedTuple):
    """Where a command lives: ``module:name`` of a function, or of a ``Typer`` with subcommands."""

    place: str
    help: str


COMMANDS: dict[str, Entry] = {
    "serve": Entry("serve:serve", "Take mail, judge it, pass it on."),
    "web": Entry("web:web", "Show the exit pages, and take opt-outs."),
    "check": Entry("check:check", "Read configuration and policies; say all that is wrong."),
    "lint": Entry("lint:lint", "Judge messages in files, as on the wire."),
    "explain": Entry("explain:explain", "Show the manual page of a rule."),
    "suppress": Entry("suppress:app", "Who is not written to: add, remove, check, import, clean."),
    "consent": Entry("consent:app", "Who wants to be written to, and its proof."),
    "contact": Entry("contact:app", "Who was informed, and where contacts come from."),
    "webhooks": Entry("webhooks:app", "What the company was not told yet: list, retry."),
    "digests": Entry(
        "digests:app", "What is held up, and which owners were not told: list, retry."
    ),
    "requests": Entry("requests:app", "Rights requests: list, show, done."),
    "users": Entry("users:app", "Who may send by AUTH: add, remove, list."),
    "keys": Entry("keys:app", "Make, back up and verify keys."),
    "store": Entry("store:app", "Prepare and inspect the store."),
    "config": Entry("check:config", "Show the configuration in force."),
    "schema": Entry("check:schema", "Print the JSON Schema of a kind of file, for editors."),
    "demo": Entry("demo.command:demo", "Show on this machine what becomes of real mail."),
}


def load(name: str) -> Any:
    """The command of that name, its module imported."""
    module, _, attribute = COMMANDS[name].place.partition(":")
    found = getattr(import_module(f"{__name__}.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group = get_group(found)
        group.name, group.help = name, group.help or COMMANDS[name].help
        return group
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(found)
    return get_command(app)


class Lazy(TyperGroup):
    """The commands of the table; what is only listed is not imported."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """A stand-in that knows its help line."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name].help, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The real one, because it is about to run."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else found, rest


app = typer.Typer(cls=Lazy, no_args_is_help=True, rich_markup_mode=None)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"smtpguard {__version__}")
        raise typer.Exit


@app.callback()
def smtpguard(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say which version this is."
    ),
) -> None:
    """Lets commercial mail leave only if it says who sends it and how to leave."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (sysexits.h)."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="smtpguard")
    except SystemExit as end:
        if end.code == 2:  # what the parser of arguments says for usage
            return os.EX_USAGE
        return end.code if isinstance(end.code, int) else os.EX_OK if not end.code else 1
    except Exception as error:
        from smtpguard.policy.source import Problems

        if isinstance(error, Problems):
            print(error, file=sys.stderr)
            return os.EX_CONFIG
        traceback.print_exc()
        return os.EX_SOFTWARE
    return os.EX_OK

"""``check``, ``config`` and ``schema``: what an operator wrote, and what may be written."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sized
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from smtpguard import config as configuration
from smtpguard.config import Config
from smtpguard.policy.model import schema as json_schema
from smtpguard.policy.policy import Policy
from smtpguard.policy.shape import PackShape, PolicyShape
from smtpguard.policy.source import Problems, write
from smtpguard.rules import BY_ID
from smtpguard.service import accounts, build
from smtpguard.service.build import policy

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="Configuration file; defaults without.", show_default=False
    ),
]
Policies = Annotated[
    Path | None, typer.Option(help="Policy file, or directory of them.", show_default=False)
]


class FileKind(StrEnum):
    """The kinds of file that have a schema."""

    CONFIG = "config"
    POLICY = "policy"
    PACK = "pack"


def compiled(config: Config, now: int | None = None) -> Policy:
    """All policies of a configuration, compiled for its listeners. Raises ``Problems``.

    ``now`` is in seconds since the epoch.
    """
    moment = int(time.time()) if now is None else now
    return policy(config, config.policy_files(), config.pack_files(), moment)


def check(
    config: ConfigFile = None,
    policies: Policies = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List streams, exceptions and planned rules.")
    ] = False,
) -> None:
    """Read configuration and policies; say all that is wrong as file:line:column (exit 78)."""
    settings = configuration.load(config).overridden(policies=policies)
    found = compiled(settings)
    keys, unread = build.read_dkim(settings, found)
    signers, unsound = build.sign_with(found, keys)
    # Credentials exist within the service only: there serve itself looks at them.
    elsewhere = [p for p in unread if p.file.startswith("credential:") and not _has_credentials()]
    users, unusable = accounts.read_users(settings)
    if problems := [*(p for p in unread if p not in elsewhere), *unsound, *unusable]:
        raise Problems(problems)
    for warning in (*found.warnings, *elsewhere, *accounts.doubts(settings, found, users)):
        typer.echo(f"{warning} (warning)")
    if not (settings.help_url or settings.web.why_url):
        typer.echo(
            "help_url and web.why_url: empty, so that a bounce sends its reader to"
            " `smtpguard explain`, which only operators can run (warning)"
        )
    if verbose:
        _tell(found)
        for signer in (signer for each in signers.values() for signer in each):
            record = signer.key.record.decode("ascii")
            typer.echo(f'publish: {signer.record_name}. IN TXT "{record}"')
    typer.echo(
        f"{_count(found.controllers, 'controller')}, {_count(found.streams, 'stream')},"
        f" {_count(found.warnings, 'warning')}; policy {found.version}"
    )


def _has_credentials() -> bool:
    return "CREDENTIALS_DIRECTORY" in os.environ


def _count(things: Sized, noun: str) -> str:
    number = len(things)
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _tell(found: Policy) -> None:
    for stream in found.streams:
        asked = {rule: word for rule, word in stream.rules.items() if word.action}
        built = sum(rule in BY_ID for rule in asked)
        typer.echo(
            f"{stream.controller.name}/{stream.name}: {stream.kind}, {stream.mode},"
            f" packs {', '.join(stream.packs) or 'none'}; {built} rules judged"
        )
        if planned := sorted(rule for rule in asked if rule not in BY_ID):
            typer.echo(f"  planned, not judged yet: {', '.join(planned)}")
        for rule, word in sorted(stream.rules.items()):
            if word.until is not None or word.because:
                day = time.strftime("%Y-%m-%d", time.gmtime((word.until or 1) - 1))
                until = f" until {day}" if word.until is not None else ""
                typer.echo(
                    f"  exception: {rule} is `{word.action}`{until}, because {word.because or '-'}"
                    f" (approved by {word.approved_by or '-'}; then `{word.otherwise}`)"
                )


def config(
    config: ConfigFile = None,
    effective: Annotated[
        bool, typer.Option("--effective", help="Show the defaults too, not only what was written.")
    ] = False,
) -> None:
    """Show the configuration in force, as YAML that can be read back."""
    settings = configuration.load(config)
    shown = settings.model_dump(mode="json", exclude_none=True, exclude_unset=not effective)
    typer.echo(write(shown), nl=False)


def schema(
    kind: Annotated[FileKind, typer.Argument(help="Which kind of file.")] = FileKind.CONFIG,
) -> None:
    """Print the JSON Schema of a kind of file, for editors."""
    typer.echo(json.dumps(SCHEMAS[kind](), indent=2, ensure_ascii=False))


SCHEMAS: dict[FileKind, Callable[[], dict[str, Any]]] = {
    FileKind.CONFIG: configuration.json_schema,
    FileKind.POLICY: lambda: json_schema(PolicyShape, "policies/*.yaml"),
    FileKind.PACK: lambda: json_schema(PackShape, "policies/packs/*.yaml"),
}

"""``smtpguard lint``: the same judgement as on the wire, without a wire."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from smtpguard.cli.diff import diff
from smtpguard.cli.proving import Bench, Proven, Unreadable
from smtpguard.keys import Keyring
from smtpguard.policy.source import Problems
from smtpguard.store.keyfiles import KeyFileError, load_ring
from smtpguard.verdict.decision import Defer, Refuse, Ruling
from smtpguard.verdict.weigh import Outcome, Weighed

STYLES = {
    Outcome.REFUSED: "bold red",
    Outcome.DEFERRED: "bold yellow",
    Outcome.FIXED: "green",
    Outcome.MENDABLE: "green",
    Outcome.WARNED: "yellow",
    Outcome.ALLOWED: "dim",
}


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Tally:
    """What the whole run came to."""

    messages: int = 0
    findings: int = 0
    unreadable: int = 0

    @property
    def code(self) -> int:
        """0: nothing found; 1: findings; 65: something could not be read."""
        if self.unreadable:
            return os.EX_DATAERR
        return 1 if self.findings else os.EX_OK


def lint(
    paths: Annotated[
        list[str], typer.Argument(metavar="FILE|DIR|-", help="Messages; - is standard input.")
    ],
    policy: Annotated[
        Path | None,
        typer.Option(help="Policy file or directory; without one, every rule of the packs warns."),
    ] = None,
    stream: Annotated[
        str, typer.Option(help="Judge as mail of this stream, whatever its match says.")
    ] = "",
    rcpt: Annotated[
        list[str] | None, typer.Option(help="Recipient; several judge one mail for all of them.")
    ] = None,
    listener: Annotated[str, typer.Option(help="Judge as if it came in there.")] = "",
    keys: Annotated[
        Path | None, typer.Option(help="Directory of the link keys, for links that work.")
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write the mended mail back; of -, to standard output.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--diff", help="Show what would be mended; write nothing.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="text or json.")] = Format.TEXT,
) -> None:
    """Judge messages with the wire's own rules. Exit 0: clean, 1: findings, 65: unreadable."""
    piped = fix and "-" in paths  # standard output is then the mail's
    console = Console(stderr=piped, soft_wrap=True, highlight=False)
    try:
        ring = load_ring(keys) if keys else Keyring()
        if keys and not ring.links:
            raise KeyFileError(f"there is no link key in {keys}")
        bench = Bench.of(policy, stream=stream, rcpt=rcpt or (), listener=listener, ring=ring)
        bench = replace(bench, pretends=not fix)
    except Problems as problems:
        for problem in problems.items:
            typer.echo(str(problem), err=True)
        raise typer.Exit(os.EX_CONFIG) from None
    except KeyFileError as unusable:
        typer.echo(f"smtpguard: {unusable}", err=True)
        raise typer.Exit(os.EX_CONFIG) from None
    tally = Tally()
    for name, source in _sources(paths):
        try:
            raw = sys.stdin.buffer.read() if source is None else source.read_bytes()
            proven = bench.prove(raw, now=int(time.time()))
            if fix:
                _write(source, proven)
        except (OSError, Unreadable) as failure:
            typer.echo(f"{name}: {failure}", err=True)
            tally = Tally(tally.messages + 1, tally.findings, tally.unreadable + 1)
            continue
        weighed = [w for w in proven.weighed if w.outcome is not Outcome.ALLOWED]
        tally = Tally(tally.messages + 1, tally.findings + len(weighed), tally.unreadable)
        if form is Format.JSON:
            typer.echo(json.dumps(_as_json(name, proven), ensure_ascii=False), err=piped)
        else:
            _report(console, name, proven, show=show)
    if form is Format.TEXT and console.is_terminal:
        console.print(
            f"{tally.messages} messages, {tally.findings} findings, {tally.unreadable} unreadable"
        )
    raise typer.Exit(tally.code)


def _sources(paths: list[str]) -> Iterator[tuple[str, Path | None]]:
    """Name and file of each message; ``None`` is standard input."""
    for given in paths:
        path = Path(given)
        if given == "-":
            yield "-", None
        elif path.is_dir():
            for found in sorted(path.rglob("*.eml")):
                yield str(found), found
        else:
            yield given, path


def _report(console: Console, name: str, proven: Proven, *, show: bool) -> None:
    if not proven.stream:
        console.print(Text(f"{name}: no stream of the policy matches; personal, not judged", "dim"))
    for weighed in proven.weighed:
        if weighed.outcome is Outcome.ALLOWED:
            continue
        finding = weighed.finding
        outcome = f"would be {weighed.outcome}" if weighed.observed else str(weighed.outcome)
        place = f" {finding.where}" if finding.where else ""
        line = Text.assemble(
            f"{name}:{place} ",
            (finding.name, "bold"),
            " ",
            (f"[{outcome}]", STYLES[weighed.outcome]),
            f" {proven.sentence(weighed)}",
        )
        if finding.found:
            line.append(f" Found: {finding.found}.", "dim")
        if weighed.blocked:
            line.append(f" Not mended: {weighed.blocked}.", "dim")
        console.print(line)
    for disagreement in proven.disagreements:
        console.print(Text(f"{name}: the two readers disagree: {disagreement}", "magenta"))
    for ruling in proven.rulings:
        if isinstance(ruling.verdict, Refuse | Defer) and show:
            console.print(Text(bytes(ruling.verdict.reply).decode("ascii").rstrip(), "red"))
    if show:
        for copy in proven.copies:
            for line in diff(proven.raw, copy.edits):
                console.print(line)
        for signature in proven.signatures:
            console.print(Text(signature, "dim"))


def _write(source: Path | None, proven: Proven) -> None:
    """The first recipient's copy, back to where the message came from; whole or not at all."""
    octets = proven.mended()
    if source is None:
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
    elif octets != proven.file:
        place = source.resolve()
        draft = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            draft.write_bytes(octets)
            shutil.copymode(place, draft)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)


def _as_json(name: str, proven: Proven) -> dict[str, object]:
    return {
        "file": name,
        "stream": proven.stream,
        "recipients": [_ruling(ruling) for ruling in proven.rulings],
        "edits": [
            [[e.start, e.end, len(e.new), e.why] for e in copy.edits] for copy in proven.copies
        ],
        "disagreements": list(proven.disagreements),
        "signatures": list(proven.signatures),
    }


def _ruling(ruling: Ruling) -> dict[str, object]:
    verdict = ruling.verdict
    entry: dict[str, object] = {
        "verdict": type(verdict).__name__.lower(),
        "findings": [_finding(weighed) for weighed in ruling.weighed],
    }
    if isinstance(verdict, Refuse | Defer):
        entry["reply"] = bytes(verdict.reply).decode("ascii")
    return entry


def _finding(weighed: Weighed) -> dict[str, object]:
    finding = weighed.finding
    return {
        "rule": finding.name,
        "action": str(weighed.action),
        "outcome": str(weighed.outcome),
        "observed": weighed.observed,
        "where": finding.where,
        "found": finding.found,
        "certainty": finding.certainty.name.lower(),
        "blocked": weighed.blocked,
    }

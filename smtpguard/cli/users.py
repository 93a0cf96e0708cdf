"""``smtpguard users``: who may send by AUTH, in the file that a listener's ``auth.users`` names."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli.reach import ConfigFile, ending, fail, say

if TYPE_CHECKING:
    from smtpguard.smtp.users import Users

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Letters, digits and ._@+=-; what `match.user` names.")]
File = Annotated[
    Path | None, typer.Option(help="The users file, where the configuration names none or several.")
]


@app.command()
def add(name: Name, file: File = None, config: ConfigFile = None) -> None:
    """Add a user, or give one another password: asked for, or the first line of standard input."""
    from smtpguard.smtp.users import NAME, SHORTEST, Hash

    with ending():
        if not NAME.fullmatch(name):
            fail("a name is of letters, digits and ._@+=-, at most 128", os.EX_USAGE)
        place = _place(file, config)
        password = _password()
        if len(password) < SHORTEST:
            fail(f"a password has {SHORTEST} characters at least", os.EX_DATAERR)
        try:
            line = f"{name}:{Hash.new(password)}"
        except ValueError as unfit:
            fail(f"the password has {unfit}", os.EX_DATAERR)
        with _locked(place):
            lines, users = _read(place)
            kept = [line if _is_of(one, name) else one for one in lines]
            _write(place, kept if name in users else [*kept, line])
        said = "has another password" if name in users else "was added"
        say(f"{name} {said}; SIGHUP makes the guard read {place} again")


@app.command()
def remove(name: Name, file: File = None, config: ConfigFile = None) -> None:
    """Remove a user; after a SIGHUP not even a session that is open sends any more."""
    with ending():
        place = _place(file, config)
        with _locked(place):
            lines, users = _read(place)
            if name not in users:
                fail(f"there is no `{name}` in {place}", os.EX_DATAERR)
            _write(place, [one for one in lines if not _is_of(one, name)])
        say(f"{name} was removed; SIGHUP makes the guard read {place} again")


@app.command("list")
def show(file: File = None, config: ConfigFile = None) -> None:
    """Show the names, a line each."""
    with ending():
        place = _place(file, config)
        _, users = _read(place)
        for name in sorted(users):
            typer.echo(name)


def _place(file: Path | None, config: Path | None) -> Path:
    """The one file that is meant."""
    from smtpguard.config import load

    places = {file} if file else {e.auth.users for e in load(config).listeners if e.auth}
    if len(places) != 1:
        said = ", ".join(sorted(map(str, places))) or "no listener of the configuration has `auth`"
        fail(f"say which file: --file ({said})", os.EX_USAGE)
    return places.pop().resolve()


def _password() -> str:
    if sys.stdin.isatty():
        word: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return word
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        fail("the password is not UTF-8", os.EX_DATAERR)


def _read(place: Path) -> tuple[list[str], Users]:
    """The lines as they stand, and what they say; a file that is not there yet is empty."""
    from smtpguard.service.accounts import read_file, users_of

    octets = read_file(place) if place.exists() else b""
    return octets.decode("utf-8", "surrogateescape").splitlines(), users_of(place, octets)


def _is_of(line: str, name: str) -> bool:
    return line.strip().startswith(f"{name}:")


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """One command at a time changes files of this directory."""
    directory = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _write(place: Path, lines: list[str]) -> None:
    """In place of the old file, whole or not at all; owner and mode stay."""
    before = place.stat() if place.exists() else None
    beside = place.with_name(f".{place.name}.new")
    with suppress(FileNotFoundError):
        beside.unlink()
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as out:
        if before is not None:
            os.fchown(out.fileno(), before.st_uid, before.st_gid)
            os.fchmod(out.fileno(), before.st_mode & 0o640)
        out.write("".join(f"{line}\n" for line in lines))
        out.flush()
        os.fsync(out.fileno())
    beside.replace(place)

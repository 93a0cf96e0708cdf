"""How the commands about people reach the store: the options they share, and the way there."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from smtpguard.person import Scope

if TYPE_CHECKING:
    from smtpguard.config import Config
    from smtpguard.keys import Keyring
    from smtpguard.policy.names import Named
    from smtpguard.policy.policy import Policy
    from smtpguard.store.greeting import Founding
    from smtpguard.store.settings import Settings
    from smtpguard.store.store import Store

T = TypeVar("T")

ConfigFile = Annotated[
    Path | None, typer.Option("-c", "--config", help="Configuration file; defaults without.")
]
State = Annotated[Path | None, typer.Option(help="Directory of store and keys.")]
Policies = Annotated[Path | None, typer.Option(help="Directory of policy files, or one file.")]
Url = Annotated[
    str | None, typer.Option(help="embedded:, redis://, rediss:// or unix://, before the file's.")
]
Controller = Annotated[
    str | None, typer.Option(help="The legal entity; the policies' only one when left out.")
]
Brand = Annotated[str, typer.Option(help="This brand only.")]
Stream = Annotated[str, typer.Option(help="This stream only.")]
Force = Annotated[bool, typer.Option("--force", help="Do it all the same.")]


def say(text: str) -> None:
    """One line for the operator, beside what the command is asked for."""
    typer.echo(f"smtpguard: {text}", err=True)


def fail(text: str, code: int) -> NoReturn:
    """End with a sentence and an exit code of sysexits.h."""
    say(text)
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Place:
    """Which store, which keys, which policies."""

    config: Config
    settings: Settings

    @classmethod
    def of(
        cls,
        config: Path | None,
        state: Path | None = None,
        url: str | None = None,
        policies: Path | None = None,
    ) -> Place:
        """From the configuration file and the words of the command line."""
        from smtpguard.config import load
        from smtpguard.service.build import store_settings

        found = load(config).overridden(state=state, policies=policies)
        settings = store_settings(found)
        return cls(found, replace(settings, url=url) if url else settings)

    @property
    def keys(self) -> Path:
        """The directory of the key files."""
        return self.config.keys.directory

    def ring(self) -> Keyring:
        """The keys; a host with an embedded store and no keys directory gets its first ones."""
        from smtpguard.store.keyfiles import load_ring

        fresh = not self.keys.exists() and self.settings.embedded is not None
        return load_ring(self.keys, create=fresh)

    def policy(self) -> Policy | None:
        """The policies, if they can be read."""
        from smtpguard.policy.source import Problems
        from smtpguard.service.build import policy

        if not self.config.policies.exists():
            return None
        try:
            files = self.config.policy_files()
            return policy(self.config, files, self.config.pack_files(), int(time.time()))
        except Problems as problems:
            say(f"the policies cannot be read, so names are not checked: {problems.items[0]}")
            return None

    def listens(self, controller: str) -> bool:
        """Whether that company wants to be told of what its readers did (webhooks)."""
        policy = self.policy()
        found = policy.controllers.get(controller) if policy else None
        return bool(found and found.webhooks)

    def allowed(self, controller: str) -> int:
        """Seconds that an opt-out may take to reach us (`opt_out_within`)."""
        from smtpguard.policy.controller import OPT_OUT_WITHIN

        policy = self.policy()
        found = policy.controllers.get(controller) if policy else None
        return found.opt_out_within if found else OPT_OUT_WITHIN

    def controller(
        self, name: str | None, brand: str = "", stream: str = "", *, force: bool = False
    ) -> str:
        """The controller's name, once it, the brand and the stream are known to the policies."""
        return self.named(name, brand, stream, force=force).controller

    def named(
        self, name: str | None, brand: str = "", stream: str = "", *, force: bool = False
    ) -> Named:
        """The mail that is meant, once its names are known to the policies.

        A name with a slip in it would record wishes that no mail is ever compared with.
        """
        from smtpguard.policy.names import Named, UnknownName, find

        policy = None if force and name else self.policy()
        if policy is None or not policy.controllers:
            if not name:
                fail("name the controller: --controller", os.EX_USAGE)
            return Named(name, Scope(brand, stream))
        try:
            return find(policy.controllers, policy.streams, name, brand, stream)
        except UnknownName as unknown:
            fail(str(unknown), os.EX_USAGE)

    def run(
        self,
        work: Callable[[Store], Awaitable[T]],
        *,
        founding: Founding | None = None,
        deadline: float = 0.0,
        announces: bool = True,
    ) -> T:
        """Open the store, do the work, close it; what goes wrong ends the command.

        ``announces``: the work may write under the newest reference key.
        """
        from smtpguard.store.errors import StoreSilent, StoreUntrusted
        from smtpguard.store.store import Store

        ring = self.ring()
        settings = replace(self.settings, deadline=max(deadline, self.settings.deadline))

        async def within() -> T:
            store = await Store.open(settings, ring, _hush, founding=founding, announces=announces)
            try:
                return await work(store)
            finally:
                await store.close()

        with self.embedded():
            try:
                return asyncio.run(within())
            except StoreUntrusted as error:
                fail(str(error), os.EX_CONFIG)
            except StoreSilent as error:
                fail(str(error), os.EX_UNAVAILABLE)

    @contextmanager
    def embedded(self) -> Iterator[None]:
        """Our own Valkey for as long as this lasts, unless one runs or the store is elsewhere."""
        from smtpguard.store.embedded import Embedded

        if self.settings.embedded is None:
            yield
            return
        with Embedded(self.settings.embedded):
            yield


@contextmanager
def ending() -> Iterator[None]:
    """Whatever is wrong with files, keys or the embedded store becomes a sentence and a code."""
    from smtpguard.store.embedded import EmbeddedError
    from smtpguard.store.keyfiles import KeyFileError
    from smtpguard.store.table import TableError

    try:
        yield
    except TableError as error:
        fail(str(error), os.EX_NOINPUT)
    except KeyFileError as error:
        fail(str(error), os.EX_CONFIG)
    except EmbeddedError as error:
        fail(str(error), os.EX_UNAVAILABLE)
    except OSError as error:
        fail(str(error), os.EX_IOERR)
    except KeyboardInterrupt:
        fail("interrupted; what was done is kept", 130)


@contextmanager
def meter(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; call it with what was done since."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def _hush(_: str) -> None:
    """What the store warns of goes to the log of ``serve``; a command says what it was asked."""

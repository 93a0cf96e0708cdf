"""``smtpguard serve``: builds the house and opens the door."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from smtpguard import __version__, log
from smtpguard.config import Config, load
from smtpguard.keys import Keyring
from smtpguard.policy.source import Problems
from smtpguard.service import accounts, build
from smtpguard.service.notify import listening
from smtpguard.service.sockets import address, bind
from smtpguard.service.supervisor import Supervisor
from smtpguard.store.embedded import Embedded, EmbeddedError
from smtpguard.store.errors import StoreUntrusted
from smtpguard.store.keyfiles import KeyFileError, load_ring
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store


def serve(
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="Configuration file; defaults without.")
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]PLACE", help="SMTP listener: HOST:PORT or unix:/path."),
    ] = None,
    lmtp: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]PLACE", help="LMTP listener: HOST:PORT or unix:/path."),
    ] = None,
    upstream: Annotated[
        str | None, typer.Option(help="Where mail goes on: HOST:PORT or unix:/path.")
    ] = None,
    policies: Annotated[
        Path | None, typer.Option(help="Directory of policy files, or one file.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Directory of store, keys and journal.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that take mail.")] = None,
) -> None:
    """Take mail, judge it, mend or refuse it, and relay it upstream."""

    def read() -> Config:
        return load(config).overridden(
            listen=listen or (),
            lmtp=lmtp or (),
            upstream=upstream,
            policies=policies,
            state=state,
            workers=workers,
        )

    raise typer.Exit(run(read))


def run(read: Callable[[], Config]) -> int:
    """Serve until told to stop; the exit code (sysexits.h)."""
    try:
        return _run(read)
    except Problems as problems:
        return _fail(os.EX_CONFIG, *map(str, problems.items))
    except (KeyFileError, StoreUntrusted) as untrusted:
        return _fail(os.EX_CONFIG, str(untrusted))
    except (EmbeddedError, OSError) as error:
        return _fail(os.EX_UNAVAILABLE, str(error))


def _run(read: Callable[[], Config]) -> int:
    config = read()
    config.state.mkdir(mode=0o750, parents=True, exist_ok=True)
    settings = build.store_settings(config)
    fresh = not config.keys.directory.exists() and settings.embedded is not None
    ring = load_ring(config.keys.directory, create=fresh)
    taken = build.snapshot(config, ring)
    regime = build.regime(taken)
    log.configure(config.log.format, level=config.log.level)
    for warning in (
        *regime.policy.warnings,
        *map(str, accounts.doubts(config, regime.policy, taken.users)),
    ):
        log.warned(warning)
    embedded = Embedded(settings.embedded) if settings.embedded else None
    signal.signal(signal.SIGTERM, _stop)  # until the supervisor heeds it
    try:
        if embedded is not None:
            embedded.start()
        asyncio.run(_trusted(settings, ring))
        sockets = bind(config.listeners, listening())
        places = {name: address(bound) for name, bound in sockets.items()}

        def keys() -> Keyring:
            return load_ring(config.keys.directory)

        def ready() -> None:
            log.started(
                version=__version__,
                policy=regime.policy.version,
                upstream=config.upstream.address,
                workers=config.workers,
                **{f"listen_{name}": place for name, place in places.items()},
            )

        return Supervisor(taken, sockets, keys, read, embedded, ready).run()
    finally:
        if embedded is not None:
            embedded.stop()


async def _trusted(settings: Settings, ring: Keyring) -> None:
    """Refuse to start on a store whose answers would prove nothing. ``StoreUntrusted``."""
    store = await Store.open(settings, ring, log.store_silent)
    await store.close()


def _stop(number: int, frame: FrameType | None) -> None:
    """Leave, letting go of what has been started."""
    raise SystemExit(os.EX_OK)


def _fail(code: int, *lines: str) -> int:
    for line in lines:
        typer.echo(f"smtpguard: {line}" if code != os.EX_CONFIG else line, err=True)
    return code

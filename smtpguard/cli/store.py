"""``smtpguard store``: prepare it, look at it, or run the embedded one alone."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from smtpguard.cli.reach import ConfigFile, Place, State, Url, ending, fail, say

if TYPE_CHECKING:
    from smtpguard.store.store import Store
    from smtpguard.store.trust import Mark

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

SERVER = ("valkey_version", "redis_version")


@app.command()
def init(
    force: Annotated[
        bool,
        typer.Option("--force", help="Forget the store this host knew, and what it held."),
    ] = False,
    config: ConfigFile = None,
    state: State = None,
    url: Url = None,
) -> None:
    """Give an empty store its mark, or get to know the one that other hosts use."""
    from smtpguard.store.greeting import Founding
    from smtpguard.store.keyfiles import load_ring, new_keys

    with ending():
        place = Place.of(config, state, url)
        ring = load_ring(place.keys)
        if not ring.references:
            new_keys(place.keys, ring, reference=True, link=True)
            say(f"new keys in {place.keys}: back them up (`smtpguard keys backup`)")

        async def work(store: Store) -> tuple[Mark, bool]:
            return (await store.describe())[0], store.founded

        mark, founded = place.run(work, founding=Founding.FORCED if force else Founding.ALWAYS)
        typer.echo(f"store {mark.generation} " + ("is ready" if founded else "was ready before"))


@app.command()
def status(config: ConfigFile = None, state: State = None, url: Url = None) -> None:
    """Say whether the store may be trusted; exit 78 when not, 69 when it is silent."""
    with ending():
        place = Place.of(config, state, url)

        async def work(store: Store) -> list[tuple[str, object]]:
            mark, info, size = await store.describe()
            version = next((info[name] for name in SERVER if name in info), "unknown")
            return [
                ("store", mark.generation),
                ("layout", mark.schema),
                ("reference keys", ", ".join(mark.keys)),
                ("server", f"{info.get('server_name', 'redis')} {version}"),
                ("process", info.get("process_id", "unknown")),
                ("keys", size),
                ("memory", info.get("used_memory_human", "unknown")),
                ("appendonly", {"1": "yes", "0": "no"}.get(info.get("aof_enabled", ""), "unknown")),
                ("maxmemory-policy", info.get("maxmemory_policy", "unknown")),
            ]

        for name, value in place.run(work, announces=False):
            typer.echo(f"{name:<18}{value}")


@app.command()
def serve(config: ConfigFile = None, state: State = None) -> None:
    """Run the embedded Valkey in the foreground, restarted when it dies, until told to stop."""
    from smtpguard.store.embedded import Embedded

    with ending():
        settings = Place.of(config, state).settings
        if settings.embedded is None:
            fail(f"the store is elsewhere ({settings.url.partition(':')[0]})", os.EX_CONFIG)
        stopping = False

        def stop(_number: int, _frame: FrameType | None) -> None:
            nonlocal stopping
            stopping = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        with Embedded(settings.embedded) as server:
            if not server.owned:
                say("another process runs it already; waiting to take over")
            else:
                say(f"the embedded store listens on {server.socket}, process {server.pid}")
            while not stopping:
                if news := server.poll():
                    say(news)
                time.sleep(0.2)

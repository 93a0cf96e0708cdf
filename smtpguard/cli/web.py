"""``smtpguard web``: the exit pages, a process of their own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from smtpguard import __version__, log
from smtpguard.cli import doors
from smtpguard.cli.doors import Taken
from smtpguard.config import Config, load
from smtpguard.keys import Keyring
from smtpguard.policy.model import validate
from smtpguard.policy.peers import Endpoint
from smtpguard.policy.policy import Policy
from smtpguard.policy.source import Problem, Problems, Source, did_you_mean
from smtpguard.service import build
from smtpguard.service.crew import all_descriptors
from smtpguard.service.notify import listening, notify, secret
from smtpguard.service.sockets import address, bind
from smtpguard.store.embedded import Embedded, EmbeddedError
from smtpguard.store.errors import StoreUntrusted
from smtpguard.store.keyfiles import KeyFileError, load_ring
from smtpguard.web.api.caller import Caller, twice
from smtpguard.web.hooks import Hook, keys
from smtpguard.web.inlets import Inlet
from smtpguard.web.server import run
from smtpguard.web.settings import Web
from smtpguard.web.site import LARGEST_LOGO, Site
from smtpguard.web.site import build as compiled


class Door(NamedTuple):
    """A place to listen at."""

    name: str
    listen: Endpoint


def web(
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="Configuration file; defaults without.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="PLACE", help="The pages: HOST:PORT or unix:/path.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Health and metrics, on loopback.")
    ] = None,
    policies: Annotated[
        Path | None, typer.Option(help="Directory of policy files, or one file.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Directory of store and keys.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.")] = None,
) -> None:
    """Show the exit pages, and take opt-outs; it never sees mail, nor holds a DKIM key."""

    def read() -> Config:
        found = load(config).overridden(policies=policies, state=state)
        said = {"listen": listen, "status": status, "workers": workers}
        return _overridden(found, {name: word for name, word in said.items() if word})

    try:
        raise typer.Exit(_serve(read()))
    except Problems as problems:
        _fail(os.EX_CONFIG, *map(str, problems.items))
    except (KeyFileError, StoreUntrusted) as untrusted:
        _fail(os.EX_CONFIG, str(untrusted))
    except (EmbeddedError, OSError) as error:
        _fail(os.EX_UNAVAILABLE, str(error))


def _serve(config: Config) -> int:
    config.state.mkdir(mode=0o750, parents=True, exist_ok=True)
    settings = build.store_settings(config)
    fresh = not config.keys.directory.exists() and settings.embedded is not None
    ring = load_ring(config.keys.directory, create=fresh)
    doors.whole(ring)
    log.configure(config.log.format, level=config.log.level)
    site = read_site(config)
    taken = Taken(site, ring)
    places = [Door("web", config.web.listen), Door("status", config.web.status)]
    if config.web.api.listen is not None:
        places.append(Door("api", config.web.api.listen))
        if not config.web.api.listen.loopback and config.web.api.tls is None:
            log.warned(f"web.api: without tls, tokens reach {config.web.api.listen} in the clear")
    sockets = bind(places, listening())

    def reread() -> Taken:
        return Taken(read_site(config), doors.complete(config))

    def ready() -> None:
        places = {f"listen_{name}": address(bound) for name, bound in sockets.items()}
        workers = config.web.workers
        log.started(version=__version__, policy=site.version, workers=workers, **places)

    embedded = Embedded(settings.embedded) if settings.embedded else None
    if embedded is not None:
        embedded.start()
    try:
        if config.web.workers > 1:
            asyncio.run(_trusted(config, ring))
            return doors.Doors(config, taken, sockets, reread, embedded, ready).run()
        _alone(config, taken, sockets, reread, embedded, ready)
    finally:
        if embedded is not None:
            embedded.stop()
    log.stopped()
    return os.EX_OK


def _alone(
    config: Config,
    taken: Taken,
    sockets: doors.Sockets,
    reread: Callable[[], Taken],
    embedded: Embedded | None,
    on_ready: Callable[[], None],
) -> None:
    """Everything in this process."""

    def ready() -> None:
        on_ready()
        notify("READY=1")

    def tick() -> None:
        """Every second: keep the store's server running, whoever had it before."""
        if embedded is not None and (news := embedded.poll()):
            log.warned(news)

    all_descriptors()
    try:
        run(lambda: doors.show(config, taken, sockets, reread, ready=ready, tick=tick))
    finally:
        notify("STOPPING=1")


async def _trusted(config: Config, ring: Keyring) -> None:
    """Refuse to start on a store that no worker could use. ``StoreUntrusted``."""
    await (await doors.opened(config, ring)).close()


def read_site(config: Config) -> Site:
    """Who writes, from the policy files as they are now. ``Problems`` when they are wrong."""
    files, packs = config.policy_files(), config.pack_files()
    policy = build.policy(config, files, packs, int(time.time()))
    hooks, inlets = _wired(config, policy)
    return compiled(policy, _logos(config, policy), hooks, inlets, _callers(config, policy))


def _wired(config: Config, policy: Policy) -> tuple[tuple[Hook, ...], tuple[Inlet, ...]]:
    """Where companies listen, and what tells us. ``Problems`` when a secret cannot be read."""
    found: list[Hook] = []
    inlets: list[Inlet] = []
    problems: list[Problem] = []
    for controller in policy.controllers.values():
        for said in controller.webhooks:
            try:
                found.append(Hook.of(controller.name, said, secret(said.secret, _home(config))))
            except (OSError, ValueError) as error:
                problems.append(Problem(said.secret, 0, 0, f"webhook: {error}"))
        for tool in controller.incoming:
            try:
                written = secret(tool.secret, _home(config))
                newest, *older = keys(written, plain=tool.tool != "standard")
            except (OSError, ValueError) as error:
                problems.append(Problem(tool.secret, 0, 0, f"incoming: {error}"))
            else:
                where = (controller.name, tool.name, tool.tool, tool.brand)
                inlets.append(Inlet(*where, newest, tuple(older)))
    if problems:
        raise Problems(problems)
    return tuple(found), tuple(inlets)


def _callers(config: Config, policy: Policy) -> tuple[Caller, ...]:
    """Who may use the API. ``Problems`` when a token cannot be read, or is for nobody we know."""
    found: list[Caller] = []
    problems: list[Problem] = []
    for said in config.web.api.tokens if config.web.api.listen else ():
        for name in sorted((said.named or frozenset()) - policy.controllers.keys()):
            unknown = f"there is no controller `{name}`{did_you_mean(name, policy.controllers)}"
            problems.append(Problem(f"web.api.tokens.{said.name}", 0, 0, unknown))
        try:
            found.append(Caller.of(said, secret(said.secret, Path())))
        except (OSError, ValueError) as error:
            problems.append(Problem(said.secret, 0, 0, f"token: {error}"))
    if name := twice(found):
        problems.append(Problem(f"web.api.tokens.{name}", 0, 0, "another has the same token"))
    if problems:
        raise Problems(problems)
    return tuple(found)


def _home(config: Config) -> Path:
    """What paths in policies are relative to."""
    return config.policies if config.policies.is_dir() else config.policies.parent


def _logos(config: Config, policy: Policy) -> Mapping[str, bytes]:
    """The pictures that brands name, from beside the policies and nowhere else."""
    home = _home(config)
    found: dict[str, bytes] = {}
    for name in {one.brand.logo for one in policy.streams if one.brand.logo}:
        path = (home / name).resolve()
        if path.is_relative_to(home.resolve()) and path.is_file():
            found[name] = path.read_bytes()[: LARGEST_LOGO + 1]
        else:
            log.warned(f"{home / name}: there is no such logo")
    return found


def _overridden(config: Config, said: Mapping[str, object]) -> Config:
    """The same with the words of the command line. ``Problems`` when they are wrong."""
    given = {**config.web.model_dump(exclude_unset=True), **said}
    found, problems = validate(Web, Source("command line"), given, {"base": Path.cwd()})
    if found is None:
        raise Problems([problem for _, problem in problems])
    return config.model_copy(update={"web": found})


def _fail(code: int, *lines: str) -> None:
    for line in lines:
        typer.echo(f"smtpguard: {line}" if code != os.EX_CONFIG else line, err=True)
    raise typer.Exit(code)

"""The host's side of the configuration: ``config/smtpguard.yaml``, whose sample is the defaults.

What is asked of the mail stands in the policies, never here. Paths are relative to the directory
of the file; the keys, the journal and the embedded store live in the state directory unless the
file says otherwise.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from smtpguard.config.listener import Count, Listener, Positive
from smtpguard.policy.model import (
    AfterValidator,
    EndpointIn,
    Field,
    Model,
    Octets,
    PathIn,
    Seconds,
    Secret,
    Text,
    host,
    model_validator,
    schema,
    spelled,
    url,
    validate,
)
from smtpguard.policy.peers import Endpoint
from smtpguard.policy.source import Problem, Problems, Source, read
from smtpguard.web.settings import Digest, Exits, Web

STATE = "/var/lib/smtpguard"
POLICIES = "/etc/smtpguard/policies"


class UpstreamTimeouts(Model):
    """How long each stage may take; all of them lie within the listener's deadline."""

    connect: Positive = 5.0
    greeting: Positive = 30.0
    """Banner, EHLO, STARTTLS and AUTH together."""
    command: Positive = 60.0
    """MAIL, RCPT, DATA and RSET, each."""
    dot: Positive = 600.0
    """The reply to the message (RFC 5321 §4.5.3.2.6)."""


class Upstream(Model):
    """Where mail goes on; its 250 is ours."""

    address: EndpointIn = Endpoint("127.0.0.1", 10026)
    """`host:port` or `unix:/path`."""
    tls: Literal["none", "opportunistic", "required"] = "none"
    """`required` checks the certificate."""
    ca: PathIn | None = None
    """Authorities that may sign its certificate; the system's otherwise."""
    user: Text = ""
    """For AUTH."""
    password: Secret | None = None
    """`credential:NAME` or `file:PATH`."""
    timeouts: UpstreamTimeouts = UpstreamTimeouts()
    pool_size: Count = 20
    """Connections of one worker."""
    pool_idle: Seconds = 60.0
    """An unused connection is closed after this time; 0 keeps none."""
    xforward: bool = True
    """Tell it for whom we speak, where it offers XFORWARD."""


class Store(Model):
    """Who may be written to."""

    url: Annotated[
        str,
        spelled(
            "embedded:|(redis|rediss|unix)://.+",
            "a store: embedded:, redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH",
        ),
    ] = "embedded:"
    """`embedded:` is a Valkey of our own in the state directory; or redis://, rediss://, unix://."""
    password: Secret | None = None
    timeout: Positive = 1.0
    """For one batch, the wait for a connection included."""
    blip: Seconds = 4.0
    """How long a silent store is waited for before mail gets 451."""
    replicas: Annotated[int, Field(ge=0, le=16)] = 0
    """Replicas that must have an opt-out (WAIT) before it is acknowledged."""
    durability: Literal["checked", "asserted"] = "checked"
    """`asserted`: the store forbids CONFIG, and you vouch that it evicts nothing and persists."""


class Keys(Model):
    """Reference and link keys."""

    directory: PathIn


class Limits(Model):
    """What one client, and all of them, may ask for."""

    size: Octets = 50 * 1024 * 1024
    """Of one message (SIZE); 0: no limit."""
    recipients: Count = 1000
    """Of one transaction (RFC 5321 §4.5.3.1.8 asks for 100 at least)."""
    connections: Count = 1000
    """Of all clients, in one worker."""
    connections_per_client: Annotated[int, Field(ge=0)] = 0
    """From one address, in one worker; 0: no limit of its own."""
    command_timeout: Positive = 300.0
    """RFC 5321 §4.5.3.2.7."""
    data_timeout: Positive = 1800.0
    """From DATA to the dot."""
    in_flight_bytes: Octets = 256 * 1024 * 1024
    """Octets of all messages that one worker holds at a time; beyond it 451."""
    inspect_seconds: Positive = 5.0
    """For judging one message."""
    line_length: Octets = 0
    """Octets of one line of a message; 0: no limit, what is over 998 is relayed as it came."""
    bare_newlines: Literal["reject", "normalise"] = "reject"
    """CR or LF alone in a message: refuse it, or make it CRLF before anything is judged."""


class Log(Model):
    """What an operator reads."""

    format: Literal["postfix", "logfmt", "json"] = "postfix"
    addresses: Literal["clear", "pseudonym"] = "clear"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Journal(Model):
    """What can be proved: one line a decision, no address in the clear."""

    path: PathIn
    rotate_size: Octets = 64 * 1024 * 1024
    keep: Count = 30
    """Rotated files."""


DEFAULT_LISTENERS = (
    Listener(name="smtp", listen=Endpoint("127.0.0.1", 10025)),
    Listener(name="lmtp", listen=Endpoint("127.0.0.1", 10024), protocol="lmtp"),
)


class Config(Model):
    """All of it. ``Config()`` is what runs without a file."""

    hostname: Annotated[str, AfterValidator(lambda name: name and host(name))] = ""
    """Our name in banner and trace; empty: the system's."""
    state: PathIn = Path(STATE)
    """Where the store, keys and journal live."""
    policies: PathIn = Path(POLICIES)
    """A directory of policy files (`*.yaml`), or one file."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that take mail."""
    listeners: tuple[Listener, ...] = DEFAULT_LISTENERS
    upstream: Upstream = Upstream()
    store: Store = Store()
    keys: Keys
    limits: Limits = Limits()
    log: Log = Log()
    journal: Journal
    web: Web = Web()
    exits: Exits = Exits()
    digest: Digest = Digest()
    help_url: Annotated[str, AfterValidator(lambda text: text and url(text))] = ""
    """Where a refusal sends its reader; the rule's id is appended."""

    @model_validator(mode="before")
    @classmethod
    def _at_home(cls, data: Any) -> Any:
        """Keys and journal live in the state directory, unless told otherwise."""
        if not isinstance(data, dict) or not isinstance(data.get("state", STATE), str | Path):
            return data
        home = Path(data.get("state", STATE))
        usual = {
            "keys": {"directory": str(home / "keys")},
            "journal": {"path": str(home / "journal" / "decisions.jsonl")},
        }
        given = {part: data.get(part, {}) for part in usual}
        return data | {
            part: usual[part] | said if isinstance(said, dict) else said
            for part, said in given.items()
        }

    @model_validator(mode="after")
    def _told_apart(self) -> Config:
        if not self.listeners:
            raise ValueError("no listeners: no mail could come in")
        for what in ("name", "listen"):
            seen: set[str] = set()
            for listener in self.listeners:
                value = str(getattr(listener, what))
                if value in seen and not value.endswith(":0"):
                    raise ValueError(f"two listeners have the same {what}, `{value}`")
                seen.add(value)
        return self

    @property
    def identity(self) -> str:
        """The name we go by."""
        return self.hostname or socket.getfqdn()

    @property
    def protocols(self) -> dict[str, str]:
        """``smtp`` or ``lmtp`` by name of listener that streams may use (``policy.parse``)."""
        return {entry.name: entry.protocol for entry in self.listeners if entry.kind == "relay"}

    @property
    def defaults(self) -> dict[str, str]:
        """The default stream by name of listener, where there is one (``Matcher``)."""
        return {entry.name: entry.default for entry in self.listeners if entry.default}

    def policy_files(self) -> dict[str, bytes]:
        """The policies' octets by file name, sorted. ``Problems`` when they cannot be read."""
        return _files(self.policies)

    def pack_files(self) -> dict[str, bytes]:
        """The operator's own packs, in ``packs/`` beside the policies; they hide those of ours."""
        home = self.policies if self.policies.is_dir() else self.policies.parent
        return _files(home / "packs") if (home / "packs").is_dir() else {}

    def overridden(
        self,
        *,
        listen: Sequence[str] = (),
        lmtp: Sequence[str] = (),
        upstream: str | None = None,
        policies: Path | None = None,
        state: Path | None = None,
        workers: int | None = None,
    ) -> Config:
        """The same with the words of the command line, which count more.

        ``listen`` and ``lmtp`` are ``[NAME=]HOST:PORT`` or ``[NAME=]unix:/path``; together they
        replace all listeners. ``Problems`` when the whole is wrong.
        """
        given: dict[str, Any] = self.model_dump(exclude_unset=True)
        if state:
            old = self.state
            given["state"] = state.absolute()
            for part, field in (("keys", "directory"), ("journal", "path")):
                path = given[part][field]
                if Path(path).is_relative_to(old):
                    given[part][field] = given["state"] / Path(path).relative_to(old)
        if policies:
            given["policies"] = policies.absolute()
        if workers:
            given["workers"] = workers
        if upstream:
            given["upstream"] = {**given.get("upstream", {}), "address": upstream}
        if listen or lmtp:
            given["listeners"] = [
                *_listeners(listen, "smtp", self.listeners),
                *_listeners(lmtp, "lmtp", self.listeners),
            ]
        return _validated(Source("command line"), given, Path.cwd())


def load(path: Path | None) -> Config:
    """The configuration of a file, or the defaults without one. ``Problems`` when it is wrong."""
    if path is None:
        return _validated(Source("defaults"), {}, Path.cwd())
    source = read(str(path), _octets(path))
    if source.value is None and source.problems:
        raise Problems(source.problems)
    return _validated(source, source.value or {}, path.absolute().parent)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    return schema(Config, "config/smtpguard.yaml")


def _validated(source: Source, value: object, base: Path) -> Config:
    config, problems = validate(Config, source, value, {"base": base})
    if config is None or source.problems:
        raise Problems([*source.problems, *(problem for _, problem in problems)])
    return config


def _listeners(
    words: Sequence[str], protocol: str, known: Sequence[Listener]
) -> list[dict[str, object]]:
    """Listeners of the command line; one that the file names keeps what the file says of it."""
    found = []
    for number, word in enumerate(words):
        name, given, address = word.partition("=")
        if not given:
            name, address = f"{protocol}-{number + 1}" if number else protocol, word
        kept = next((one for one in known if one.name == name and one.protocol == protocol), None)
        said = kept.model_dump(exclude_unset=True) if kept else {}
        found.append({**said, "name": name, "listen": address, "protocol": protocol})
    return found


def _files(place: Path) -> dict[str, bytes]:
    try:
        paths = [place] if not place.is_dir() else sorted(place.iterdir())
    except OSError as error:
        raise _unreadable(place, error) from None
    wanted = [p for p in paths if p == place or (p.suffix in (".yaml", ".yml") and p.is_file())]
    here = Path.cwd()
    return {
        str(path.relative_to(here) if path.is_relative_to(here) else path): _octets(path)
        for path in wanted
    }


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> Problems:
    return Problems([Problem(str(path), 0, 0, f"cannot be read: {error.strerror or error}")])

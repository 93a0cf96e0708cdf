"""The parts ``web:``, ``exits:`` and ``digest:`` of the configuration."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from smtpguard.policy.model import (
    AfterValidator,
    EndpointIn,
    Field,
    Host,
    MailAddress,
    Model,
    Name,
    Octets,
    PathIn,
    PeersIn,
    Seconds,
    Secret,
    model_validator,
    spelled,
    url,
)
from smtpguard.policy.peers import Endpoint, Peers

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Positive = Annotated[Seconds, Field(gt=0)]


class Tls(Model):
    """TLS of the exit pages."""

    certificate: PathIn
    """PEM file, the chain included."""
    key: PathIn
    """PEM file of the private key."""


class Limits(Model):
    """What one client, and all of them, may ask of one worker of the exit pages."""

    body: Octets = 8 * 1024
    """Of one request; a one-click POST has 26 octets."""
    incoming: Octets = 1024 * 1024
    """Of one request of a tool (`incoming`); Mautic sends whole contacts, ten and more at once."""
    seconds: Positive = 10.0
    """For a request to arrive whole."""
    rate: Annotated[float, Field(gt=0)] = 50.0
    """Requests a second from one client, in the long run; a link that is not ours counts ten."""
    burst: Count = 500
    """Requests at once from one client."""
    connections: Count = 4000
    """Of all clients."""
    connections_per_client: Count = 500


class Right(StrEnum):
    """What somebody may do by the API."""

    CHECK = "check"
    """Ask who may be written to, one by one or by lists."""
    SUPPRESS = "suppress"
    """Record who may not."""
    LIFT = "lift"
    """Take that back."""
    REQUESTS = "requests"
    """Read rights requests, which name their makers, and note that they were answered."""
    STATS = "stats"
    """Read counts."""


Rights = Annotated[tuple[Right, ...], Field(min_length=1)]
EVERYBODY = "*"


class ApiToken(Model):
    """A program that may use the API."""

    name: Name
    """It stands in the log, and with what it records: `api:NAME`."""
    secret: Secret
    """24 octets or more: `openssl rand -hex 32`."""
    may: Rights
    controllers: Annotated[
        tuple[Annotated[str, spelled(r"\*|[a-z0-9._-]{1,64}", "a controller, or *")], ...],
        Field(min_length=1),
    ]
    """Whose readers it may ask for; `"*"`: everybody's."""

    @property
    def named(self) -> frozenset[str] | None:
        """The controllers; ``None`` for all."""
        return None if EVERYBODY in self.controllers else frozenset(self.controllers)


class ApiLimits(Model):
    """What the API takes."""

    body: Octets = 512 * 1024
    """Of one request in JSON."""
    list: Octets = 16 * 1024 * 1024
    """Of one list to be cleaned, as text or CSV."""
    in_flight: Octets = 64 * 1024 * 1024
    """Of all requests together; beyond it 503."""
    seconds: Positive = 30.0
    """For a request to arrive whole."""


class Api(Model):
    """HTTP for your own programs."""

    listen: EndpointIn | None = None
    """`127.0.0.1:8027` or `unix:/path`; no API without it."""
    tls: Tls | None = None
    tokens: tuple[ApiToken, ...] = ()
    without_token: tuple[Right, ...] = ()
    """What anybody may do who reaches it; only on loopback or on a unix socket."""
    names: tuple[Host, ...] = ()
    """Host names by which it is asked, beside addresses and localhost."""
    limits: ApiLimits = ApiLimits()

    @model_validator(mode="after")
    def _guarded(self) -> Api:
        names = [token.name for token in self.tokens]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two tokens have the same name, `{name}`")
        if self.listen is None:
            return self
        if not self.tokens and not self.without_token:
            raise ValueError("nobody could use it: name tokens, or what is free without_token")
        if self.without_token and not self.listen.loopback:
            raise ValueError(
                f"without_token: {self.listen} can be reached from elsewhere; name tokens instead"
            )
        return self


class Exits(Model):
    """Links are promised only while the exit answers."""

    check: bool = False
    """Ask every brand's `unsubscribe.url`, at start and then again and again."""
    every: Annotated[Seconds, Field(ge=1)] = 300.0


class Digest(Model):
    """What the owner of a stream is told when its mail is held up."""

    sender: MailAddress | None = None
    """From; else the policy's `feedback.operator`, else postmaster@ the hostname."""
    window: Annotated[Seconds, Field(ge=1)] = 3600.0
    """Within it, one word at most about the same stream and cause."""


class Web(Model):
    """The exit pages: `smtpguard web`, a process of its own."""

    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that show them."""
    listen: EndpointIn = Endpoint("127.0.0.1", 8025)
    """Where readers' requests arrive, usually from a reverse proxy."""
    status: EndpointIn = Endpoint("127.0.0.1", 8026)
    """Health and metrics; loopback only."""
    tls: Tls | None = None
    """Without a reverse proxy."""
    proxies: PeersIn = Peers()
    """Whose X-Forwarded-For is believed; the word `unix` is a unix socket's clients."""
    why_url: Annotated[str, AfterValidator(lambda text: text and url(text))] = ""
    """Where a bounce's link leads, as the world reaches it: `https://u.acme.example/why`."""
    undo: Positive = 1800.0
    """How long a page may be used after it was shown: to undo, to choose, to ask."""
    keep_requests: Positive = 180 * 86400.0
    """After that a rights request is deleted, with who made it."""
    limits: Limits = Limits()
    api: Api = Api()

    @model_validator(mode="after")
    def _private(self) -> Web:
        if not self.status.loopback:
            raise ValueError(f"status: {self.status} can be reached from elsewhere")
        return self

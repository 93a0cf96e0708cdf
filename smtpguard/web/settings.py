"""The parts ``web:`` and ``exits:`` of the configuration."""

from __future__ import annotations

from typing import Annotated

from smtpguard.policy.model import (
    AfterValidator,
    EndpointIn,
    Field,
    Model,
    Octets,
    PathIn,
    PeersIn,
    Seconds,
    model_validator,
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
    """What one client, and all of them, may ask of the exit pages."""

    body: Octets = 8 * 1024
    """Of one request; a one-click POST has 26 octets."""
    seconds: Positive = 10.0
    """For a request to arrive whole."""
    rate: Annotated[float, Field(gt=0)] = 50.0
    """Requests a second from one client, in the long run; a link that is not ours counts ten."""
    burst: Count = 500
    """Requests at once from one client."""
    connections: Count = 4000
    """Of all clients."""
    connections_per_client: Count = 500


class Exits(Model):
    """Links are promised only while the exit answers."""

    check: bool = False
    """Ask every brand's `unsubscribe.url`, at start and then again and again."""
    every: Annotated[Seconds, Field(ge=1)] = 300.0


class Web(Model):
    """The exit pages: `smtpguard web`, a process of its own."""

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

    @model_validator(mode="after")
    def _private(self) -> Web:
        if not self.status.loopback:
            raise ValueError(f"status: {self.status} can be reached from elsewhere")
        return self

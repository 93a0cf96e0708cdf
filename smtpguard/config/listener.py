"""The part ``listeners:`` of the configuration: where mail comes in, and from whom."""

from __future__ import annotations

from ipaddress import collapse_addresses
from typing import Annotated, Any, Literal, cast

from smtpguard.policy.model import (
    EndpointIn,
    Field,
    Model,
    Name,
    PathIn,
    PeersIn,
    Seconds,
    Text,
    model_validator,
)
from smtpguard.policy.peers import Peers

LOOPBACK = Peers.parse(["127.0.0.0/8", "::1/128"])

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Positive = Annotated[Seconds, Field(gt=0)]


class ListenerTls(Model):
    """STARTTLS on a listener (RFC 3207)."""

    certificate: PathIn
    """PEM file, the chain included."""
    key: PathIn
    """PEM file of the private key."""
    required: bool = False
    """Mail is taken over TLS only."""


class ListenerAuth(Model):
    """AUTH on a listener (RFC 4954): over TLS, and on a unix socket."""

    users: PathIn
    """Names and hashes, as `smtpguard users add` writes them; read again on SIGHUP."""
    trusted: tuple[Text, ...] = ()
    """Users whose X-SmtpGuard-* fields are believed."""
    without_tls: bool = False
    """On a loopback address also in the clear."""


class Listener(Model):
    """Where mail comes in."""

    name: Name
    """What `match.listener` of a stream names."""
    listen: EndpointIn
    """`127.0.0.1:10025`, `[::1]:25` or `unix:/path`."""
    kind: Literal["relay", "feedback"] = "relay"
    """`feedback` takes what comes back to the policies' feedback and unsubscribe addresses."""
    protocol: Literal["smtp", "lmtp"] = "smtp"
    """LMTP answers once for each recipient after the dot."""
    relay_from: PeersIn = LOOPBACK
    """Clients that may send through us; by default this machine (or who may open the socket),
    and with `auth` nobody: then users alone may."""
    trusted: PeersIn = Peers()
    """Clients whose X-SmtpGuard-* fields are believed; the word `unix` is a unix socket's."""
    xforward_from: PeersIn = Peers()
    """Clients that may say on whose behalf they speak (XFORWARD); it grants no rights."""
    connections: Count | None = None
    """At most so many at a time; the limits' own otherwise."""
    default: str = ""
    """The stream of what no stream's `match` takes here."""
    deadline: Positive = 90.0
    """From the dot to our reply; must be shorter than the client waits (LMTP: 9m)."""
    tls: ListenerTls | None = None
    auth: ListenerAuth | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_kind(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        usual: dict[str, object] = {}
        if str(data.get("listen", "")).startswith("unix:"):
            usual["relay_from"] = ["unix"]
        if data.get("auth") is not None:
            usual["relay_from"] = []
        if data.get("protocol") == "lmtp":
            usual["deadline"] = 540.0
        return usual | data

    @model_validator(mode="after")
    def _closed(self) -> Listener:
        if not self.listen.loopback and "relay_from" not in self.model_fields_set:
            raise ValueError(
                f"{self.listen} can be reached from elsewhere: say who may send, in relay_from"
            )
        for version in (4, 6):
            own = [n for n in self.relay_from.networks if n.version == version]
            everybody = any(n.prefixlen == 0 for n in collapse_addresses(cast("Any", own)))
            if everybody and self.kind == "relay":
                raise ValueError("relay_from holds every address: this would be an open relay")
        if not self.relay_from and self.auth is None:
            raise ValueError("relay_from is empty: nobody could send")
        if self.kind == "feedback" and self.default:
            raise ValueError("default: what comes back belongs to no stream")
        return self

    @model_validator(mode="after")
    def _private(self) -> Listener:
        """No password is ever asked for where others could read it."""
        if self.auth is None:
            return self
        if self.kind == "feedback":
            raise ValueError("auth: what comes back is sent by no user")
        if self.auth.without_tls and not self.listen.loopback:
            raise ValueError(f"auth.without_tls: {self.listen} can be reached from elsewhere")
        if not (self.tls or self.listen.path or self.auth.without_tls):
            raise ValueError(
                "auth: passwords are asked for over TLS only; say tls as well, or without_tls"
                " where nothing but this machine connects"
            )
        return self

"""The limits and deadlines of both sides. Seconds and octets, unless said otherwise."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from smtpguard.smtp.auth import Auth

Networks = tuple[IPv4Network | IPv6Network, ...]


class Stray(StrEnum):
    """What happens to content with a bare LF, a bare CR or a NUL (RFC 5321 §2.3.8)."""

    REJECT = "reject"
    NORMALISE = "normalise"
    """A bare CR or LF becomes CRLF, a NUL is refused all the same."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client may take (RFC 5321 §4.5.3.2); the default is that of Postfix."""

    command: float = 300.0
    """For the next command, whole line, and for taking a reply."""
    data: float = 1800.0
    """From 354 to the dot."""
    rate: float = 1000.0
    """Octets per second that data must reach, averaged over ``rate_window``; 0: none."""
    rate_window: float = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a client, and all of them together, may ask."""

    size: int = 52_428_800
    """Largest message; 0: none."""
    line: int = 0
    """Longest line of a message, CRLF excluded; 0: none, long lines are relayed as they came."""
    command: int = 10_240
    """Longest command line."""
    recipients: int = 1000
    """Per transaction, at least 100 (RFC 5321 §4.5.3.1.8)."""
    errors: int = 20
    """Refused commands after which a session is ended."""
    junk: int = 100
    """Commands other than MAIL, RCPT and DATA between two messages."""
    sessions: int = 1000
    """Of all clients."""
    sessions_per_client: int = 0
    """Of one peer address; 0: no limit of its own."""
    in_flight: int = 268_435_456
    """Octets of messages received and not yet answered."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One place where clients connect."""

    name: str
    hostname: str
    """In banner and EHLO; ours."""
    lmtp: bool = False
    relay_from: Networks = ()
    """Clients that may send, also those that are no users."""
    relay_unix: bool = True
    """A unix socket's clients may: the file's mode decides who opens it."""
    trusted: Networks = ()
    """Clients whose ``X-SmtpGuard-*`` fields are believed."""
    trusted_unix: bool = False
    xforward_from: Networks = ()
    xforward_unix: bool = False
    tls: ssl.SSLContext | None = None
    """Offers STARTTLS."""
    tls_required: bool = False
    """Mail is taken over TLS only (RFC 3207 §4)."""
    auth: Auth | None = None
    """Offers AUTH; a user may send."""
    stray: Stray = Stray.REJECT
    limits: Limits = Limits()
    deadlines: Deadlines = Deadlines()


class Tls(StrEnum):
    """How much TLS the upstream connection needs."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    """When offered, and whatever the certificate says (RFC 7435)."""
    REQUIRED = "required"
    """With a certificate that verifies, or no mail."""


@dataclass(frozen=True, slots=True)
class Onward:
    """The one next hop."""

    hostname: str
    """Our own, for EHLO."""
    host: str = "127.0.0.1"
    port: int = 25
    path: str = ""
    """Unix socket; instead of host and port."""
    tls: Tls = Tls.NONE
    ca_file: str = ""
    """Certificates that sign the upstream's; empty: the system's."""
    user: str = ""
    password: str = ""
    xforward: bool = True
    """Pass on who the client was, where the upstream takes it."""
    connect: float = 5.0
    """For the connection itself, and for a kept one to show that it stands."""
    greeting: float = 30.0
    """For banner, EHLO, STARTTLS and AUTH together."""
    command: float = 60.0
    """For the reply to one command."""
    upload: float = 60.0
    """For the upstream to take any further octets of the message."""
    after_dot: float = 540.0
    """For the last reply, where the caller says nothing shorter."""
    connections: int = 100
    """At one time; who finds none free waits ``connect`` seconds."""
    idle: float = 30.0
    """How long an unused connection is kept."""
    stale: float = 10.0
    """Unused for longer, a connection is asked with NOOP before it is used."""
    uses: int = 500
    """Transactions on one connection."""

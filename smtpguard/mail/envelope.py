"""Who sends to whom, and over which session (RFC 5321 §2.3.1).

Values only. Parameters keep the octets and the case they came with, because what was checked
is what is sent on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from smtpguard.mail.address import Address, MalformedPath

_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*+)(?:=([!-<>-~\x80-\xff]++))?")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One ESMTP parameter of MAIL or RCPT, octets as received."""

    keyword: bytes
    value: bytes | None = None

    @property
    def name(self) -> str:
        """The keyword, upper-cased for comparison."""
        return self.keyword.decode("ascii").upper()

    def __bytes__(self) -> bytes:
        return self.keyword if self.value is None else self.keyword + b"=" + self.value


def parse_parameters(rest: bytes) -> tuple[Parameter, ...]:
    """Read what follows the path of MAIL or RCPT (RFC 5321 §4.1.2, esmtp-param).

    Order, case and octets are kept. Raises ``MalformedPath``, also for a keyword given twice,
    of which only one could be the one that was checked.
    """
    parameters: dict[bytes, Parameter] = {}
    for word in rest.split(b" "):
        if not word:
            continue
        found = _PARAMETER.fullmatch(word)
        if not found or not _is_utf8(word):
            raise MalformedPath("parameter does not follow RFC 5321")
        parameter = Parameter(*found.groups())
        if parameters.setdefault(found[1].upper(), parameter) is not parameter:
            raise MalformedPath("parameter given twice")
    return tuple(parameters.values())


def _is_utf8(octets: bytes) -> bool:
    """RFC 6533 §3 lets ORCPT carry UTF-8; whatever cannot be printed is refused."""
    try:
        return octets.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT TO."""

    address: Address
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """Who is connected, and how."""

    listener: str = "-"
    """Name of the listener in the configuration."""
    protocol: str = "ESMTP"
    """``SMTP``, ``ESMTP`` or ``LMTP``."""
    peer: str = ""
    """Address of the connected client; empty for a unix socket."""
    helo: str = ""
    user: str = ""
    """SASL user; only where we authenticated it ourselves."""
    tls: bool = False
    trusted: bool = False
    """The client may say things about the mail in ``X-SmtpGuard-*`` fields."""
    forwarded: tuple[tuple[str, str], ...] = ()
    """XFORWARD attributes: NAME ADDR PORT PROTO HELO IDENT SOURCE. They never grant rights."""

    def forward(self, attribute: str) -> str:
        """One XFORWARD attribute, or an empty string."""
        return dict(self.forwarded).get(attribute, "")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The reverse-path and the recipients of one transaction."""

    session: Session
    sender: Address | None
    """``None`` is the null reverse-path ``<>``."""
    sender_parameters: tuple[Parameter, ...] = ()
    recipients: tuple[Recipient, ...] = field(default=())

    def accepting(self, recipient: Recipient) -> Envelope:
        """The same with one more recipient."""
        recipients = (*self.recipients, recipient)
        return Envelope(self.session, self.sender, self.sender_parameters, recipients)

    def sender_parameter(self, name: str) -> Parameter | None:
        """The MAIL parameter of that upper-case name, if given."""
        return next((p for p in self.sender_parameters if p.name == name), None)

"""What a client may say: MAIL and RCPT read strictly (RFC 5321 §4.1.2), or the reply to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from smtpguard.mail.address import Address, MalformedPath, parse_path
from smtpguard.mail.envelope import Parameter, Recipient, parse_parameters
from smtpguard.reply import Reply
from smtpguard.smtp.capabilities import Capabilities

HTTP = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"PATCH", b"OPTIONS", b"CONNECT"})
"""First words of another protocol (Postfix ``smtpd_forbidden_commands``)."""

MESSAGE = frozenset({b"MAIL", b"RCPT", b"DATA"})
"""The commands of which a message has any number."""

_XTEXT = rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})"
_VALUES: Mapping[str, re.Pattern[bytes]] = {
    "SIZE": re.compile(rb"\d{1,20}"),  # RFC 1870 §4
    "BODY": re.compile(rb"7BIT|8BITMIME", re.IGNORECASE),  # RFC 6152 §2
    "RET": re.compile(rb"FULL|HDRS", re.IGNORECASE),  # RFC 3461 §4.3
    "AUTH": re.compile(_XTEXT + rb"{1,500}"),  # RFC 4954 §5; xtext holds <> as well
    "ENVID": re.compile(_XTEXT + rb"{1,100}"),  # RFC 3461 §4.4
    "NOTIFY": re.compile(  # RFC 3461 §4.1
        rb"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}", re.IGNORECASE
    ),
    "ORCPT": re.compile(  # RFC 3461 §4.2, RFC 6533 §3
        rb"[A-Za-z0-9-]+;(?:[!-*,-<>-~\x80-\xff]|\+[0-9A-F]{2}){1,500}"
    ),
}


@dataclass(frozen=True, slots=True)
class Mail:
    """A MAIL command."""

    sender: Address | None
    parameters: tuple[Parameter, ...]
    utf8: bool
    size: int
    """Announced octets, 0 where nothing was announced."""


def offered(capabilities: Capabilities | None) -> tuple[frozenset[str], frozenset[str]]:
    """The parameters that MAIL and RCPT may carry; none after HELO (``None``)."""
    if capabilities is None:
        return frozenset(), frozenset()
    mail = {"SIZE"}
    if capabilities.eightbitmime:
        mail.add("BODY")
    if capabilities.smtputf8:
        mail.add("SMTPUTF8")
    if capabilities.auth:
        mail.add("AUTH")
    if capabilities.dsn:
        return frozenset(mail | {"RET", "ENVID"}), frozenset({"NOTIFY", "ORCPT"})
    return frozenset(mail), frozenset()


@lru_cache(256)
def mail(argument: bytes, keywords: frozenset[str], limit: int) -> Mail | Reply:
    """Read ``FROM:<path> parameters``; ``limit`` is the largest message, 0 for none."""
    if argument[:5].upper() != b"FROM:":
        return Reply(501, "5.4", ("syntax: MAIL FROM:<address>",))
    try:
        sender, rest = parse_path(argument[5:].lstrip(b" "))
    except MalformedPath as error:
        return Reply(501, "1.7", (f"bad sender address syntax: {error}",))
    parameters = _parameters(rest, keywords)
    if isinstance(parameters, Reply):
        return parameters
    given = {parameter.name: parameter.value for parameter in parameters}
    utf8 = "SMTPUTF8" in given
    if sender is not None and not sender.ascii and not utf8:
        return Reply(553, "6.7", ("a non-ASCII sender address needs SMTPUTF8",))
    size = int(given.get("SIZE") or 0)
    if limit and size > limit:
        return Reply(552, "3.4", (f"message of {size} octets is over the limit of {limit}",))
    return Mail(sender, parameters, utf8, size)


def rcpt(argument: bytes, keywords: frozenset[str], *, utf8: bool) -> Recipient | Reply:
    """Read ``TO:<path> parameters``; ``utf8``: MAIL carried SMTPUTF8."""
    if argument[:3].upper() != b"TO:":
        return Reply(501, "5.4", ("syntax: RCPT TO:<address>",))
    try:
        address, rest = parse_path(argument[3:].lstrip(b" "))
    except MalformedPath as error:
        return Reply(501, "1.3", (f"bad recipient address syntax: {error}",))
    if address is None:
        return Reply(501, "1.3", ("bad recipient address syntax: empty path",))
    parameters = _parameters(rest, keywords)
    if isinstance(parameters, Reply):
        return parameters
    if not address.ascii and not utf8:
        return Reply(553, "6.7", ("a non-ASCII recipient address needs SMTPUTF8",))
    return Recipient(address, parameters)


def _parameters(rest: bytes, keywords: frozenset[str]) -> tuple[Parameter, ...] | Reply:
    try:
        parameters = parse_parameters(rest)
    except MalformedPath as error:
        return Reply(501, "5.4", (f"bad parameter syntax: {error}",))
    for parameter in parameters:
        if parameter.name not in keywords:
            return Reply(555, "5.4", (f"parameter {parameter.name} not recognized",))
        if not _sound(parameter):
            return Reply(501, "5.4", (f"bad value of parameter {parameter.name}",))
    if len({parameter.name for parameter in parameters}) < len(parameters):
        return Reply(501, "5.4", ("a parameter is given twice",))
    return parameters


def _sound(parameter: Parameter) -> bool:
    pattern = _VALUES.get(parameter.name)
    if pattern is None:
        return parameter.value is None
    return parameter.value is not None and pattern.fullmatch(parameter.value) is not None


def greeting(hostname: str, lines: Iterable[str]) -> bytes:
    """The reply to EHLO (RFC 5321 §4.1.1.1), which takes no enhanced code (RFC 2034 §4)."""
    *head, last = [hostname, *lines]
    return "".join([*(f"250-{line}\r\n" for line in head), f"250 {last}\r\n"]).encode("ascii")


def extensions(capabilities: Capabilities, *, xforward: bool, starttls: bool) -> list[str]:
    """The EHLO keywords to offer; ``size`` and ``auth`` are those of ``capabilities``."""
    lines = ["PIPELINING", "ENHANCEDSTATUSCODES", f"SIZE {capabilities.size or 0}"]
    lines += ["8BITMIME"] * capabilities.eightbitmime
    lines += ["SMTPUTF8"] * capabilities.smtputf8
    lines += ["DSN"] * capabilities.dsn
    lines += ["XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"] * xforward
    lines += ["STARTTLS"] * starttls
    lines += ["AUTH PLAIN LOGIN"] * capabilities.auth
    return lines

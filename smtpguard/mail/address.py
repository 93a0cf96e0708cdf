"""Paths and mailboxes (RFC 5321 §4.1.2, RFC 6531), read strictly and kept octet for octet.

What is checked is what is sent: an address is never rewritten here. It has one other form, its
key, under which a person is looked up; a key is never sent anywhere.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna

_ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]"
# {1,99}: a repeated group keeps each of its turns in memory until it is left.
_DOT_ATOM = rb"%b++(?>(?:\.%b++){1,99})*" % (_ATEXT, _ATEXT)
_LOCAL = rb'(?:%b|"(?>(?:[ !#-\[\]-~\x80-\xff]++|\\[ -~]){1,99})+")' % _DOT_ATOM
# The underscore is no LDH character, but Postfix takes it and hosts of that name send mail.
_LABEL = rb"(?!-)[A-Za-z0-9_\x80-\xff-]++(?<!-)"
_DOMAIN = rb"(?:%b(?>(?:\.%b){1,99})*|\[[0-9A-Za-z:.]++\])" % (_LABEL, _LABEL)
_PATH = re.compile(rb" *+<(?:(%b)(?:@(%b))?)?>(?= |\Z)" % (_LOCAL, _DOMAIN))
_MAILBOX = re.compile(rb"(%b)@(%b\.?+)" % (_LOCAL, _DOMAIN))
_BRACKETS = re.compile(
    rb' *+<((?>(?:[^"<>\\]++|\\.|"(?>(?:[^"\\]++|\\.){1,99})*"){1,99})*)>', re.DOTALL
)
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

_JOINERS = dict.fromkeys(map(ord, "\u200c\u200d"))
_OTHER_DOTS = frozenset("\u3002\uff0e\uff61")


class MalformedPath(ValueError):
    """MAIL or RCPT does not follow the grammar; the text is a short reason in US-ASCII."""


@dataclass(frozen=True, slots=True)
class Address:
    """A Mailbox, octets as received between the angle brackets.

    ``local`` keeps its quotes; ``domain`` may be an address literal. It is empty for the
    ``<Postmaster>`` of RCPT alone.
    """

    local: bytes
    domain: bytes

    def __bytes__(self) -> bytes:
        return self.local + b"@" + self.domain if self.domain else self.local

    @staticmethod
    def parse(octets: bytes) -> Address | None:
        """The address that ``octets`` are, whole and without brackets; ``None`` for anything else.

        The one liberty is a dot after the domain, as lists from DNS carry it.
        """
        found = _MAILBOX.fullmatch(octets)
        if not found or _fault(*found.groups()):
            return None
        return Address(*found.groups())

    @property
    def ascii(self) -> bool:
        """It can travel without SMTPUTF8."""
        return self.local.isascii() and self.domain.isascii()

    @property
    def key(self) -> str:
        """The one form under which a person is looked up.

        Unquoted, NFC, case-folded local part; domain as A-labels in lower case without a final
        dot. Dots and tags are kept: to a server they may be two people.
        """
        local = _local_key(self.local)
        return f"{local}@{self.domain_key}" if self.domain else local

    @property
    def untagged(self) -> str | None:
        """The key of the mailbox behind ``local+tag``; ``None`` when there is no tag."""
        local, plus, _ = _local_key(self.local).partition("+")
        return f"{local}@{self.domain_key}" if local and plus and self.domain else None

    @property
    def domain_key(self) -> str:
        """The domain as A-labels in lower case, without a final dot; a literal in lower case."""
        return _domain_key(self.domain)


def parse_path(argument: bytes) -> tuple[Address | None, bytes]:
    """Read the path at the start of ``argument``, which follows ``FROM:`` or ``TO:``.

    Returns the address, ``None`` for ``<>``, and the octets after ``>``, leading space included.
    Spaces before ``<`` are passed over (RFC 5321 §4.1.1.11 forbids them, clients send them).
    Raises ``MalformedPath``. Source routes are refused (RFC 5321 §4.1.1.3).
    """
    found = _PATH.match(argument)
    if not found:
        raise MalformedPath(_why(argument))
    local, domain = found.groups()
    rest = argument[found.end() :]
    if local is None:
        return None, rest
    if domain is None:
        # RFC 5321 §4.5.1
        if local.lower() != b"postmaster":
            raise MalformedPath("address without a domain")
        return Address(local, b""), rest
    if fault := _fault(local, domain):
        raise MalformedPath(fault)
    return Address(local, domain), rest


def _fault(local: bytes, domain: bytes) -> str:
    """What a regular expression does not see in an address of the right shape; or nothing."""
    if domain.startswith(b"["):
        if not _is_literal(domain):
            return "address literal is malformed"
    elif fault := _domain_fault(domain):
        return fault
    return "" if local.isascii() or _is_printable(local) else "local part is not readable UTF-8"


def _domain_fault(domain: bytes) -> str:
    if domain.isascii() and len(domain) <= 63:
        return ""
    if len(domain) > 1000 or not _is_printable(domain) or _OTHER_DOTS & {*domain.decode("utf-8")}:
        return "domain is not readable UTF-8"
    labels = [_a_label(label) for label in domain.decode("utf-8").removesuffix(".").split(".")]
    if not all(labels):
        return "domain is not a valid internationalized name"
    long = max(map(len, labels)) > 63 or len(".".join(labels)) > 253
    return "domain is too long" if long else ""


def _is_literal(domain: bytes) -> bool:
    """IPv4 or IPv6: no other tag is registered (RFC 5321 §4.1.3)."""
    inside = domain.removesuffix(b".")[1:-1].decode("ascii")
    try:
        if inside[:5].lower() == "ipv6:":
            ipaddress.IPv6Address(inside[5:])
        else:
            ipaddress.IPv4Address(inside)
    except ValueError:
        return False
    return not domain.endswith(b".")


def _is_printable(octets: bytes) -> bool:
    """UTF-8 without control, format, space or unassigned characters (RFC 8264 §9)."""
    try:
        return octets.decode("utf-8").translate(_JOINERS).replace(" ", "").isprintable()
    except UnicodeDecodeError:
        return False


def _a_label(label: str) -> str:
    """The label in lower-case ASCII; empty when it has no such form."""
    if label.isascii():
        return label.lower()
    try:
        return idna.encode(label, uts46=True).decode("ascii").lower()
    except UnicodeError:
        return ""


@lru_cache(4096)
def _domain_key(octets: bytes) -> str:
    if octets.isascii():
        domain = octets.decode("ascii").lower()
        return domain if domain.startswith("[") else domain.removesuffix(".")
    domain = octets.decode("utf-8", "backslashreplace").removesuffix(".")
    return ".".join(_a_label(label) or _fold(label) for label in domain.split("."))


def _local_key(local: bytes) -> str:
    text = local.decode("utf-8", "backslashreplace")
    if text[:1] == '"':
        text = _QUOTED_PAIR.sub(r"\1", text[1:-1])
    return text.lower() if text.isascii() else _fold(text)


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFC", text).casefold()
    return unicodedata.normalize("NFC", folded)


def _why(argument: bytes) -> str:
    """Why ``argument`` does not start with a path."""
    if not argument.lstrip(b" ").startswith(b"<"):
        return "path must stand in angle brackets"
    found = _BRACKETS.match(argument)
    if not found:
        return "angle bracket or quote is not closed"
    inside = found[1]
    if _CONTROL.search(inside):
        return "control character in the path"
    if inside.startswith(b"@"):
        return "source routes are not accepted"
    if not inside.startswith(b'"') and b" " in inside:
        return "space in the path"
    if argument[found.end() : found.end() + 1] not in (b"", b" "):
        return "no space after the path"
    if b"@" not in inside:
        return "address without a domain"
    return "address does not follow RFC 5321"

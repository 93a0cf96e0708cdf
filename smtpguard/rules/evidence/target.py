"""Where a link leads, judged by its text alone.

Nothing is fetched: a fetch can unsubscribe people (RFC 8058 §1).
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from smtpguard.mail.address import Address
from smtpguard.mail.lexicon import junk_target
from smtpguard.policy.controller import Brand

_RESERVED = (
    ".example", ".example.com", ".example.net", ".example.org", ".home.arpa", ".internal",
    ".invalid", ".local", ".localhost", ".test",
)  # fmt: skip
"""Names that lead nowhere on the public Internet (RFC 2606 §2, RFC 6761 §6, RFC 8375)."""

_UNREAD = re.compile(
    r"no[-_.]?reply|do[-_.]?not[-_.]?reply|ne[-_.]?pas[-_.]?repondre|non[-_.]?rispondere"
    r"|nicht[-_.]?antworten|no[-_.]?responder|nao[-_.]?responder|niet[-_.]?beantwoorden",
    re.IGNORECASE,
)


def host_of(target: str) -> str:
    """The host of an ``http`` or ``https`` URL, lower case without a final dot; else empty."""
    if not target[:6].lower().startswith("http"):
        return ""
    try:
        return (urlsplit(target.replace("\\", "/")).hostname or "").rstrip(".")
    except ValueError:
        return ""


def ours(target: str, brand: Brand) -> bool:
    """Whether a URL is one of the brand's declared exits: our own pages, or a listed host."""
    return leads_to(target, declared(brand))


def leads_to(target: str, hosts: frozenset[str]) -> bool:
    """Whether the host of a URL is one of those."""
    near = target.lower()
    for host in hosts:
        if host in near:
            return host_of(target) in hosts
    return False


def declared(brand: Brand) -> frozenset[str]:
    """The hosts that the policy calls the brand's exits."""
    return _declared(brand.unsubscribe.url, brand.unsubscribe.hosts)


def fault_of(target: str, brand: Brand) -> str:
    """Why nobody can leave through ``target``, in a few words; empty where one can.

    Hosts that the policy declares are believed, whatever their name.
    """
    scheme, colon, rest = target.partition(":")
    scheme = scheme.lower() if colon else ""
    if scheme == "mailto":
        return _fault_of_mailbox(unquote(rest.partition("?")[0]), brand)
    if scheme in ("http", "https"):
        return _fault_of_url(target.replace("\\", "/"), brand)
    if not target or junk_target(target):
        return f"the target is {target!r}" if target else "the target is empty"
    return f"the scheme is {scheme}" if scheme.isalnum() else "the target is relative"


@lru_cache(maxsize=64)
def _declared(url: str, hosts: frozenset[str]) -> frozenset[str]:
    return frozenset(filter(None, (host_of(url), *hosts)))


def _fault_of_url(url: str, brand: Brand) -> str:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "the URL is malformed"
    if not host:
        return "the URL has no host"
    if "@" in parts.netloc:
        return f"the URL hides its host {host} behind a user name"
    return "" if host in declared(brand) else _fault_of_host(host, brand)


def _fault_of_mailbox(mailbox: str, brand: Brand) -> str:
    address = Address.parse(mailbox.strip().encode())
    if address is None:
        return "mailto: without a mail address"
    if _UNREAD.search(mailbox.partition("@")[0]):
        return "nobody reads that mailbox"
    return _fault_of_host(address.domain_key, brand)


def _fault_of_host(host: str, brand: Brand) -> str:
    if brand.owns(host):
        return ""
    try:
        public = ip_address(host.strip("[]")).is_global
    except ValueError:
        public = "." in host and not f".{host}".endswith(_RESERVED)
    return "" if public else f"the host {host} is not public"

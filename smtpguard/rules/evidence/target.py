"""Where a link leads, judged by its text alone.

Nothing is fetched: a fetch can unsubscribe people (RFC 8058 §1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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

LONG = 300
"""Characters of a host, with what stands before it, that is not worth remembering."""

_BASE = re.compile(r"[^/?#]*+(?://[^/?#]*+)?")
"""Scheme and authority (RFC 3986 §3): what hundreds of links of one mail have in common."""
_BARE = re.compile(r"https?://[\w.-]++(?=/|\Z)", re.ASCII)
_UNREAD = re.compile(
    r"no[-_.]?reply|do[-_.]?not[-_.]?reply|ne[-_.]?pas[-_.]?repondre|non[-_.]?rispondere"
    r"|nicht[-_.]?antworten|no[-_.]?responder|nao[-_.]?responder|niet[-_.]?beantwoorden",
    re.IGNORECASE,
)


def host_of(target: str) -> str:
    """The host of an ``http`` or ``https`` URL, lower case without a final dot; else empty."""
    if not target[:6].lower().startswith("http"):
        return ""
    found = _authority(target.replace("\\", "/"))
    return found[0] if found else ""


def ours(target: str, brand: Brand) -> bool:
    """Whether a URL is one of the brand's declared exits: our own pages, or a listed host."""
    return host_of(target) in declared(brand)


class Targets:
    """Where the links of one part lead, looked at together.

    Dozens of them have their scheme and host in common, and mostly no more is looked at.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = urls
        self._bare: dict[str, list[int]] = {}
        """Indices of those with nothing but a host before the path, by what they begin with."""
        self._odd: list[int] = []
        """Indices of all others."""
        begin, alike = "", self._odd
        for i, url in enumerate(urls):
            if not (begin and url.startswith(begin)):
                bare = _BARE.match(url)
                begin = f"{bare[0]}/" if bare else ""
                alike = self._bare.setdefault(bare[0], []) if bare else self._odd
            alike.append(i)

    def led(self, hosts: frozenset[str]) -> set[int]:
        """Indices of the URLs whose host is one of those."""
        found = {i for i in self._odd if host_of(self.urls[i]) in hosts}
        for base, alike in self._bare.items():
            if _bare_host(base) in hosts:
                found.update(alike)
        return found

    def doubted(self, brand: Brand) -> list[int]:
        """Indices of those that may have a fault, or are not https: few."""
        found = self._odd.copy()
        known = declared(brand)
        for base, alike in self._bare.items():
            host = _bare_host(base)
            if base[4] != "s" or (host not in known and _fault_of_host(host, brand)):
                found += alike
        return sorted(found)


def _bare_host(base: str) -> str:
    return base.partition("://")[2].lower().rstrip(".")


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
    found = _authority(url)
    if found is None:
        return "the URL is malformed"
    host, disguised = found
    if not host:
        return "the URL has no host"
    if disguised:
        return f"the URL hides its host {host} behind a user name"
    return "" if host in declared(brand) else _fault_of_host(host, brand)


def _authority(url: str) -> tuple[str, bool] | None:
    """Host and whether a user name stands in front of it; ``None`` where the URL is malformed."""
    # Tabs and line ends are taken out wherever they stand, so that the rest may matter as well.
    base = _BASE.match(url) if url.isprintable() else None
    text = base[0] if base else url
    return (_read_authority if len(text) <= LONG else _read_authority.__wrapped__)(text)


@lru_cache(maxsize=1024)
def _read_authority(base: str) -> tuple[str, bool] | None:
    try:
        parts = urlsplit(base)
        return (parts.hostname or "").rstrip("."), "@" in parts.netloc
    except ValueError:
        return None


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
    public = (_is_public if len(host) <= LONG else _is_public.__wrapped__)(host)
    return "" if public else f"the host {host} is not public"


@lru_cache(maxsize=1024)
def _is_public(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." in host and not f".{host}".endswith(_RESERVED)

"""Domains that unrelated people share: suppressing one would silence strangers.

The list, ``shared_domains.txt``, is short on purpose: it guards against a slip of the hand, and
an operator may override it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

_REASONS = {
    "[mailbox providers]": "gives mailboxes to unrelated people",
    "[public suffixes]": "is a suffix under which unrelated people register their domains",
}


def _entries() -> Iterator[tuple[str, str]]:
    reason = ""
    for line in files(__package__).joinpath("shared_domains.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            reason = _REASONS[line]
        elif line and not line.startswith("#"):
            yield line, reason


_SHARED = dict(_entries())


def why_shared(domain: str) -> str:
    """Why a domain should not be suppressed as a whole, or an empty string."""
    if "." not in domain:
        return "a top-level domain belongs to everybody under it"
    reason = _SHARED.get(domain, "")
    return f"{domain} {reason}" if reason else ""

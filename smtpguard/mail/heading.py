"""What the header of a part says of its body (RFC 2045, RFC 2183).

A campaign sends everybody the same parts, so that what their headers say is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from smtpguard.mail.field import Field, Parameterised, parse_parameterised, split_fields

LONG = 1_000
"""Octets of a header that is not remembered."""


class Heading(NamedTuple):
    """What is needed to find and read what is in a part."""

    kind: Parameterised
    """The Content-Type."""
    encoding: str
    """The Content-Transfer-Encoding in lower case."""
    disposition: Parameterised
    """The Content-Disposition."""
    defect: str
    """What is wrong with the header, in a few words; empty when nothing is."""


def heading(header: bytes, default: str) -> Heading:
    """Read a header without the empty line that ends it; ``default``: the type of parts there."""
    return (_known if len(header) <= LONG else _known.__wrapped__)(header, default)


@lru_cache(1024)
def _known(header: bytes, default: str) -> Heading:
    return heading_of(split_fields(header, 0, len(header)), default)


def heading_of(fields: Iterable[Field], default: str) -> Heading:
    """The same out of its fields."""
    found: dict[str, Field] = {}
    defect = ""
    for field in fields:
        key = field.key
        if key in found and key in ("content-type", "content-transfer-encoding"):
            defect = "contradictory header"
        elif not key:
            defect = defect or "malformed header"
        found.setdefault(key, field)
    kind = _said(found, "content-type", default)
    # RFC 2045 §5.2
    if kind.value.count("/") != 1:
        kind = Parameterised("text/plain", kind.parameters)
    encoding = _said(found, "content-transfer-encoding", "7bit").value
    return Heading(kind, encoding, _said(found, "content-disposition", ""), defect)


def _said(found: dict[str, Field], key: str, default: str) -> Parameterised:
    field = found.get(key)
    return parse_parameterised(field.value) if field else Parameterised(default, {})

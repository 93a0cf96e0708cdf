"""List-Unsubscribe (RFC 2369) and List-Unsubscribe-Post (RFC 8058), read and written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from smtpguard.unsubscribe.link import Exit

ONE_CLICK = "List-Unsubscribe=One-Click"
MANY = 64
"""URIs of one field beyond which it is not read on."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()<>]*\)")


@dataclass(frozen=True, slots=True)
class ListUnsubscribe:
    """What the List-Unsubscribe fields of a message say."""

    uris: tuple[str, ...] = ()
    """In the sender's order of preference, white space taken out (RFC 2369 §2)."""
    faults: tuple[str, ...] = ()
    """What is malformed, a few words each."""

    @property
    def https(self) -> str:
        """The first https URI, or an empty string."""
        return next((uri for uri in self.uris if uri[:8].lower() == "https://"), "")

    @property
    def mailto(self) -> str:
        """The first mailto URI, or an empty string."""
        return next((uri for uri in self.uris if uri[:7].lower() == "mailto:"), "")

    @classmethod
    def read(cls, values: Sequence[str]) -> ListUnsubscribe:
        """Read the unfolded values of every List-Unsubscribe field; tolerant, linear, never raises.

        The URIs are those of the first field; a second field is a fault (RFC 2369 §2).
        """
        if not values:
            return cls()
        uris, faults = _read(values[0])
        if len(values) > 1:
            faults.append("more than one field")
        return cls(tuple(uris), tuple(dict.fromkeys(faults)))


def _read(value: str) -> tuple[list[str], list[str]]:
    uris: list[str] = []
    faults: list[str] = []
    pieces = value.split("<")
    outside = [pieces[0]]
    for piece in pieces[1 : MANY + 1]:
        inside, bracket, after = piece.partition(">")
        outside.append(after)
        uri = "".join(inside.split())
        if not bracket:
            faults.append("unclosed angle bracket")
        elif fault := _fault(uri):
            faults.append(fault)
        else:
            uris.append(uri)
    if len(pieces) > MANY + 1:
        faults.append(f"more than {MANY} URIs")
    if len(pieces) == 1:
        faults.append("no URI in angle brackets" if value.strip() else "empty")
    else:
        faults.extend(_strays(outside))
    return uris, faults


def _strays(outside: list[str]) -> list[str]:
    """What stands around the URIs: commas between them and comments, nothing else."""
    first, *between = [_COMMENT.sub("", text).strip() for text in outside]
    *between, last = between
    if first or last or any(text != "," for text in between):
        return ["something other than commas around the URIs"]
    return []


def _fault(uri: str) -> str:
    if not uri:
        return "empty URI"
    if not (uri.isascii() and uri.isprintable()):
        return "URI with characters that must be percent-encoded"
    if not _SCHEME.match(uri):
        return "URI without a scheme"
    return ""


def one_click(values: Sequence[str]) -> bool:
    """Whether the List-Unsubscribe-Post fields promise one click (RFC 8058 §3.1)."""
    return [value.strip() for value in values] == [ONE_CLICK]


def compose(way_out: Exit) -> list[tuple[str, str]]:
    """The fields (name, value) that offer an exit; none where it has neither address.

    One click is promised only for an https URI, as RFC 8058 §3.1 demands.
    """
    uris = [f"<{uri}>" for uri in (way_out.url, way_out.mailto) if uri]
    if not uris:
        return []
    fields = [("List-Unsubscribe", ", ".join(uris))]
    if way_out.url.startswith("https://"):
        fields.append(("List-Unsubscribe-Post", ONE_CLICK))
    return fields

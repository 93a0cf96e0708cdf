"""What a rule may ask for: the fixes, in the words of mail rather than of bytes.

A fix is symbolic. It names no offset into encoded octets and no reader's link, so that equal
fixes compare equal: recipients whose fixes are equal, and not personal, share one copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Change(IntEnum):
    """What a fix needs to be allowed to touch (a stream's ``edits``)."""

    NONE = 0
    HEADERS = 1
    BODY = 2


class Place(IntEnum):
    """Where a paragraph stands in the footer; the one defined order."""

    SENDER = 1
    ADDRESS = 2
    REASON = 3
    SOURCE = 4
    RIGHTS = 5
    UNSUBSCRIBE = 6


@dataclass(frozen=True, slots=True)
class AddField:
    """Put one header field at the top. ``value`` is unencoded; non-ASCII is encoded (RFC 2047)."""

    name: str
    value: str
    change = Change.HEADERS
    personal = False


@dataclass(frozen=True, slots=True)
class RemoveField:
    """Take one header field out. ``index`` counts all fields of the message from 0."""

    index: int
    change = Change.HEADERS
    personal = False


@dataclass(frozen=True, slots=True)
class OfferExit:
    """Put List-Unsubscribe and List-Unsubscribe-Post (RFC 8058) for this reader at the top.

    Existing fields of both names are replaced when ``replace`` is true; otherwise there are none.
    """

    replace: bool = False
    change = Change.HEADERS
    personal = True


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of the footer, for some of the readable parts.

    ``text`` is plain Unicode. ``{exit}`` in it is the place of the reader's own link, labelled
    ``label`` in HTML; in plain text the URL itself stands there. Any other ``https://`` URL
    and any mail address in ``text`` becomes a link in HTML.
    """

    place: Place
    text: str
    parts: frozenset[str]
    """``Part.number`` of the parts that lack it."""
    label: str = ""
    change = Change.BODY

    @property
    def personal(self) -> bool:
        """It carries a link that belongs to one reader."""
        return "{exit}" in self.text


@dataclass(frozen=True, slots=True)
class RemoveImage:
    """Take every ``<img>`` with exactly this ``src`` (as a browser reads it) out of one part."""

    part: str
    source: str
    change = Change.BODY
    personal = False


@dataclass(frozen=True, slots=True)
class Reencode:
    """Encode one text part again so that no line is longer than 998 octets."""

    part: str
    change = Change.BODY
    personal = False


Fix = AddField | RemoveField | OfferExit | Paragraph | RemoveImage | Reencode

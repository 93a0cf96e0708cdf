"""A message as received: immutable octets, read only as far as somebody asks.

Building one costs nothing; the header is split on first use, the body walked on first use, a part
decoded on first use. Nothing here says whether a mail is good.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from smtpguard.mail.field import Field, split_fields
from smtpguard.mail.part import Part, header_end, read_parts
from smtpguard.mail.text import Reading, read

READABLE = frozenset({"text/plain", "text/html", "text/x-amp-html"})
"""Types that a mail program shows as the text of the mail."""

_DKIM_DOMAIN = re.compile(rb"(?:^|;)d=([^;]+)")


@dataclass(frozen=True, eq=False)
class Message:
    """Header, empty line, body: CRLF line ends, dots unstuffed. Pickles as its octets alone."""

    raw: bytes

    def __reduce__(self) -> tuple[Callable[[bytes], Message], tuple[bytes]]:
        return Message, (self.raw,)

    def __repr__(self) -> str:
        return f"Message({len(self.raw)} octets)"

    @cached_property
    def _header(self) -> tuple[int, int]:
        return header_end(self.raw, 0, len(self.raw))

    @property
    def body_start(self) -> int:
        """Offset of the first octet after the empty line."""
        return self._header[1]

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """All fields of the header, in order; lines that are none have an empty key."""
        return split_fields(self.raw, 0, self._header[0])

    @cached_property
    def _by_key(self) -> dict[str, tuple[Field, ...]]:
        named: dict[str, tuple[Field, ...]] = {}
        again: dict[str, list[Field]] = {}
        for field in self.fields:
            if field.key in named:
                again.setdefault(field.key, []).append(field)
            else:
                named[field.key] = (field,)
        for key, fields in again.items():
            named[key] += tuple(fields)
        return named

    def named(self, key: str) -> tuple[Field, ...]:
        """The fields of that lower-case name, in order."""
        return self._by_key.get(key, ())

    def first(self, key: str) -> Field | None:
        """The first field of that lower-case name."""
        return next(iter(self.named(key)), None)

    @cached_property
    def root(self) -> Part:
        """The whole as a part; asking walks the body."""
        return read_parts(self.raw, self.fields, *self._header)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All parts, the root first, depth first."""
        return tuple(self.root.walk())

    @cached_property
    def readable(self) -> tuple[Part, ...]:
        """The leaves that a mail program shows as text, outside of attached messages."""
        return tuple(part for part in self.parts if _is_readable(part))

    @cached_property
    def attachments(self) -> tuple[Part, ...]:
        """The leaves that are not readable; an attached message counts by its own leaves."""
        return tuple(part for part in self.parts if not part.children and not _is_readable(part))

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """What a person reads in each readable part."""
        return tuple(read(part) for part in self.readable)

    @property
    def defect(self) -> str:
        """What is broken about the MIME structure; empty when nothing is."""
        return next((part.defect for part in self.parts if part.defect), "")

    @cached_property
    def protection(self) -> str:
        """Why it must not be altered, in a few words; empty when it may be."""
        if self.named("arc-seal"):
            return "ARC sealed"
        if self.named("x-ms-journal-report"):
            return "journal report"
        return next((why for part in self.parts if (why := _protection(part))), "")

    @cached_property
    def dkim_domains(self) -> tuple[str, ...]:
        """The ``d=`` of each DKIM-Signature, lower case."""
        tags = (b"".join(field.raw.split()) for field in self.named("dkim-signature"))
        found = (_DKIM_DOMAIN.search(tag) for tag in tags)
        return tuple(domain[1].decode("latin-1").lower() for domain in found if domain)


def _is_readable(part: Part) -> bool:
    return (
        part.type in READABLE
        and not part.attachment
        and all(kind.startswith("multipart/") for kind in part.parent_types)
    )


_PROTECTED = {
    "multipart/encrypted": "PGP encrypted",
    "application/pgp-encrypted": "PGP encrypted",
    "application/pgp": "PGP message",
    "application/pgp-signature": "PGP signed",
    "application/pkcs7-signature": "S/MIME signed",
    "application/x-pkcs7-signature": "S/MIME signed",
    "message/partial": "partial message",
    "message/external-body": "external body",
    "message/delivery-status": "delivery report",
    "message/global-delivery-status": "delivery report",
    "message/disposition-notification": "read receipt",
    "message/global-disposition-notification": "read receipt",
    "message/feedback-report": "abuse report",
    "application/ms-tnef": "TNEF",
    "application/vnd.ms-tnef": "TNEF",
}
_REPORTS = {
    "delivery-status": "delivery report",
    "disposition-notification": "read receipt",
    "feedback-report": "abuse report",
    "tlsrpt": "TLS report",
}
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_CALENDAR = frozenset({"text/calendar", "application/ics"})
_METHOD = re.compile(rb"^METHOD[:;](?!PUBLISH\b)", re.MULTILINE | re.IGNORECASE)
_ARMOUR = re.compile(rb"(?:^|>)-----BEGIN PGP ", re.MULTILINE)


def _protection(part: Part) -> str:
    """Why a message with this part in it must not be altered."""
    if why := _PROTECTED.get(part.type):
        return why
    if part.type == "multipart/signed":
        return _signed(part.parameters.get("protocol", "").lower())
    if part.type == "multipart/report":
        return _REPORTS.get(part.parameters.get("report-type", "").lower(), "report")
    name = part.filename.lower()
    if part.type in _SMIME or name == "smime.p7m":
        signed = part.parameters.get("smime-type", "").lower() == "signed-data"
        return "S/MIME signed" if signed else "S/MIME encrypted"
    if name == "winmail.dat":
        return "TNEF"
    if part.type in _CALENDAR:
        method = part.parameters.get("method", "").lower()
        if method not in ("", "publish") or (not method and _METHOD.search(part.content)):
            return "calendar invitation"
    if part.type in READABLE and not part.attachment:
        content = part.content
        # Python is three times as fast from the right.
        if content.rfind(b"-----BEGIN PGP ") >= 0 and _ARMOUR.search(content):
            return "PGP armoured text"
    return ""


def _signed(protocol: str) -> str:
    if "pgp" in protocol:
        return "PGP signed"
    return "S/MIME signed" if "pkcs7" in protocol else "signed"

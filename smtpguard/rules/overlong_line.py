"""A line of more than 998 octets.

Fault
    A line of the header or of a part is longer than 998 octets, its CRLF not counted.
Why
    SMTP lets a server cut such lines, and Postfix does when it sends. A cut line breaks the DKIM
    signature and, in the middle of a link, the link.
Fix
    A text that readers see is encoded again as quoted-printable or base64, so that what they see
    stays equal. Header fields and attachments are not changed.

References
    RFC 5321 §4.5.3.1.6; RFC 5322 §2.1.1; RFC 2045 §6
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.edit.fix import Change, Reencode
from smtpguard.mail.message import Message
from smtpguard.rules.evidence.view import places
from smtpguard.rules.rule import COMMERCIAL, Case, Finding, Rule

LONGEST = 998
"""Octets of one line, without CRLF."""


def check(case: Case) -> Iterator[Finding]:
    """Find the long lines, and say where they are."""
    mail = case.mail
    lines = list(overlong(mail.raw))
    if not lines:
        return
    longest = max(end - start for start, end in lines)
    if lines[0][0] < mail.body_start:
        yield Finding(RULE.id, "header", found=_of(longest), where=_field_at(mail, lines[0][0]))
    texts = frozenset(
        part.number
        for part in mail.readable
        if any(start < part.body[1] and end > part.body[0] for start, end in lines)
    )
    if texts:
        yield Finding(
            RULE.id,
            "text",
            found=_of(longest),
            where=places(texts),
            fixes=tuple(Reencode(number) for number in sorted(texts)),
        )
    readable = [part.body for part in mail.readable]
    if any(
        start >= mail.body_start
        and not any(start < last and end > first for first, last in readable)
        for start, end in lines
    ):
        yield Finding(RULE.id, "content", found=_of(longest))


def overlong(raw: bytes) -> Iterator[tuple[int, int]]:
    """The spans of all lines longer than 998 octets; looks at one octet in a line or two."""
    at, size, before = 0, len(raw), raw.rfind
    while size - at > LONGEST:
        line_end = before(b"\n", at, at + LONGEST + 2)
        if line_end < 0:
            line_end = raw.find(b"\n", at + LONGEST)
            line_end = size if line_end < 0 else line_end
            end = line_end - (raw[line_end - 1 : line_end] == b"\r")
            if end - at > LONGEST:
                yield at, end
        at = line_end + 1


def _of(longest: int) -> str:
    return f"a line of {longest} octets"


def _field_at(mail: Message, at: int) -> str:
    return next((field.name for field in mail.fields if field.start <= at < field.end), "")


RULE = Rule(
    __name__,
    check,
    says={
        "en": "A line is longer than 998 octets. Wrap it, or encode the part.",
        "fr": "Une ligne depasse 998 octets. Coupez-la, ou encodez la partie.",
        "it": "Una riga supera i 998 ottetti. Spezzarla, o codificare la parte.",
    },
    change=Change.BODY,
    kinds=COMMERCIAL,
)

"""Bounces that follow no standard: flufl.bounce knows how many servers used to write them.

The only importer of ``flufl.bounce`` and of the standard parser here: what they make of hostile
mail is contained.
"""

from __future__ import annotations

import logging
from email import message_from_bytes
from email.message import Message as Parsed

from flufl.bounce import all_failures

from smtpguard.feedback.report import Failure, Kind, gravity
from smtpguard.mail.address import Address
from smtpguard.mail.message import Message

BEGINNING = 65_536
"""Octets of a bounce that are read so: those servers put their words first."""
LONGEST_LINE = 200
"""Octets of a line that are: the time flufl's patterns take grows with the square of it."""
READ = 16_384
"""Characters of the explanation that are looked through."""
BOMBS = frozenset({"nested too deep", "too many parts"})
DAEMONS = frozenset({"mailer-daemon", "postmaster", "mailerdaemon", "mail-daemon", "mdaemon"})

logging.getLogger("flufl.bounce").disabled = True  # it would log the mail's own words


def failures(message: Message) -> tuple[Failure, ...]:
    """Whom a bounce of no standard form names; nothing for any other mail. Never raises."""
    if message.defect in BOMBS:
        return ()
    try:
        parsed: Parsed = message_from_bytes(_cut(message.raw[:BEGINNING]))
        for part in parsed.walk():
            _shorten(part)
        temporary, permanent = all_failures(parsed)
    except (Exception, RecursionError):
        return ()
    text = "\n".join(part.text or "" for part in message.readable[:3])[:READ]
    kind, status = gravity("", text)
    found = [(address, kind) for address in sorted(permanent)]
    found += [(address, Kind.SOFT) for address in sorted(temporary - permanent)]
    return tuple(
        Failure((address,), said, status)
        for octets, said in found
        if (address := Address.parse(octets)) is not None
    )


def _cut(raw: bytes) -> bytes:
    return b"\r\n".join(line[:LONGEST_LINE] for line in raw.splitlines())


def _shorten(part: Parsed) -> None:
    """Cut the lines that are longer once they are decoded."""
    content = part.get_payload(decode=True)
    if isinstance(content, bytes) and (short := _cut(content)) != content:
        del part["content-transfer-encoding"]
        part.set_payload(short.decode("ascii", "surrogateescape"))

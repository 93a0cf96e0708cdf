"""Mail whose header or line ends are not valid.

Fault
    Date or Message-ID is missing; a field that may occur once stands there twice; a line of the
    header is no field; the octets hold a NUL, a bare CR or a bare LF. A Message-ID without angle
    brackets and a broken MIME structure are only warned of. From is the matter of
    deceptive-from, long lines that of overlong-line.
Why
    Receivers refuse or repair such mail each in their own way, a signature over one of two
    equal fields protects neither, and bare line ends let one message smuggle another.
Fix
    A missing Date or Message-ID is put at the top, as a submission server may. Nothing else is
    repaired.

References
    RFC 5322 §2.1, §3.6; RFC 6409 §8; RFC 5321 §2.3.8; RFC 3463 §3.6 (X.5.2)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

from smtpguard.edit.fix import AddField, Change
from smtpguard.mail.field import mailboxes
from smtpguard.mail.message import Message
from smtpguard.rules.evidence.quote import quote
from smtpguard.rules.evidence.view import places
from smtpguard.rules.rule import COMMERCIAL, Case, Certainty, Finding, Rule

_ONCE = {
    name.lower(): name
    for name in (
        "Date", "Message-ID", "Subject", "To", "Cc", "Reply-To", "Sender", "MIME-Version",
        "Content-Type", "Content-Transfer-Encoding", "In-Reply-To", "References",
    )
}  # fmt: skip
_NO_LINE_ENDS = bytes(octet for octet in range(256) if octet not in b"\r\n")
_BARE_CR = re.compile(rb"\r(?!\n)")
_MESSAGE_ID = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")


def check(case: Case) -> Iterator[Finding]:
    """Look at the octets, the fields and the structure, in that order."""
    mail = case.mail
    if not case.tidy:
        yield from _octets(mail.raw)
    if strays := len(mail.named("")):
        yield Finding(RULE.id, "no-field", found=f"{strays} lines without a field name")
    single = [field.key for field in mail.fields if field.key in _ONCE]
    if len(single) > len(set(single)):
        yield from _duplicates(mail)
    if not mail.named("date"):
        date = format_datetime(datetime.fromtimestamp(case.now, UTC))
        yield Finding(RULE.id, "no-date", found="no Date", fixes=(AddField("Date", date),))
    if not mail.named("message-id"):
        identity = AddField("Message-ID", _message_id(case))
        yield Finding(RULE.id, "no-message-id", found="no Message-ID", fixes=(identity,))
    elif not _MESSAGE_ID.fullmatch(mail.named("message-id")[0].value):
        yield Finding(
            RULE.id,
            "message-id",
            found="a Message-ID other than <left@right>",
            where="Message-ID",
            certainty=Certainty.HEURISTIC,
        )
    for part in mail.parts:
        if part.defect:
            yield Finding(
                RULE.id,
                "mime",
                found=quote(part.defect),
                where=places([part.number]),
                certainty=Certainty.HEURISTIC,
            )


def _duplicates(mail: Message) -> Iterator[Finding]:
    for key, name in _ONCE.items():
        if (count := len(mail.named(key))) > 1:
            yield Finding(RULE.id, "duplicate", found=f"{count} {name} fields", where=name)


def _octets(raw: bytes) -> Iterator[Finding]:
    ends = raw.translate(None, _NO_LINE_ENDS)
    if ends != b"\r\n" * (len(ends) // 2) or _BARE_CR.search(raw):
        yield Finding(RULE.id, "bare-line-end", found="a bare CR or LF", reply=(550, "5.2"))
    if b"\0" in raw:
        yield Finding(RULE.id, "nul", found="a NUL octet")


def _message_id(case: Case) -> str:
    """Unique for these octets at this second, so that a retry within it gets the same one."""
    seed = b"%d|" % case.now + case.mail.raw
    sender = case.mail.first("from")
    writers = mailboxes(sender.value) if sender else ()
    domains = [w.address.domain_key for w in writers if w.address and w.address.domain]
    domain = (*domains, *sorted(case.brand.from_domains), "localhost.invalid")[0]
    return f"<{hashlib.sha256(seed).hexdigest()[:32]}@{domain}>"


RULE = Rule(
    __name__,
    check,
    says={
        "en": "The header or the line ends break RFC 5322. Correct them and send again.",
        "fr": "L'en-tete ou les fins de ligne enfreignent la RFC 5322. Corrigez et renvoyez.",
        "it": "L'intestazione o i fine riga violano la RFC 5322. Correggere e reinviare.",
    },
    change=Change.HEADERS,
    kinds=COMMERCIAL,
)

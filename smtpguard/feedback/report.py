"""Delivery reports (RFC 3464): which recipients failed, and whether for good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from smtpguard.mail.address import Address
from smtpguard.mail.field import Field, split_fields
from smtpguard.mail.message import Message
from smtpguard.mail.part import Part

MOST = 100
"""Recipients of one report that are read."""

_STATUS_PARTS = frozenset(("message/delivery-status", "message/global-delivery-status"))
_STATUS = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_NOBODY = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox|address|person)"
    r"|(?:user|recipient|mailbox|account|address|destinataire|utente)\b.{0,60}?"
    r"(?:unknown|not found|does ?n[o']t exist|doesn't have|not exist|inconnue?|sconosciuto"
    r"|invalid|no longer (?:valid|exists)|disabled|deactivated|unavailable)"
    r"|(?:invalid|unknown|bad|nonexistent) (?:recipient|mailbox|user|address|destination)"
    r"|not a valid (?:mailbox|recipient|user)|mailbox not found|account (?:has been )?disabled",
    re.IGNORECASE,
)

HARD = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""Nobody reads there (RFC 3463 §3.2, §3.3; RFC 7505 §4.2), where the class is 5."""
NOT_THEIRS = frozenset({"5", "6", "7"})
"""Subjects that speak of the protocol, the mail or a policy, not of the mailbox."""
TOO_BIG = "3.4"
VAGUE = frozenset({"0.0", "1.0", "3.0", "5.0"})
"""Codes under which servers say anything; the words count, if there are any."""


class Kind(StrEnum):
    """What a report says of a mailbox."""

    HARD = "hard"
    """It does not exist."""
    SOFT = "soft"
    """It could not be reached, or is full."""
    REFUSED = "refused"
    """This mail was refused: that says nothing of the mailbox."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient who did not get the mail."""

    recipients: tuple[Address, ...]
    """As we wrote it, then as it was tried last."""
    kind: Kind
    status: str = ""
    """Enhanced status code, where one is given."""


def failures(message: Message) -> tuple[Failure, ...] | None:
    """Who failed; none of a report on delay or success. ``None``: no report on any recipient.

    Never raises.
    """
    found: list[Failure] = []
    about = False
    for part in _parts(message):
        for block in _blocks(part.content):
            fields = {field.key: field for field in reversed(split_fields(block, 0, len(block)))}
            about = about or "action" in fields
            failure = _failure(fields)
            if failure is not None and len(found) < MOST:
                found.append(failure)
    return tuple(found) if about else None


def gravity(status: str, text: str) -> tuple[Kind, str]:
    """What a status code, or the words where it says little, say of a mailbox; and the code."""
    code = _STATUS.search(status)
    if code is None or code[2] == "0":
        code = _STATUS.search(text) or code
    said = code[0] if code else ""
    detail = said.partition(".")[2]
    if said.startswith("4"):
        return Kind.SOFT, said
    if detail in HARD or ((not said or detail in VAGUE) and _NOBODY.search(text)):
        return Kind.HARD, said
    if detail == TOO_BIG or detail.partition(".")[0] in NOT_THEIRS:
        return Kind.REFUSED, said
    return Kind.SOFT, said


def _parts(message: Message) -> Iterator[Part]:
    for part in message.parts:
        if part.type in _STATUS_PARTS and all(
            t.startswith("multipart/") for t in part.parent_types
        ):
            yield part


def _blocks(content: bytes) -> list[bytes]:
    return re.split(rb"\n(?:[ \t]*\r?\n)+", content.strip())[: MOST + 1]


def _failure(fields: dict[str, Field]) -> Failure | None:
    action = fields.get("action")
    # OpenSMTPD says `error`.
    if action is None or not action.value.lower().startswith(("fail", "error")):
        return None
    named = ("original-recipient", "x-actual-recipient", "final-recipient")
    people = [a for key in named if key in fields and (a := recipient(fields[key].value))]
    status = fields["status"].value if "status" in fields else ""
    diagnosis = fields["diagnostic-code"].text[:2000] if "diagnostic-code" in fields else ""
    kind, code = gravity(status, diagnosis)
    return Failure(tuple(dict.fromkeys(people)), kind, code)


def recipient(value: str) -> Address | None:
    """The address in ``rfc822; a@b.example``, or in a bare one (RFC 3464 §2.3, RFC 6533 §3)."""
    kind, semicolon, rest = value.partition(";")
    written = (rest if semicolon else kind).strip()
    if kind.strip().lower() == "utf-8":
        written = _UNITEXT.sub(_character, written)
    return Address.parse(written.removeprefix("<").removesuffix(">").encode("utf-8", "replace"))


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""

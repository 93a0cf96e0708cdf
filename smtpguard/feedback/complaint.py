"""Abuse reports of mailbox providers (RFC 5965, RFC 9477): a reader pressed "this is spam"."""

from __future__ import annotations

from dataclasses import dataclass

from smtpguard.feedback import evidence
from smtpguard.feedback.report import recipient
from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.mail.field import mailboxes, split_fields
from smtpguard.mail.message import Message
from smtpguard.unsubscribe.link import Ticket

LONGEST = 16_384
"""Octets of the report's fields, or characters of the returned message's To, that are read."""
COMPLAINTS = frozenset({"abuse", "opt-out", "opt-out-list", "complaint"})
"""Types that speak for a reader; ``fraud``, ``virus``, ``auth-failure`` do not (RFC 5965 §7.3)."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What one report says."""

    type: str
    """``Feedback-Type``, lower case; ``abuse`` where there is none."""
    tickets: tuple[Ticket, ...]
    message_ids: tuple[str, ...]
    recipients: tuple[Address, ...]
    """Whom it may speak for; none where the provider redacts them (RFC 6590)."""


def read(ring: Keyring, message: Message) -> Complaint | None:
    """The complaint, if the message is one. Never raises."""
    part = next(
        (
            part
            for part in message.parts
            if part.type == "message/feedback-report"
            and all(kind.startswith("multipart/") for kind in part.parent_types)
        ),
        None,
    )
    if part is None:
        return None
    fields = split_fields(part.content, 0, min(len(part.content), LONGEST))
    said = {field.key: field.value for field in reversed(fields)}
    named = ("original-rcpt-to", "removal-recipient")
    told = [field.value for field in fields if field.key in named][: evidence.MANY]
    people = [address for value in told if (address := recipient(value))]
    inside = evidence.returned(message)
    to = inside.first("to") if inside else None
    people += [box.address for box in mailboxes(to.value[:LONGEST]) if box.address] if to else []
    proof = evidence.of_returned(ring, message)
    return Complaint(
        type=said.get("feedback-type", "abuse").strip().lower(),
        tickets=evidence.tickets(ring, said.get("cfbl-feedback-id", "")) or proof.tickets,
        message_ids=proof.message_ids,
        recipients=tuple(dict.fromkeys(people))[: evidence.MANY],
    )

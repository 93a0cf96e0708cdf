"""What one mail is, and what it proves: the order of the questions.

Reports first, because they quote what they report on; then a token where only a person puts one;
then the words of a person. Decides nothing: ``act`` does.
"""

from __future__ import annotations

from dataclasses import dataclass

from smtpguard.feedback import bounce, complaint, evidence, report, stop
from smtpguard.feedback.complaint import COMPLAINTS
from smtpguard.feedback.desk import Post, Purpose
from smtpguard.feedback.report import Failure
from smtpguard.keys import Keyring
from smtpguard.mail import text
from smtpguard.mail.address import Address
from smtpguard.mail.field import mailboxes
from smtpguard.mail.message import Message
from smtpguard.unsubscribe.link import Ticket

_LISTS = ("list-id", "list-post", "list-unsubscribe", "mailing-list", "x-mailing-list")
_ROBOTS = ("x-autoreply", "x-autorespond", "x-auto-response-suppress", "x-loop")


@dataclass(frozen=True, slots=True)
class Leave:
    """Somebody wants no more mail."""

    channel: str
    """``mailto`` or ``reply``."""
    tickets: tuple[Ticket, ...] = ()
    sender: Address | None = None
    """Who says they are; believed only if one of ``answered`` went to them alone."""
    answered: tuple[str, ...] = ()
    more: bool = False
    """There is something else to read in it."""


@dataclass(frozen=True, slots=True)
class Bounced:
    """Mail of ours did not arrive."""

    failures: tuple[Failure, ...]
    tickets: tuple[Ticket, ...] = ()
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Complained:
    """A reader called it spam."""

    tickets: tuple[Ticket, ...]
    message_ids: tuple[str, ...]
    recipients: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """Understood, and nothing is to be done."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """For a person to read."""

    why: str


Letter = Leave | Bounced | Complained | Nothing | Unknown


def read(ring: Keyring, post: Post, sender: Address | None, message: Message) -> Letter:
    """What a mail to ``post`` is; ``sender`` is its reverse-path. Never raises on bad mail."""
    tagged = evidence.tickets(ring, post.tag)
    if (failed := report.failures(message)) is not None:
        if failed:
            return _bounced(ring, failed, tagged, message)
        # Somebody may also have attached one to a letter.
        report_alone = message.root.type == "multipart/report"
        return Nothing("delay or delivery") if report_alone else Unknown("report in a letter")
    if (complained := complaint.read(ring, message)) is not None:
        if complained.type not in COMPLAINTS:
            return Unknown(f"feedback-type {complained.type[:20]}")
        return Complained(
            tagged or complained.tickets, complained.message_ids, complained.recipients
        )
    if (sender is None or _daemon(message)) and (failed := bounce.failures(message)):
        return _bounced(ring, failed, tagged, message)
    return _person(ring, post, sender, message, tagged)


def _bounced(
    ring: Keyring, failed: tuple[Failure, ...], tagged: tuple[Ticket, ...], message: Message
) -> Bounced:
    proof = evidence.of_returned(ring, message)
    return Bounced(failed, tagged or proof.tickets, proof.message_ids)


def _person(
    ring: Keyring, post: Post, sender: Address | None, message: Message, tagged: tuple[Ticket, ...]
) -> Letter:
    subject = message.first("subject")
    robot = automatic(message, sender)
    asked = post.purpose is Purpose.UNSUBSCRIBE
    explicit = tagged if asked else ()  # elsewhere a tag says whose mail it is, not what they want
    if not explicit and subject is not None:
        explicit = evidence.in_subject(ring, subject.text)
    if explicit and robot != "automatic reply":
        said = stop.said(message)
        return Leave("mailto", explicit, more=said.more and bool(stop.own_lines(message)))
    if robot:
        return Unknown(robot)
    said = stop.said(message)
    if not said.clear and not asked:
        return Unknown("unclear" if said.more else "no words of their own")
    return Leave(
        "mailto" if asked else "reply",
        tagged or evidence.tickets(ring, *_words(message)),
        _from(message),
        _answered(message),
        said.more,
    )


def automatic(message: Message, sender: Address | None) -> str:
    """Why no person wrote it; or nothing (RFC 3834 §5)."""
    subject = message.first("subject")
    said = message.first("auto-submitted")
    if said is not None and said.value.partition(";")[0].strip().lower() != "no":
        return "automatic reply"
    if any(message.named(key) for key in _ROBOTS):
        return "automatic reply"
    precedence = message.first("precedence")
    if precedence is not None and precedence.value.strip().lower() in ("auto_reply", "junk"):
        return "automatic reply"
    if subject is not None and stop.automatic_subject(subject.text):
        return "automatic reply"
    if any(message.named(key) for key in _LISTS) or (
        precedence is not None and precedence.value.strip().lower() in ("list", "bulk")
    ):
        return "mailing list"
    if message.root.type == "multipart/report":
        return "report"
    return "null sender" if sender is None else ""


def _daemon(message: Message) -> bool:
    box = _from(message)
    return box is not None and box.key.partition("@")[0] in bounce.DAEMONS


def _from(message: Message) -> Address | None:
    fields = message.named("from")
    one = len(fields) == 1 and len(fields[0].value) <= complaint.LONGEST
    boxes = mailboxes(fields[0].value) if one else ()
    return boxes[0].address if len(boxes) == 1 else None


def _answered(message: Message) -> tuple[str, ...]:
    named = [
        found
        for key in ("in-reply-to", "references")
        for field in message.named(key)
        for found in evidence.message_ids(field.value)
    ]
    return tuple(dict.fromkeys(named))[: evidence.MANY]


def _words(message: Message) -> list[str]:
    """Where a token may stand in a person's mail: what they wrote, then all of it."""
    parts = message.readable[: stop.PARTS]
    readings = [text.read(part) for part in parts if part.body[1] - part.body[0] <= stop.OCTETS]
    texts = [reading.visible for reading in readings]
    texts += [" ".join(link.target for link in reading.links) for reading in readings]
    texts += [part.text or "" for part in parts]
    return texts

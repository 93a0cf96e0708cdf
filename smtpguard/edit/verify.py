"""The result read again, and compared with what was meant. Nothing is sent on trust.

A mended message must have the same parts, the same octets in every part not mended, the fields
it had plus those announced, and each paragraph where a person sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from smtpguard.edit import footer
from smtpguard.edit.fix import Paragraph
from smtpguard.mail.message import Message
from smtpguard.mail.text import Reading, Seen, read
from smtpguard.unsubscribe.link import Exit

_DECLARATIONS = frozenset({"content-type", "content-transfer-encoding", "mime-version"})


@dataclass(frozen=True, slots=True)
class Meant:
    """What one part must hold afterwards."""

    content: bytes
    text: str
    paragraphs: tuple[Paragraph, ...]


def fault(
    before: Message,
    after: Message,
    *,
    added: Sequence[bytes],
    removed: Collection[int],
    leaves: Mapping[str, Meant],
    exit_: Exit,
    unread: bool = False,
) -> str:
    """What is wrong with ``after``, in a few words; empty when it is what was meant.

    ``added`` are whole new fields in their order, ``removed`` indices of fields of ``before``,
    ``leaves`` the parts mended, by number. ``unread``: what a person sees is known already.
    """
    if [(p.number, p.type) for p in before.parts] != [(p.number, p.type) for p in after.parts]:
        return "the structure of the message would change"
    for old, new in zip(before.parts, after.parts, strict=True):
        if new.children:
            continue
        if meant := leaves.get(old.number):
            if new.content != meant.content or new.text != meant.text:
                return f"part {old.number or '1'} would not read as meant"
        elif before.raw[slice(*old.body)] != after.raw[slice(*new.body)]:
            return f"part {old.number or '1'} would change"
    if _fields(after, set(), leaves) != [*added, *_fields(before, removed, leaves)]:
        return "header fields would change"
    return "" if unread else _unseen(after, leaves, exit_)


def _fields(message: Message, removed: Collection[int], leaves: Mapping[str, Meant]) -> list[bytes]:
    """The octets of every field of every part, but for declarations of mended parts."""
    kept = [f for i, f in enumerate(message.fields) if i not in removed]
    if message.root.number in leaves:
        kept = [f for f in kept if f.key not in _DECLARATIONS]
    for part in message.parts[1:]:
        mended = part.number in leaves
        kept += [f for f in part.fields if not (mended and f.key in _DECLARATIONS)]
    return [message.raw[f.start : f.end] for f in kept]


def _unseen(after: Message, leaves: Mapping[str, Meant], exit_: Exit) -> str:
    for part in after.readable:
        meant = leaves.get(part.number)
        if meant is None or not meant.paragraphs:
            continue
        reading = read(part)
        if not all(carries(reading, paragraph, exit_) for paragraph in meant.paragraphs):
            return f"the added text would not be seen in part {part.number or '1'}"
    return ""


def carries(reading: Reading, paragraph: Paragraph, exit_: Exit) -> bool:
    """Whether a person who sees the part reads the paragraph, and can follow its exit link."""
    visible = _squeezed(reading.visible)
    if reading.part.type == "text/plain":
        return _squeezed(footer.filled(paragraph, exit_)) in visible
    if _squeezed(footer.labelled(paragraph, exit_)) not in visible:
        return False
    target = exit_.url or exit_.mailto
    return not paragraph.personal or any(
        link.target == target and link.seen is Seen.VISIBLE and not link.quoted
        for link in reading.links
    )


def _squeezed(text: str) -> str:
    return " ".join(text.split())

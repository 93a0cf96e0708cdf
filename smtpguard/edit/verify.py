"""The result read again, and compared with what was meant. Nothing is sent on trust.

A mended message must have the same parts, the same octets in every part not mended, the fields
it had plus those announced, and each paragraph where a person sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from smtpguard.edit import footer
from smtpguard.edit.fix import Paragraph
from smtpguard.mail.message import Message
from smtpguard.mail.part import Part
from smtpguard.mail.text import Reading, Seen, read
from smtpguard.unsubscribe.link import Exit

_LINES = 8
"""Of what was there, at the end of a text."""
_DECLARATIONS = frozenset({"content-type", "content-transfer-encoding", "mime-version"})


@dataclass(frozen=True, slots=True)
class Meant:
    """What one part must hold afterwards."""

    content: bytes
    codec: str
    """That makes of it the text which must be read."""
    paragraphs: tuple[Paragraph, ...]

    def read_in(self, part: Part) -> bool:
        """Whether ``part`` holds this content, and is read in this codec."""
        return part.content == self.content and part.text == self.content.decode(self.codec)


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
            if not meant.read_in(new):
                return f"part {old.number or '1'} would not read as meant"
        elif before.raw[slice(*old.body)] != after.raw[slice(*new.body)]:
            return f"part {old.number or '1'} would change"
    if _fields(after, set(), leaves) != [*added, *_fields(before, removed, leaves)]:
        return "header fields would change"
    if unread:
        return ""
    mended = ((part, leaves[part.number]) for part in after.readable if part.number in leaves)
    return next(filter(None, (unseen(part, meant, exit_) for part, meant in mended)), "")


def _fields(message: Message, removed: Collection[int], leaves: Mapping[str, Meant]) -> list[bytes]:
    """The octets of every field of every part, but for declarations of mended parts."""
    kept = [f for i, f in enumerate(message.fields) if i not in removed]
    if message.root.number in leaves:
        kept = [f for f in kept if f.key not in _DECLARATIONS]
    for part in message.parts[1:]:
        mended = part.number in leaves
        kept += [f for f in part.fields if not (mended and f.key in _DECLARATIONS)]
    return [message.raw[f.start : f.end] for f in kept]


def unseen(part: Part, meant: Meant, exit_: Exit) -> str:
    """What is wrong with a mended part for who sees it; empty when each paragraph is read."""
    if meant.paragraphs:
        reading = read(part)
        if not all(carries(reading, paragraph, exit_) for paragraph in meant.paragraphs):
            return f"the added text would not be seen in part {part.number or '1'}"
    return ""


def held(part: Part, meant: Meant) -> Part:
    """The part as it will be once mended, out of its transfer encoding."""
    size = len(meant.content)
    return replace(part, source=meant.content, header=(0, 0), body=(0, size), encoding="8bit")


def ending(before: Reading, part: Part) -> Part | None:
    """The end of a plain text that was added to: what is seen there is seen in the whole.

    ``None`` where that is not sure. Whether a line is quoted depends on where an earlier message
    begins, which is not above the end (``before.below``), and on the five lines after it.
    """
    old, new = before.part.text, part.text
    if part.type != "text/plain" or before.below or not before.complete:
        return None
    if old is None or new is None or not new.startswith(old):
        return None
    at = len(old)
    for _ in range(_LINES):
        at = old.rfind("\n", 0, at - 1) + 1 if at > 1 else 0
    if new[at:].partition("\n")[0].rstrip().endswith(":"):
        return None  # It may be the second line of an attribution.
    octets = new[at:].encode("utf-8", "replace")
    parameters = {**part.parameters, "charset": "utf-8"}
    return replace(part, source=octets, body=(0, len(octets)), parameters=parameters)


def carries(reading: Reading, paragraph: Paragraph, exit_: Exit) -> bool:
    """Whether a person who sees the part reads the paragraph, and can follow its exit link."""
    if reading.part.type == "text/plain":
        return _stands(footer.filled(paragraph, exit_), reading.visible)
    target = exit_.url or exit_.mailto
    if paragraph.personal and not any(
        link.target == target and link.seen is Seen.VISIBLE and not link.quoted
        for link in reading.links
    ):
        return False
    return _stands(footer.labelled(paragraph, exit_), reading.visible)


def _stands(text: str, visible: str) -> bool:
    """Whether the words stand in visible text one after the other, whatever space is between."""
    words = text.split()
    if words and max(words, key=len) not in visible:
        return False
    wanted = " ".join(words)
    # What we put in stands on one line, or at the end.
    end = visible[-4 * len(wanted) - 1000 :]
    return wanted in end or wanted in _squeezed(end) or wanted in _squeezed(visible)


def _squeezed(text: str) -> str:
    return " ".join(text.split())

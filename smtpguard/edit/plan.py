"""The fixes of all rules for one copy, sorted by what they touch; equal ones are one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from smtpguard.edit.edit import Edit
from smtpguard.edit.field import field as written
from smtpguard.edit.fix import (
    AddField,
    Fix,
    OfferExit,
    Paragraph,
    Reencode,
    RemoveField,
    RemoveImage,
)
from smtpguard.edit.leaf import Unmendable, Wish
from smtpguard.edit.markup import url
from smtpguard.edit.verify import carries
from smtpguard.mail.message import Message
from smtpguard.mail.part import Part
from smtpguard.unsubscribe import fields as unsubscribe
from smtpguard.unsubscribe.link import Exit

_OFFERS = frozenset({"list-unsubscribe", "list-unsubscribe-post"})
_SEALED = frozenset({"multipart/signed", "multipart/encrypted", "message/rfc822"})
"""What stands below these is not ours to change."""
_MENDABLE = frozenset({"text/plain", "text/html"})

Ruled = tuple[str, Fix]


@dataclass(slots=True)
class _Asked:
    """What the rules ask of one part."""

    paragraphs: dict[Paragraph, None] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    reencode: bool = False
    rules: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done to a message."""

    added: dict[bytes, str]
    """Whole new fields in their order, and the rule that wants each."""
    removed: dict[int, str]
    """Indices of fields to take out, and the rule that wants it."""
    leaves: tuple[tuple[Part, Wish, str], ...]
    """The parts to mend, what for, and the rules that want it."""

    def header_edits(self, message: Message) -> list[Edit]:
        """New fields at the very top, old ones gone with their whole span."""
        edits = [Edit(0, 0, octets, rule) for octets, rule in self.added.items()]
        for index, rule in sorted(self.removed.items()):
            edits.append(Edit(message.fields[index].start, message.fields[index].end, b"", rule))
        return edits


def plan(message: Message, fixes: Iterable[Ruled], exit_: Exit) -> Plan | Unmendable:
    """Sort ``fixes`` for ``message``, leaving out what it already carries."""
    added: dict[bytes, str] = {}
    removed: dict[int, str] = {}
    asked: dict[str, _Asked] = {}
    for rule, fix in fixes:
        match fix:
            case AddField():
                added.setdefault(written(fix.name, fix.value), rule)
            case RemoveField():
                removed.setdefault(fix.index, rule)
            case OfferExit():
                _offer(message, fix, exit_, rule, added, removed)
            case Paragraph():
                for number in fix.parts:
                    _of(asked, number, rule).paragraphs[_shared(fix)] = None
            case RemoveImage():
                _of(asked, fix.part, rule).images.add(url(fix.source))
            case Reencode():
                _of(asked, fix.part, rule).reencode = True
    if removed and not 0 <= min(removed) <= max(removed) < len(message.fields):
        return Unmendable("there is no such header field")
    added = {
        octets: rule for octets, rule in added.items() if not _stands(message, octets, removed)
    }
    if added and message.fields and not message.fields[0].key:
        return Unmendable("the header begins with a line that is no field")
    leaves = _leaves(message, asked, exit_) if asked else ()
    return leaves if isinstance(leaves, Unmendable) else Plan(added, removed, leaves)


def _offer(
    message: Message,
    fix: OfferExit,
    exit_: Exit,
    rule: str,
    added: dict[bytes, str],
    removed: dict[int, str],
) -> None:
    """The fields of RFC 8058 for this reader, instead of those that are there."""
    offered = _offered(exit_)
    there = [(i, f) for i, f in enumerate(message.fields) if f.key in _OFFERS]
    if there and tuple([message.raw[f.start : f.end] for _, f in there]) == offered:
        return
    for octets in offered:
        added[octets] = rule
    if fix.replace:
        removed.update({index: rule for index, _ in there})


@lru_cache(maxsize=1)
def _offered(exit_: Exit) -> tuple[bytes, ...]:
    """Whole fields; two rules ask for those of one reader, one after the other."""
    return tuple([written(name, value) for name, value in unsubscribe.compose(exit_)])


def _stands(message: Message, field: bytes, removed: Collection[int]) -> bool:
    """Whether that very field is in the header, and stays there."""
    raw = message.raw
    return raw.find(field, 0, message.body_start) >= 0 and any(
        i not in removed and raw[f.start : f.end] == field for i, f in enumerate(message.fields)
    )


def _shared(paragraph: Paragraph) -> Paragraph:
    """The paragraph without its parts, so that two rules that want the same text agree."""
    return Paragraph(paragraph.place, paragraph.text, frozenset(), paragraph.label)


def _of(asked: dict[str, _Asked], number: str, rule: str) -> _Asked:
    of = asked.setdefault(number, _Asked())
    of.rules[rule] = None
    return of


def _leaves(
    message: Message, asked: dict[str, _Asked], exit_: Exit
) -> tuple[tuple[Part, Wish, str], ...] | Unmendable:
    parts = {part.number: part for part in message.parts}
    readings = {reading.part.number: reading for reading in message.readings}
    leaves = []
    for number, of in asked.items():
        part = parts.get(number)
        if part is None or part.type not in _MENDABLE or number not in readings:
            return Unmendable(f"part {number} is no text that may be changed")
        if _SEALED.intersection(part.parent_types):
            return Unmendable(f"part {number} stands in protected content")
        lacking = [p for p in of.paragraphs if not carries(readings[number], p, exit_)]
        lacking.sort(key=lambda paragraph: paragraph.place)
        wish = Wish(tuple(lacking), frozenset(of.images), of.reencode)
        leaves.append((part, wish, ", ".join(of.rules)))
    return tuple(leaves)

"""All the fixes of one copy, made into edits: a part is decoded and encoded at most once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smtpguard.edit.edit import Edit, apply, misplaced
from smtpguard.edit.fix import Fix
from smtpguard.edit.leaf import Unmendable, mend
from smtpguard.edit.plan import Plan, plan
from smtpguard.edit.proof import header_holds, leaf_holds
from smtpguard.edit.verify import Meant, ending, fault, held, unseen
from smtpguard.mail.message import Message
from smtpguard.unsubscribe.link import Exit

__all__ = ["Mended", "Unmendable", "compose"]


@dataclass(frozen=True, slots=True)
class Mended:
    """A message that was mended, and exactly how."""

    source: bytes
    """The message as received."""
    edits: tuple[Edit, ...]
    place: int = 0
    """Where the footers stand, among the places that were tried."""

    @property
    def raw(self) -> bytes:
        """The octets themselves, made anew each time."""
        return apply(self.source, self.edits)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Edits that were tried, and what is wrong with their result."""

    edits: tuple[Edit, ...]
    wrong: str
    more: bool
    """There are other places for a footer."""


def compose(
    message: Message,
    fixes: Iterable[tuple[str, Fix]],
    *,
    exit: Exit | None,  # noqa: A002 - the word of DESIGN for a reader's way out
    language: str,
    eight_bit: bool,
    seen_at: int | None = None,
) -> Mended | Unmendable:
    """Mend a message; ``fixes`` are pairs of rule id and fix, in any order.

    ``exit`` is the reader's own, needed by personal fixes; ``language`` is that of the paragraphs,
    two letters. Where ``eight_bit`` is false nothing above 127 is put into the message. What the
    message already carries is not put in again, so composing twice is composing once.

    ``seen_at`` is the ``place`` of another reader's copy with the very same fixes: as the two
    differ in nothing but the reader's token, it is not read again whether a person sees it.
    """
    fixes = list(fixes)
    way_out = exit or Exit()
    if any(fix.personal for _, fix in fixes) and not (way_out.url or way_out.mailto):
        return Unmendable("there is no exit address to offer")
    planned = plan(message, fixes, way_out)
    if isinstance(planned, Unmendable):
        return planned
    place = seen_at or 0
    unread = seen_at is not None
    while True:
        attempt = _try(message, planned, way_out, language, eight_bit, place, unread=unread)
        if isinstance(attempt, Unmendable):
            return attempt
        if not attempt.wrong:
            return Mended(message.raw, attempt.edits, place)
        if not attempt.more:
            return Unmendable(attempt.wrong)
        place += 1


def _try(
    message: Message,
    planned: Plan,
    exit_: Exit,
    language: str,
    eight_bit: bool,
    place: int,
    *,
    unread: bool,
) -> _Attempt | Unmendable:
    """Make the edits with every footer at its place number ``place``, and look at the result."""
    edits = planned.header_edits(message)
    meant: dict[str, Meant] = {}
    more = False
    shown = header_holds(message, planned.added, planned.removed)
    for part, wish, why in planned.leaves:
        mending = mend(
            message.raw,
            part,
            wish,
            exit_=exit_,
            language=language,
            eight_bit=eight_bit,
            attempt=place,
            why=why,
        )
        if isinstance(mending, Unmendable):
            return mending
        if not mending.edits:
            continue
        edits += mending.edits
        more |= mending.more
        meant[part.number] = Meant(mending.content, mending.codec, wish.paragraphs)
        shown = shown and leaf_holds(message, part, mending.edits, mending.content)
    if not edits:
        return _Attempt((), "", more)
    edits.sort(key=lambda edit: (edit.start, edit.end))
    if misplaced(len(message.raw), edits):
        return Unmendable("two fixes would change the same place")
    if shown:
        wrong = _misread(message, meant, exit_) if meant and not unread else ""
    else:
        wrong = fault(
            message,
            Message(apply(message.raw, edits)),
            added=list(planned.added),
            removed=planned.removed.keys(),
            leaves=meant,
            exit_=exit_,
            unread=unread,
        )
    return _Attempt(tuple(edits), wrong, more)


def _misread(message: Message, meant: Mapping[str, Meant], exit_: Exit) -> str:
    """What is wrong with the parts mended, which will hold what was meant."""
    for before in message.readings:
        part = before.part
        will = meant.get(part.number)
        if will is None:
            continue
        mended = held(part, will)
        if not will.read_in(mended):
            return f"part {part.number or '1'} would not read as meant"
        end = ending(before, mended)
        if end is not None and not unseen(end, will, exit_):
            continue
        if wrong := unseen(mended, will, exit_):
            return wrong
    return ""

"""What one reader sees of a message: a view is one choice out of its alternatives."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from smtpguard.mail.message import Message
from smtpguard.mail.part import Part
from smtpguard.mail.reading import Reading
from smtpguard.rules.rule import Case, Certainty, once

View = tuple[Reading, ...]
"""The readable parts that are shown together, in order."""


@once
def alternatives(case: Case) -> tuple[View, ...]:
    """The views of the message that the case is about."""
    return views(case.mail)


def views(mail: Message) -> tuple[View, ...]:
    """The views of a message: one for each readable alternative, none where nothing is readable.

    Parts beside an alternative (``multipart/mixed``, ``related``) belong to every view.
    """
    readings = {reading.part.number: reading for reading in mail.readings}
    return tuple([view for view in _views(mail.root, readings) if view])


def _views(part: Part, readings: dict[str, Reading]) -> list[View]:
    if not part.children:
        reading = readings.get(part.number)
        return [(reading,)] if reading else []
    below = [found for child in part.children if (found := _views(child, readings))]
    if part.type == "multipart/alternative":
        return [view for found in below for view in found]
    width = max(map(len, below), default=0)
    return [
        tuple(reading for found in below for reading in found[min(i, len(found) - 1)])
        for i in range(width)
    ]


def text_of(view: View) -> str:
    """The visible text of a view, normalised for comparison."""
    return view[0].said if len(view) == 1 else "\n".join([reading.said for reading in view])


def lacking(seen: Iterable[View], has: Callable[[View], bool]) -> tuple[View, ...]:
    """The views that ``has`` does not hold for."""
    return tuple([view for view in seen if not has(view)])


def parts_of(seen: Iterable[View]) -> frozenset[str]:
    """Where a paragraph that those views lack is put: the first part of each, if read whole."""
    return frozenset([view[0].part.number for view in seen if view[0].complete])


def places(parts: Iterable[str]) -> str:
    """Part numbers, for ``Finding.where``; empty where the message has one part only."""
    numbers = sorted(number for number in parts if number)
    return f"part {', '.join(numbers)}" if numbers else ""


def certainty_of_absence(mail: Message) -> Certainty:
    """How sure it is that something is missing from the text: only what was read whole is known."""
    if mail.readings:
        whole = all(reading.complete for reading in mail.readings)
    else:
        whole = not mail.protection and not mail.defect
    return Certainty.CERTAIN if whole else Certainty.INDETERMINATE

"""A page between two of its URLs, learnt once and then known at sight, alone or many in a row.

A passage is what stands from a URL to the next: it begins and ends within a tag. One in which
something is of its reader alone is not met again, and not kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from smtpguard.mail import written
from smtpguard.mail.anchor import Piece
from smtpguard.mail.move import MEMORY, TARGET, State
from smtpguard.mail.shown import Act, Shown, together
from smtpguard.mail.written import Untidy

LONG = 32 * 1024
"""Octets of a passage that is not remembered."""
RUN = 8
"""Passages that are known at one sight, where the page has so many."""

Walked = tuple["Cut", Sequence[Shown]]
"""Where passages lead, and what they show."""


class Cut:
    """Within a tag, before a URL that was taken out of it."""

    def __init__(self, state: State, begun: str) -> None:
        self._state = state
        """Where the tag stands."""
        self._begun = begun
        """The tag, so far."""
        self._passages: dict[bytes, tuple[Cut, Shown]] = {}
        self.runs: dict[tuple[bytes, ...], Walked] = {}
        """What is known to follow the URL."""

    def walk(self, run: tuple[bytes, ...], lessons: int) -> tuple[Walked, int]:
        """What passages in a row show here, and how many more pieces may be learnt."""
        cut: Cut = self
        found: list[Shown] = []
        known = True
        for passage in run:
            walked = cut._passages.get(passage)
            if walked is None:
                known = False
                walked, lessons = cut._walk(passage, lessons)
            cut, shown = walked
            found.append(shown)
        if known:
            self.runs[run] = cut, (together(found),)
            MEMORY.remember(*run)
        return (cut, found), lessons

    def ended(self) -> bool:
        """The page ends here, as if a tag began: whether all of it was understood."""
        return self._state.ended()

    def _walk(self, passage: bytes, lessons: int) -> tuple[tuple[Cut, Shown], int]:
        try:
            text = passage.decode()
        except UnicodeDecodeError:
            raise Untidy from None
        if "\0" in text or TARGET in text:
            raise Untidy
        *pieces, begun = f'{self._begun}="{TARGET}"{text}'.split("<")
        if len(begun) > written.LONG:
            raise Untidy
        (state, shown), lessons = _through(self._state, pieces, lessons)
        walked = _cut(state, begun), shown
        if len(passage) <= LONG and MEMORY.met(passage):
            self._passages[passage] = walked
            MEMORY.remember(passage)
        return walked, lessons


def begin() -> Cut:
    """Where every page begins: as if a declaration with a URL stood before it, and its ``>``."""
    return _cut(MEMORY.begin, "!")


def _cut(state: State, begun: str) -> Cut:
    """The one cut of a tag that begins so, there."""
    cut = state.cuts.get(begun)
    if cut is None:
        cut = state.cuts[begun] = Cut(state, begun)
        MEMORY.remember(begun)
    return cut


def _through(state: State, pieces: Sequence[str], lessons: int) -> tuple[tuple[State, Shown], int]:
    """What pieces in a row show, where they lead, and how many more may be learnt."""
    shown: list[Piece] = []
    acts: list[tuple[Act, int, int]] = []
    matches = 0
    for piece in pieces:
        known = state.get(piece)
        if known is None:
            if not lessons:
                raise Untidy
            known = state.learn(piece)
            lessons -= 1
        state, new, act, more = known
        if act is not None:
            acts.append((act, len(shown), 0))
        shown += new
        matches += more
    return (state, Shown(shown, acts, matches, 1)), lessons

"""What each piece of a tidy page does where it stands, learnt once.

It is learnt from those who know: ``nesting`` says whether the piece may stand there and where it
leads, ``gather`` what it shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from smtpguard.mail import nesting, written
from smtpguard.mail.anchor import EMPTY, LINE, NOBODY, SHOWN, Anchor, Piece
from smtpguard.mail.gather import Gatherer
from smtpguard.mail.nesting import Place
from smtpguard.mail.selector import Sheets
from smtpguard.mail.sheet import MAX_RULES
from smtpguard.mail.shown import Act, one
from smtpguard.mail.written import Untidy

if TYPE_CHECKING:
    from smtpguard.mail.passage import Cut

ENOUGH = 8_000_000
"""Characters of all that is remembered; then it is forgotten, and learnt anew."""
LONG = 32 * 1024
"""Characters of a piece that is not remembered."""
WEIGHT = 500
"""What a piece counts beyond its own characters."""
ONCE = 10_000
"""Passages of which it is remembered that they were met."""

TARGET: Final = "\x80"
"""In the place of each URL of a tag; no piece that is learnt here has it."""
_RAW = re.compile(r"(script|style|title)(?=[\s/]|$)", re.IGNORECASE)
"""Elements whose content is no HTML."""
_AIMED = ("href", "src", "background")
_UNSEEN = ("xmlns", "data-")
"""So begin the other attributes that may be a URL: what they say shows nowhere."""
_WORD: Final[Piece] = ("x", SHOWN, NOBODY)


class State(dict[str, "Move"]):
    """Somewhere in a page, and what every piece does there that is known to stand there.

    A piece is what follows a ``<``, up to the next.
    """

    def __init__(self, place: Place, *, fresh: bool) -> None:
        super().__init__()
        self.place = place
        self.fresh = fresh
        """A line begins here."""
        self.cuts: dict[str, Cut] = {}
        """The tags that were cut before a URL here, by what stands before it."""

    def learn(self, piece: str) -> Move:
        """What a piece does here; ``Untidy``: nobody knows."""
        move = self._moved(piece)
        if len(piece) <= LONG:
            self[piece] = move
            MEMORY.remember(piece)
        return move

    def ended(self) -> bool:
        """The page ends here: whether all of it was understood."""
        return self.place.sheets.complete

    def _moved(self, piece: str) -> Move:
        if piece.startswith("!--"):
            if piece.startswith((">", "->"), 3):
                raise Untidy
            return Comment(self).inside(piece[3:])
        tag, closed, text = piece.partition(">")
        if not closed:
            raise Untidy
        if raw := _RAW.match(tag):
            before, new, act, matches = self.after(tag, "")
            assert not new
            assert not act
            state, _, _, _ = Raw(before, raw[1].lower()).inside(text)
            return state, (), None, matches
        if not text:
            return self.after(tag, "")
        # The text may be of one reader alone; the tag is not.
        state, pieces, act, matches = self.get(f"{tag}>") or self.learn(f"{tag}>")
        state, more, later, _ = state.after("!", text)
        acts = [(act, 0, 0)] if act else []
        if later:
            acts.append((later, len(pieces), 0))
        return state, pieces + more, one(acts), matches

    def after(self, tag: str, text: str) -> Move:
        """What a tag and the text after it do here."""
        gatherer = Gatherer()
        linked = self.place.frame.anchor != NOBODY
        if linked:
            gatherer.anchors.append(Anchor("", "", 0, quoted=False))
        if not self.fresh:
            gatherer.pieces[0] = _WORD
        place, aim = self._opened(tag, gatherer)
        if text:
            place = place.text(written.words(text), gatherer)
        if gatherer.below or gatherer.coded or TARGET in text:
            raise Untidy
        state = MEMORY.state(place, fresh=gatherer.pieces[-1] is LINE)
        act = _act(gatherer, aim, linked=linked)
        return state, tuple(gatherer.pieces[1:]), act, gatherer.matches

    def _opened(self, tag: str, gatherer: Gatherer) -> tuple[Place, int]:
        """Where that stands which follows a tag, and which URL it aims at."""
        if tag[:1] == "/":
            return self.place.end(written.end_tag(tag), gatherer), 0
        if tag[:8].lower() == "!doctype":
            return self.place.declared(tag), 0
        if tag[:1] in ("!", "?"):
            return self.place, 0  # what becomes a comment
        name, attributes = written.start_tag(tag)
        aim = _aim(tag, attributes) if TARGET in tag else 0
        return self.place.start(name, attributes, gatherer), aim


class Comment(State):
    """In a comment."""

    def __init__(self, outer: State) -> None:
        super().__init__(outer.place, fresh=outer.fresh)
        self._outer = outer

    def ended(self) -> bool:
        raise Untidy

    def _moved(self, piece: str) -> Move:
        return self.inside(f"<{piece}")

    def inside(self, text: str) -> Move:
        """What more of the comment does, or its end."""
        comment, ended, after = text.partition("-->")
        if "--!>" in comment:
            raise Untidy
        return self._outer.after("!", after) if ended else (self, (), None, 0)


class Raw(State):
    """In a style sheet, a script or a title, which hold no tags."""

    def __init__(self, outer: State, name: str, content: str = "") -> None:
        super().__init__(outer.place, fresh=outer.fresh)
        self._outer = outer
        self._name = name
        self._content = content

    def inside(self, text: str) -> Move:
        """What more of the content does."""
        return Raw(self._outer, self._name, self._content + text), (), None, 0

    def ended(self) -> bool:
        raise Untidy

    def _moved(self, piece: str) -> Move:
        if not piece.lower().startswith(f"/{self._name}"):
            # Old sheets stand in a comment; anything else is more likely a mistake.
            if self._name != "style" or not piece.startswith("!--"):
                raise Untidy
            return self.inside(f"<{piece}")
        tag, _, text = piece.partition(">")
        if written.end_tag(tag) != self._name:
            raise Untidy
        outer = self._outer
        if self._name == "style":
            rules = min(self._content.count("{"), MAX_RULES)
            MEMORY.remember(self._content, *["{"] * rules)
            place = outer.place.restyled(self._content)
            outer = MEMORY.state(place, fresh=outer.fresh)
        return outer.after("!", text)


Move = tuple[State, tuple[Piece, ...], Act | None, int]
"""Where a piece leads, the text that it shows, what else, and how often rules of style sheets
apply in it."""


def _aim(tag: str, attributes: Mapping[str, str]) -> int:
    """Which of a tag's URLs is where it leads: 0 for the last of them, -1 for the one before."""
    names = [name for name, value in attributes.items() if value == TARGET]
    aims = [n for n, name in enumerate(names) if not name.startswith(_UNSEEN)]
    if len(names) < tag.count(TARGET) or len(aims) > 1 or any(names[n] not in _AIMED for n in aims):
        raise Untidy
    return aims[0] + 1 - len(names) if aims else 0


def _act(gatherer: Gatherer, aim: int, *, linked: bool) -> Act | None:
    anchors = [anchor.moved(-1) for anchor in gatherer.anchors]
    mine = anchors.pop(0) if linked else None
    if mine and not mine.pieces and not mine.label and mine.why == EMPTY:
        mine = None
    links = tuple([(a, aim if a.target == TARGET else None) for a in anchors])
    images = tuple([(i, aim if i.source == TARGET else None) for i in gatherer.images])
    if mine or links or images or gatherer.language:
        return Act(mine, links, images, gatherer.language)
    return None


class _Memory:
    """Everything learnt."""

    def __init__(self) -> None:
        self.forget()

    def state(self, place: Place, *, fresh: bool) -> State:
        """The one state for a place."""
        state = self._states.get((place, fresh))
        if state is None:
            state = self._states[place, fresh] = State(place, fresh=fresh)
        return state

    def met(self, passage: bytes) -> bool:
        """Whether it was met before: what stands in one mail alone is better forgotten."""
        if hash(passage) in self._met:
            return True
        if len(self._met) == ONCE:
            self._met.clear()
        self._met.add(hash(passage))
        return False

    def remember(self, *texts: str | bytes) -> None:
        """They are kept."""
        self._room -= sum(map(len, texts)) + WEIGHT * len(texts)
        if self._room < 0:
            self.forget()

    def forget(self) -> None:
        """All of it."""
        self._states: dict[tuple[Place, bool], State] = {}
        self._met: set[int] = set()
        self._room = ENOUGH
        self.begin = self.state(nesting.page(Sheets((), quirks=None)), fresh=True)


MEMORY = _Memory()

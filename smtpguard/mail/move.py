"""What each piece of a tidy page does where it stands, learnt once.

It is learnt from those who know: ``nesting`` says whether the piece may stand there and where it
leads, ``gather`` what it shows.
"""

from __future__ import annotations

import re
from typing import Final

from smtpguard.mail import nesting, written
from smtpguard.mail.anchor import EMPTY, LINE, NOBODY, SHOWN, Anchor, Piece
from smtpguard.mail.gather import Gatherer
from smtpguard.mail.nesting import Place
from smtpguard.mail.reading import Image
from smtpguard.mail.selector import Sheets
from smtpguard.mail.written import Untidy

ENOUGH = 2_000_000
"""Characters of all that is remembered; then it is forgotten, and learnt anew."""
LONG = 32 * 1024
"""Characters of a piece that is not remembered."""
PASSAGE = 4 * 1024
"""Characters of a passage that is not remembered."""
WEIGHT = 500
"""What a piece counts beyond its own characters."""

TARGET: Final = "\x80"
"""In the place of a link's target or an image's source; no page that is read here has it."""
_RAW = re.compile(r"(script|style|title)(?=[\s/]|$)", re.IGNORECASE)
"""Elements whose content is no HTML."""
_AIMED = [[(name, TARGET)] for name in ("href", "src", "background", "xmlns")]
"""What a tag may say of its target: nothing that is shown, and it once."""
_WORD: Final[Piece] = ("x", SHOWN, NOBODY)


class Act:
    """What a piece shows beyond text; numbers of pieces are counted from it on."""

    __slots__ = ("images", "language", "links", "mine")

    def __init__(
        self,
        mine: Anchor | None,
        links: tuple[Anchor, ...],
        images: tuple[Image, ...],
        language: str,
    ) -> None:
        self.mine = mine
        """Of the link that it stands in."""
        self.links = links
        self.images = images
        self.language = language


class State(dict[str, "Move"]):
    """Somewhere in a page, and what every piece does there that is known to stand there.

    A piece is what follows a ``<``, up to the next; a passage is some of them, ``<`` between.
    """

    def __init__(self, place: Place, *, fresh: bool) -> None:
        super().__init__()
        self.place = place
        self.fresh = fresh
        """A line begins here."""
        self.passages: dict[str, Passage] = {}

    def walk(self, passage: str, lessons: int) -> tuple[Passage, int]:
        """What the pieces of a passage do here, and how many more may be learnt."""
        state: State = self
        shown: list[Piece] = []
        acts: list[tuple[Act, int]] = []
        matches = 0
        for piece in passage.split("<"):
            known = state.get(piece)
            if known is None:
                if not lessons:
                    raise Untidy
                known = state.learn(piece)
                lessons -= 1
            state, new, act, more = known
            if act is not None:
                acts.append((act, len(shown)))
            shown += new
            matches += more
        walked = state, tuple(shown), tuple(acts), matches
        if len(passage) <= PASSAGE:
            self.passages[passage] = walked
            _MEMORY.remember(passage)
        return walked, lessons

    def learn(self, piece: str) -> Move:
        """What a piece does here; ``Untidy``: nobody knows."""
        move = self._moved(piece)
        if len(piece) <= LONG:
            self[piece] = move
            _MEMORY.remember(piece)
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
        return self.after(tag, text)

    def after(self, tag: str, text: str) -> Move:
        """What a tag and the text after it do here."""
        gatherer = Gatherer()
        linked = self.place.frame.anchor != NOBODY
        if linked:
            gatherer.anchors.append(Anchor("", "", 0, quoted=False))
        if not self.fresh:
            gatherer.pieces[0] = _WORD
        place = self._opened(tag, gatherer)
        if text:
            place = place.text(written.words(text), gatherer)
        if gatherer.below or gatherer.coded or TARGET in text:
            raise Untidy
        state = _MEMORY.state(place, fresh=gatherer.pieces[-1] is LINE)
        return state, tuple(gatherer.pieces[1:]), _act(gatherer, linked), gatherer.matches

    def _opened(self, tag: str, gatherer: Gatherer) -> Place:
        if tag[:1] == "/":
            return self.place.end(written.end_tag(tag), gatherer)
        if tag[:8].lower() == "!doctype":
            return self.place.declared(tag)
        if tag[:1] in ("!", "?"):
            return self.place  # what becomes a comment
        name, attributes = written.start_tag(tag)
        if TARGET in tag and [a for a in attributes.items() if TARGET in a[1]] not in _AIMED:
            raise Untidy
        return self.place.start(name, attributes, gatherer)


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
            place = outer.place.restyled(self._content)
            outer = _MEMORY.state(place, fresh=outer.fresh)
        return outer.after("!", text)


Passage = tuple[State, tuple[Piece, ...], tuple[tuple[Act, int], ...], int]
"""Where a passage leads, the text that it shows, what else at which piece of that, and how often
rules of style sheets apply in it."""
Move = tuple[State, tuple[Piece, ...], Act | None, int]
"""The same of one piece."""


def _act(gatherer: Gatherer, linked: bool) -> Act | None:
    links = [anchor.moved(-1) for anchor in gatherer.anchors]
    mine = links.pop(0) if linked else None
    if mine and not mine.pieces and not mine.label and mine.why == EMPTY:
        mine = None
    if mine or links or gatherer.images or gatherer.language:
        return Act(mine, tuple(links), tuple(gatherer.images), gatherer.language)
    return None


class _Memory:
    """Everything learnt."""

    def __init__(self) -> None:
        self._states: dict[tuple[Place, bool], State] = {}
        self._room = ENOUGH
        self.begin = self.state(nesting.page(Sheets((), quirks=None)), fresh=True)

    def state(self, place: Place, *, fresh: bool) -> State:
        """The one state for a place."""
        state = self._states.get((place, fresh))
        if state is None:
            state = self._states[place, fresh] = State(place, fresh=fresh)
        return state

    def remember(self, piece: str) -> None:
        """One piece more is kept."""
        self._room -= len(piece) + WEIGHT
        if self._room < 0:
            self.forget()

    def forget(self) -> None:
        """All of it."""
        self.__init__()  # type: ignore[misc]


_MEMORY = _Memory()


def begin() -> State:
    """Where every page begins."""
    return _MEMORY.begin

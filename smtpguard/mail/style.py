"""How an element looks: the few CSS properties by which text can be hidden.

One cascade of hints (bgcolor, <font> ...), style sheet and inline style, inherited down the tree,
and a judgement on what comes out of it. What it does not model: layout, stacking, clip-path
other than to nothing, transforms and animations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from smtpguard.mail.colour import BLACK, CLEAR, WHITE, Colour, colour, contrast
from smtpguard.mail.declaration import LONG, Declaration, StyleRule, cascade, inline
from smtpguard.mail.reading import Seen

HIDDEN_BELOW_OPACITY = 0.3
HIDDEN_SIZE = 2.0
ILLEGIBLE_BELOW_SIZE = 8.0
HIDDEN_BELOW_CONTRAST = 1.3
ILLEGIBLE_BELOW_CONTRAST = 2.0
OFF_SCREEN = 999.0
"""CSS pixels, to either side."""


@dataclass(frozen=True, slots=True, eq=False)
class Style:
    """The computed style of one element."""

    hidden: str = ""
    """Why the whole subtree is hidden, beyond any descendant's power to undo it."""
    invisible: bool = False
    """``visibility``; a descendant may undo it."""
    opacity: float = 1.0
    size: float = 16.0
    """``font-size`` in CSS pixels."""
    colour: Colour = BLACK
    background: Colour = WHITE
    pictured: bool = False
    """The background is a picture or a gradient."""
    indent: float = 0.0
    seen: Seen = Seen.VISIBLE
    why: str = ""

    def child(self, declared: Mapping[str, str]) -> Style:
        """The style of an element inside this one, for which ``declared`` is the cascade."""
        size = _font_size(declared, self.size)
        opacity = self.opacity * _number(declared.get("opacity", "1"))
        ground, pictured = _background(declared, self.background, self.pictured)
        colour = _colour(declared, self.colour)
        indent = _length(declared.get("text-indent", ""), size)
        visibility = declared.get("visibility", "")
        invisible = self.invisible
        if visibility and visibility != "inherit":
            invisible = visibility in ("hidden", "collapse")
        return _judged(
            hidden=self.hidden or _removed(declared, size) or _faded(opacity),
            invisible=invisible,
            opacity=opacity,
            size=size,
            colour=colour,
            background=ground,
            pictured=pictured,
            indent=self.indent if indent is None else indent,
        )

    def concealed(self, why: str) -> Style:
        """The same, hidden for a reason that is not a matter of style."""
        return self if self.hidden else _concealed(why)


ROOT: Final = Style()


def styled(
    parent: Style, hinted: tuple[Declaration, ...], matched: tuple[StyleRule, ...], own: str
) -> Style:
    """The style of an element: what its attributes hint, its rules say, and its own style says.

    Campaigns repeat themselves, so styles are remembered from one mail to the next.
    """
    remember = _styled if len(own) <= LONG else _styled.__wrapped__
    return remember(parent, hinted, matched, own)


@lru_cache(8192)
def _styled(
    parent: Style, hinted: tuple[Declaration, ...], matched: tuple[StyleRule, ...], own: str
) -> Style:
    return parent.child(cascade(hinted, *(rule.declared for rule in matched), inline(own)))


@lru_cache(256)
def _concealed(why: str) -> Style:
    return Style(hidden=why, seen=Seen.HIDDEN, why=why)


def _judged(
    *,
    hidden: str,
    invisible: bool,
    opacity: float,
    size: float,
    colour: Colour,
    background: Colour,
    pictured: bool,
    indent: float,
) -> Style:
    seen, why = Seen.VISIBLE, ""
    if hidden:
        seen, why = Seen.HIDDEN, hidden
    elif invisible:
        seen, why = Seen.HIDDEN, "visibility:hidden"
    elif size <= HIDDEN_SIZE:
        seen, why = Seen.HIDDEN, f"font-size {size:g}px"
    elif abs(indent) >= OFF_SCREEN:
        seen, why = Seen.HIDDEN, f"text-indent {indent:g}px"
    elif colour.alpha * opacity < HIDDEN_BELOW_OPACITY:
        seen, why = Seen.HIDDEN, f"transparent text {colour.alpha * opacity:.2g}"
    else:
        ratio = contrast(colour.over(background), background)
        if pictured:
            seen, why = Seen.UNKNOWN, "background image"
        elif ratio < HIDDEN_BELOW_CONTRAST:
            seen, why = Seen.HIDDEN, f"contrast {ratio:.1f}"
        elif ratio < ILLEGIBLE_BELOW_CONTRAST:
            seen, why = Seen.ILLEGIBLE, f"contrast {ratio:.1f}"
        if size < ILLEGIBLE_BELOW_SIZE and seen is not Seen.HIDDEN:
            seen, why = Seen.ILLEGIBLE, f"font-size {size:g}px"
    return Style(hidden, invisible, opacity, size, colour, background, pictured, indent, seen, why)


# What it means ---------------------------------------------------------------------------------

_LENGTH = re.compile(
    r"([+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s?(px|pt|pc|in|cm|mm|q|r?em|ex|ch|%)?"
)
_PIXELS = {
    "": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4,
    "q": 96 / 101.6, "rem": 16.0,
}  # fmt: skip
_OF_FONT = {"em": 1.0, "ex": 0.5, "ch": 0.5}
_SIZES = {
    "xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0,
    "x-large": 24.0, "xx-large": 32.0, "xxx-large": 48.0, "initial": 16.0,
}  # fmt: skip
_RELATIVE_SIZES = {"smaller": 1 / 1.2, "larger": 1.2}


def _length(value: str, size: float) -> float | None:
    """CSS pixels; ``None`` for what is no length, or relative to something else than the font."""
    match = _LENGTH.fullmatch(value)
    if not match:
        return None
    number, unit = float(match[1]), match[2] or ""
    if unit in _OF_FONT:
        return number * _OF_FONT[unit] * size
    if unit == "%":
        return 0.0 if number == 0 else None
    return number * _PIXELS[unit]


def _number(value: str) -> float:
    match = _LENGTH.fullmatch(value)
    if not match:
        return 1.0
    number = float(match[1]) / (100 if match[2] == "%" else 1)
    return min(max(number, 0.0), 1.0)


def _font_size(declared: Mapping[str, str], inherited: float) -> float:
    for value in (declared.get("font-size"), declared.get("font")):
        for word in (value or "").split():
            size = word.partition("/")[0]
            if size in _SIZES:
                return _SIZES[size]
            if size in _RELATIVE_SIZES:
                return inherited * _RELATIVE_SIZES[size]
            if size.endswith("%") and (share := _length(size[:-1], 1)) is not None:
                return inherited * share / 100
            # "font: 700 14px/1.2 Arial": a bare number is a weight
            bare = value is declared.get("font") and size.isdigit() and size != "0"
            if not bare and (length := _length(size, inherited)) is not None:
                return length
    return inherited


def _colour(declared: Mapping[str, str], inherited: Colour) -> Colour:
    value = declared.get("-webkit-text-fill-color") or declared.get("color")
    return (value and colour(value)) or inherited


_PICTURE = re.compile(r"url\(|gradient\(|image-set\(")
_WORDS = re.compile(r"[\w#-]+(?:\([^()]{0,80}\))?")


def _background(declared: Mapping[str, str], below: Colour, pictured: bool) -> tuple[Colour, bool]:
    picture = False
    ground = CLEAR
    for name in ("background", "background-image", "background-color"):
        value = declared.get(name, "")
        if not value:
            continue
        if name != "background-color":
            picture = bool(_PICTURE.search(value))
        if name != "background-image":
            found = (colour(word) for word in _WORDS.findall(value[:500]))
            ground = next(filter(None, found), CLEAR if name == "background" else ground)
    if ground.alpha == 1:
        pictured = False
    return ground.over(below), pictured or picture


def _faded(opacity: float) -> str:
    return f"opacity {opacity:.2g}" if opacity < HIDDEN_BELOW_OPACITY else ""


_NOTHING = re.compile(
    r"rect\((?:\s*[01](?:px)?[\s,]*){4}\)|inset\((?:50|100)%\)|circle\(0(?:px|%)?\)"
)


def _removed(declared: Mapping[str, str], size: float) -> str:
    """Why the element takes everything in it out of sight."""
    if declared.get("display") == "none":
        return "display:none"
    if declared.get("mso-hide") == "all":
        return "mso-hide:all"
    return _boxed(declared, size) or _displaced(declared, size)


def _boxed(declared: Mapping[str, str], size: float) -> str:
    """A box too small for its content, which does not flow over."""
    for axis, across in (("height", "overflow-y"), ("width", "overflow-x")):
        overflow = declared.get(across) or declared.get("overflow", "")
        if overflow.split(" ")[0] not in ("hidden", "clip"):
            continue
        for name in (f"max-{axis}", axis):
            length = _length(declared.get(name, ""), size)
            if length is not None and length <= 1:
                return f"{name}:{declared[name]} with overflow:hidden"
    for name in ("clip", "clip-path"):
        if _NOTHING.fullmatch(declared.get(name, "")):
            return f"{name} to nothing"
    return ""


def _displaced(declared: Mapping[str, str], size: float) -> str:
    names = ["margin-left", "margin-top"]
    if declared.get("position", "static") != "static":
        names += ["left", "right", "top", "bottom"]
    for name in names:
        length = _length(declared.get(name, ""), size)
        # To the right and below is a scroll away, and what a wide layout may need.
        if length is not None and length <= -OFF_SCREEN:
            return f"{name}:{declared[name]}"
        if length is not None and abs(length) >= OFF_SCREEN and name in ("left", "right"):
            return f"{name}:{declared[name]}"
    return ""

"""How an element looks: the few CSS properties by which text can be hidden.

One cascade of hints (bgcolor, <font> ...), style sheet and inline style, inherited down the tree,
and a judgement on what comes out of it. What it does not model: layout, stacking, clip-path
other than to nothing, transforms and animations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import tinycss2  # type: ignore[import-untyped]  # it comes without types
from tinycss2 import color4

from smtpguard.mail.elements import Attributes
from smtpguard.mail.reading import Seen

HIDDEN_BELOW_OPACITY = 0.3
HIDDEN_SIZE = 2.0
ILLEGIBLE_BELOW_SIZE = 8.0
HIDDEN_BELOW_CONTRAST = 1.3
ILLEGIBLE_BELOW_CONTRAST = 2.0
OFF_SCREEN = 999.0
"""CSS pixels, to either side."""

_NAMES = (
    "display visibility opacity font font-size color -webkit-text-fill-color background"
    " background-color background-image width height max-width max-height overflow overflow-x"
    " overflow-y text-indent position left right top bottom margin-left margin-top clip clip-path"
    " mso-hide"
)
PROPERTIES: Final = frozenset(_NAMES.split())

RELEVANT: Final = re.compile(
    r"display|visibility|opacity|font|color|background|width|height|overflow|text-indent"
    r"|position|margin-|clip|mso-hide|\\",
    re.IGNORECASE,
)
"""A sheet or an inline style without a match says nothing that matters here."""


class Colour(NamedTuple):
    """sRGB, each channel and the alpha from 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def over(self, below: Colour) -> Colour:
        """What is seen when this colour lies over an opaque one."""
        a = self.alpha
        if a == 1:
            return self
        return Colour(
            self.red * a + below.red * (1 - a),
            self.green * a + below.green * (1 - a),
            self.blue * a + below.blue * (1 - a),
        )


BLACK = Colour(0.0, 0.0, 0.0)
WHITE = Colour(1.0, 1.0, 1.0)


class Declaration(NamedTuple):
    """One property with its value, lower case, comments and ``!important`` taken out."""

    name: str
    value: str
    important: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class StyleRule:
    """One rule of a style sheet: a selector and what it declares."""

    selector: str
    weight: tuple[int, int, int]
    """Ids, classes and attributes, tags (Selectors §17)."""
    declared: tuple[Declaration, ...]


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
_LONG = 1_000


def styled(
    parent: Style, hinted: tuple[Declaration, ...], matched: tuple[StyleRule, ...], own: str
) -> Style:
    """The style of an element: what its attributes hint, its rules say, and its own style says.

    Campaigns repeat themselves, so styles are remembered from one mail to the next.
    """
    remember = _styled if len(own) <= _LONG else _styled.__wrapped__
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
    elif colour.alpha * opacity < HIDDEN_BELOW_OPACITY and not pictured:
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


@lru_cache(1024)
def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2 §1.4.3)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# What is declared ------------------------------------------------------------------------------

_PLAIN = re.compile(r"""[^\\"'(){}/;]*(?:;[^\\"'(){}/;]*)*""")


def inline(style: str) -> tuple[Declaration, ...]:
    """The declarations of a style attribute that matter here."""
    return _inline(style) if len(style) <= _LONG else _inline.__wrapped__(style)


@lru_cache(8192)
def _inline(style: str) -> tuple[Declaration, ...]:
    if not RELEVANT.search(style):
        return ()
    if _PLAIN.fullmatch(style):
        return tuple(_split(style))
    return declarations(tinycss2.parse_blocks_contents(style, skip_comments=True))


def _split(style: str) -> Iterable[Declaration]:
    """A style without quotes, brackets, comments and escapes needs no tokenizer."""
    for declaration in style.lower().split(";"):
        name, colon, value = declaration.partition(":")
        name = name.strip()
        if colon and name in PROPERTIES:
            value, _, important = value.partition("!")
            yield Declaration(name, value.strip(), important.strip() == "important")


def declarations(nodes: Iterable[tinycss2.ast.Node]) -> tuple[Declaration, ...]:
    """The declarations among parsed nodes that matter here."""
    return tuple(
        Declaration(node.lower_name, written(node.value), node.important)
        for node in nodes
        if node.type == "declaration" and node.lower_name in PROPERTIES
    )


def written(tokens: Sequence[tinycss2.ast.Node]) -> str:
    """Tokens as text, in lower case; empty for brackets nested beyond any sense."""
    level = tokens
    for _ in range(4):
        level = [
            token
            for outer in level
            for token in getattr(outer, "arguments", None) or getattr(outer, "content", None) or ()
        ]
        if not level:
            return str(tinycss2.serialize(tokens)).strip().lower()
    return ""


def cascade(*origins: Iterable[Declaration]) -> dict[str, str]:
    """One value for each property; later origins win, ``!important`` above all (CSS Cascade §6)."""
    normal: dict[str, str] = {}
    important: dict[str, str] = {}
    for origin in origins:
        for name, value, urgent in origin:
            (important if urgent else normal)[name] = value
    return normal | important


_FONT_SIZES = {"1": "10px", "2": "13px", "3": "16px", "4": "18px", "5": "24px", "6": "32px"}
_RELATIVE = {"small": "smaller", "big": "larger"}
_BLUE = "#0000ee"
"""Of a link that nobody gave a colour (HTML §15.3.4)."""


def hints(tag: str, attributes: Attributes) -> tuple[Declaration, ...]:
    """What an element looks like before any CSS (HTML §15.3.3, presentational hints)."""
    said = []
    if ground := attributes.get("bgcolor"):
        said.append(Declaration("background-color", ground[:64]))
    if attributes.get("background"):
        said.append(Declaration("background-image", "url()"))
    if tag == "font":
        said.append(Declaration("color", (attributes.get("color") or "")[:64]))
        said.append(Declaration("font-size", _FONT_SIZES.get(attributes.get("size") or "", "")))
    elif tag == "body":
        said.append(Declaration("color", (attributes.get("text") or "")[:64]))
    elif tag in _RELATIVE:
        said.append(Declaration("font-size", _RELATIVE[tag]))
    elif tag == "a" and "link" in attributes:
        said.append(Declaration("color", (attributes["link"] or _BLUE)[:64]))
    return tuple(said)


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


_LEGACY = re.compile(r"[0-9a-f]{6}|[0-9a-f]{3}")
_CLEAR = Colour(0.0, 0.0, 0.0, 0.0)


@lru_cache(4096)
def colour(value: str) -> Colour | None:
    """A colour in any notation of CSS Color 4, or the bare hex digits of old mail."""
    value = value.strip().lower()
    if _LEGACY.fullmatch(value):
        value = "#" + value
    if len(value) > 100:
        return None
    parsed = color4.parse_color(value)
    if not isinstance(parsed, color4.Color):
        return None
    try:
        red, green, blue, alpha = parsed.to("srgb")
    except (NotImplementedError, ValueError):
        return None
    red, green, blue = (min(max(channel or 0.0, 0.0), 1.0) for channel in (red, green, blue))
    return Colour(red, green, blue, alpha)


_PICTURE = re.compile(r"url\(|gradient\(|image-set\(")
_WORDS = re.compile(r"[\w#-]+(?:\([^()]{0,80}\))?")


def _background(declared: Mapping[str, str], below: Colour, pictured: bool) -> tuple[Colour, bool]:
    picture = False
    ground = _CLEAR
    for name in ("background", "background-image", "background-color"):
        value = declared.get(name, "")
        if not value:
            continue
        if name != "background-color":
            picture = bool(_PICTURE.search(value))
        if name != "background-image":
            found = (colour(word) for word in _WORDS.findall(value[:500]))
            ground = next(filter(None, found), _CLEAR if name == "background" else ground)
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

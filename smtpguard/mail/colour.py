"""Colours, as mail writes them, and how well one stands out against another."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from tinycss2 import color4


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
CLEAR = Colour(0.0, 0.0, 0.0, 0.0)

_LEGACY = re.compile(r"[0-9a-f]{6}|[0-9a-f]{3}")


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

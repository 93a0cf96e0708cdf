"""How a brand's pages look: one stylesheet, its colour where it can be read (WCAG 2.2 §1.4.3)."""

from __future__ import annotations

from importlib.resources import files

STYLE = (files("smtpguard.web") / "style.css").read_text("utf-8")
USUAL = "#1f5f8b"
"""Of a brand that says no colour."""
CARD, DARK_CARD = (255, 255, 255), (27, 30, 36)
"""What the colour stands on, by day and by night; as in style.css."""
INK = (0, 0, 0)
"""Black or white: one of them can be read on any colour."""
READABLE = 4.6
"""Contrast asked for: 4.5 is the law, the rest is for rounding."""

Rgb = tuple[int, int, int]


def stylesheet(colour: str) -> bytes:
    """The style of a brand whose colour is ``#rgb`` or ``#rrggbb``; empty: the usual one."""
    own = _read(colour or USUAL)
    day, night = _until(own, CARD, (0, 0, 0)), _until(own, DARK_CARD, CARD)
    return STYLE.replace(
        ":root {",
        ":root {\n"
        f"  --brand: {_write(own)};\n"
        f"  --on-brand: {_write(_on(own))};\n"
        f"  --accent-day: {_write(day)};\n"
        f"  --accent-night: {_write(night)};",
        1,
    ).encode()


def contrast(one: Rgb, other: Rgb) -> float:
    """1 to 21 (WCAG 2.2, contrast ratio)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _on(background: Rgb) -> Rgb:
    """The text colour that is easier to read on it."""
    return max(CARD, INK, key=lambda text: contrast(text, background))


def _until(colour: Rgb, background: Rgb, goal: Rgb) -> Rgb:
    """The colour, moved towards ``goal`` until it can be read on the background."""
    for step in range(21):
        moved = [round(a + (b - a) * step / 20) for a, b in zip(colour, goal, strict=True)]
        shade = (moved[0], moved[1], moved[2])
        if contrast(shade, background) >= READABLE:
            return shade
    return goal


def _luminance(colour: Rgb) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _read(text: str) -> Rgb:
    digits = text.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _write(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)

"""What a finding may print of a mail: short, in one line, and nobody's address."""

from __future__ import annotations

import re

LONGEST = 120
"""Characters of ``Finding.found``."""

_ADDRESS = re.compile(
    r"[^\s<>\"'(),;:/?=&@]{1,64}(?:@|%40)[^\s<>\"'(),;:/?=&@]{1,255}", re.IGNORECASE
)


def quote(text: str, longest: int = LONGEST) -> str:
    """``text`` on one line of at most ``longest`` characters, mail addresses masked."""
    line = _ADDRESS.sub("<address>", " ".join(text[: 8 * longest].split()))
    line = "".join(c for c in line if c.isprintable())
    return line if len(line) <= longest else line[: longest - 3] + "..."

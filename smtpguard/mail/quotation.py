"""Where somebody else's message begins: quoted text is no evidence of what this one says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_DASHED = re.compile(
    r"-{3,20} ?(?:original message|forwarded message|message d'origine|message transf[ée]r[ée]"
    r"|messaggio originale|messaggio inoltrato|urspr[üu]ngliche nachricht|weitergeleitete nachricht"
    r"|mensaje original|mensaje reenviado|mensagem original|mensagem encaminhada"
    r"|oorspronkelijk bericht|doorgestuurd bericht) ?-{3,20}",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(
    r"(?:on|le|il|am|el|em|op)\b.{4,200}\b(?:wrote|a écrit|ha scritto|schrieb|escribió|escreveu"
    r"|schreef)\b.{0,100}:",
    re.IGNORECASE,
)
_WRITING = re.compile(r"wrote|écrit|scritto|schrieb|escribió|escreveu|schreef", re.IGNORECASE)
_QUOTING_CLASSES = frozenset(("gmail_quote", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote"))
_QUOTING_IDS = frozenset(("divRplyFwdMsg", "appendonsend"))


def separates(text: str) -> bool:
    """What follows this line is an earlier message: ``-----Original Message-----``."""
    return "---" in text and _DASHED.search(text[:1000]) is not None


@lru_cache(1024)
def encloses(classes: str) -> bool:
    """An element of those classes holds an earlier message."""
    return not _QUOTING_CLASSES.isdisjoint(classes.split())


def precedes(name: str | None) -> bool:
    """Outlook's mark, by its id: what follows the element is an earlier message."""
    return name in _QUOTING_IDS


def doubtful(lines: Sequence[str]) -> bool:
    """A quick look at lines of a plain text that stand together: whether some may be quoted.

    It does not know of an attribution that only ends, or only begins, in them.
    """
    if any(line.startswith(">") or separates(line) for line in lines):
        return True
    return any(line.rstrip().endswith(":") for line in lines) and any(map(attributes, lines))


def attributes(line: str) -> bool:
    """A word stands in it without which no line says who wrote what follows."""
    return _WRITING.search(line) is not None


def quoted(every: Sequence[str]) -> tuple[list[bool], bool]:
    """Which lines of a plain text are quoted, and whether what followed the last would be."""
    # An attribution ends with a colon, on its own line or on the next.
    colons = [line.rstrip().endswith(":") for line in every]
    colons.append(False)
    found: list[bool] = []
    below = wrapped = False
    for number, line in enumerate(every):
        if below:
            break
        if line.startswith(">") or wrapped:
            wrapped = False
            found.append(True)
        elif separates(line):
            below = True
        elif (colons[number] or colons[number + 1]) and (
            length := _attribution(line, every, number)
        ):
            wrapped = length == 2
            following = filter(str.strip, every[number + length : number + length + 4])
            # An unmarked quotation runs to the end; a marked one shows where it stops.
            below = not next(following, ">").startswith(">")
            found.append(True)
        else:
            found.append(False)
    return found + [True] * (len(every) - len(found)), below


def _attribution(line: str, every: Sequence[str], number: int) -> int:
    """How many lines from this one on say who wrote what follows: 0, 1 or 2."""
    start = line.strip()
    if len(start) > 300:
        return 0
    if start.endswith(":") and _ATTRIBUTION.fullmatch(start):
        return 1
    after = every[number + 1].strip() if number + 1 < len(every) else ""
    if after.endswith(":") and len(after) <= 200 and _ATTRIBUTION.fullmatch(f"{start} {after}"):
        return 2
    return 0

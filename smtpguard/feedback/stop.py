"""Whether somebody says, in words of their own, that they want no more mail.

Their own words are what stands above quoted text and signature. A clear word counts where it is
all that they wrote, a clear sentence where it comes first; the rest is for a person to read. The
words are data (``words.json``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from smtpguard.mail.lexicon import normalise
from smtpguard.mail.message import Message
from smtpguard.mail.text import read

LINES = 40
"""Lines of somebody's own that are looked at."""
PARTS = 5
"""Readable parts among which their text is."""
OCTETS = 1_048_576
"""Octets of a part beyond which it is no person's answer."""
SENTENCE = 200
"""Characters beyond which nobody says it clearly."""
SIGNATURE = 6
"""Lines that a name and an address take."""

_DATA = json.loads(resources.files("smtpguard.feedback").joinpath("words.json").read_text("utf-8"))


def _any(patterns: Sequence[str]) -> str:
    return "(?:" + "|".join(patterns) + ")"


_LANGUAGES = _DATA["languages"].values()
_ALONE = re.compile(_any([word for language in _LANGUAGES for word in language["alone"]]))
_SENTENCES = tuple(
    re.compile(sentence.replace("LIST", language["list"]))
    for language in _LANGUAGES
    for sentence in language["sentences"]
)
_GREETING = re.compile(_any(_DATA["greetings"]) + r"\b[ ,!.:]*")
_COURTESY = re.compile(r"(?<![\w'-])" + _any(_DATA["courtesies"]) + r"(?![\w'-])")
_CLOSING = re.compile(_any([*_DATA["closings"], *_DATA["courtesies"]]) + r"(?:[ ,.!]+.{0,30})?")
_CUT = re.compile(_any(_DATA["cuts"]))
_AUTOMATIC = re.compile(r"\W*" + _any(_DATA["automatic"]) + r"\b")
_REPLY = re.compile(r"(?:(?:re|aw|sv|rif|r|antw|res|fwd?|tr|wg|i|enc|rv)\s*(?:\[\d+\])?\s*:\s*)+")
_END = re.compile(r"[.!?;](?:\s|$)|[.!?;]{2,}")


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody's own words come to."""

    clear: bool = False
    """They want no more mail, beyond doubt."""
    more: bool = False
    """They say something else besides, which somebody should read."""


def said(message: Message) -> Said:
    """What the writer says in the text, or, where they wrote none, in the subject."""
    lines = own_lines(message)
    if lines:
        return _said(lines)
    field = message.first("subject")
    subject = normalise(field.text[:SENTENCE]) if field else ""
    # A subject of a reply is not the writer's own.
    return Said(clear=not _REPLY.match(subject) and _clear(subject))


def automatic_subject(subject: str) -> bool:
    """It begins as absence notes do."""
    return _AUTOMATIC.match(normalise(subject[:SENTENCE])) is not None


def own_lines(message: Message) -> tuple[str, ...]:
    """The lines that the writer added, without quotation and signature, spaces collapsed."""
    shown = [part for part in message.readable[:PARTS] if part.body[1] - part.body[0] <= OCTETS]
    chosen = next((part for part in shown if part.type == "text/plain"), next(iter(shown), None))
    reading = read(chosen) if chosen is not None else None
    own = []
    for line in reading.visible.splitlines()[:LINES] if reading else ():
        if _CUT.fullmatch(normalise(line[:300])):
            break
        if line.strip():
            own.append(line.strip())
    return tuple(own)


def _said(lines: Sequence[str]) -> Said:
    plain = [normalise(line[: 2 * SENTENCE]) for line in lines]
    start = 0
    if (greeting := _GREETING.match(plain[0])) is not None:
        rest = plain[0][greeting.end() :]
        if rest and _opens([rest, *plain[1:2]]):
            plain[0] = rest
        elif len(plain[0].split()) <= 5:
            start = 1
    lines, plain = lines[start:], plain[start:]
    if not plain:
        return Said()
    sentence, after = _first(plain[0])
    closed = _closed(after) and _signed(lines[1:], plain[1:])
    if closed and _ALONE.fullmatch(_bare(sentence)) and not sentence.endswith("?"):
        return Said(clear=True)
    if len(plain) > 1 and not after:
        # A line that the mail program broke.
        joined, after = _first(f"{plain[0]} {plain[1]}")
        if len(joined) > len(plain[0]) and _sentence(joined):
            closed = _closed(after) and _signed(lines[2:], plain[2:])
            return Said(clear=True, more=not closed)
    if _sentence(sentence):
        return Said(clear=True, more=not closed)
    return Said(more=True)


def _opens(plain: Sequence[str]) -> bool:
    first, _ = _first(plain[0])
    return _clear(first) or (len(plain) > 1 and _sentence(_first(" ".join(plain))[0]))


def _clear(sentence: str) -> bool:
    bare = _bare(sentence)
    return bool(_ALONE.fullmatch(bare)) or _sentence(sentence)


def _sentence(sentence: str) -> bool:
    if sentence.endswith("?") and len(sentence.split()) < 4:
        return False
    bare = _bare(sentence)
    # One word is no sentence: it may be a heading, or a footer that was copied.
    return " " in bare and any(pattern.fullmatch(bare) for pattern in _SENTENCES)


def _first(line: str) -> tuple[str, str]:
    """The first sentence of a line, its mark included, and what comes after it."""
    end = _END.search(line)
    return (line[: end.end()].strip(), line[end.end() :].strip()) if end else (line, "")


def _bare(sentence: str) -> str:
    """Without courtesies and marks."""
    if len(sentence) > SENTENCE:
        return ""
    words = _COURTESY.sub(" ", sentence)
    words = re.sub(r"[^\w' -]+", " ", words)
    return " ".join(words.split()).strip("-' ")


def _closed(after: str) -> bool:
    return not after or _CLOSING.fullmatch(after) is not None


def _signed(lines: Sequence[str], plain: Sequence[str]) -> bool:
    """Nothing but closing words, a name, an address."""
    if len(lines) > SIGNATURE:
        return False
    return all(
        _CLOSING.fullmatch(bare) is not None
        or (
            len(line.split()) <= 8
            and not line[0].islower()
            and not line.endswith(("?", "!", ";"))
            and (len(line.split()) <= 4 or any(c.isdigit() or c == "@" for c in line))
        )
        for line, bare in zip(lines, plain, strict=True)
    )

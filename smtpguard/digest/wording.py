"""The sentences of a letter, in the languages in which refusals speak."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from smtpguard.policy.stream import Stream

WORDS: Mapping[str, Mapping[str, str | Sequence[str]]] = json.loads(
    (Path(__file__).parent / "words.json").read_text("utf-8")
)
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre"
    " dicembre",
}


def language_of(stream: Stream) -> str:
    """The brand's first language where letters speak it, else that of the stream's refusals."""
    first = stream.brand.languages[0]
    return first if first in WORDS else stream.reply_language


def sentence(language: str, name: str, **facts: object) -> str:
    """One sentence."""
    said = WORDS[language][name]
    assert isinstance(said, str)
    return said.format(**facts)


def steps(language: str, name: str) -> Sequence[str]:
    """Several, one after the other."""
    said = WORDS[language][name]
    assert not isinstance(said, str)
    return said


def moment(language: str, at: int) -> str:
    """``23 November 2026, 10:00 UTC``."""
    day = datetime.fromtimestamp(at, UTC)
    month = MONTHS[language].split()[day.month - 1]
    return f"{day.day} {month} {day.year}, {day:%H:%M} UTC"

"""What the pages say, in seven languages, and which of them a reader gets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

LANGUAGES = ("en", "fr", "it", "de", "es", "pt", "nl")
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})

_PREFERENCE = re.compile(
    r"\s*([a-zA-Z]{1,8}|\*)(?:-[\w-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """All sentences in one language. Values that are filled in are told apart from the sentence.

    A name or an address in another script keeps its own direction (``<bdi>``).
    """

    language: str
    words: Mapping[str, Any]

    @property
    def direction(self) -> str:
        """The value of ``dir``."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    def plain(self, key: str, **values: object) -> str:
        """A sentence as text."""
        return str(self.words[key]).format(**values)

    def say(self, key: str, **values: object) -> Markup:
        """A sentence as HTML, every value escaped and isolated."""
        isolated = {name: Markup("<bdi>{}</bdi>").format(value) for name, value in values.items()}
        return escape(self.words[key]).format(**isolated)

    def date(self, seconds: int) -> str:
        """A day, as it is written in the language; UTC."""
        day = datetime.fromtimestamp(seconds, UTC)
        month = self.words["months"][day.month - 1]
        return str(self.words["date"]).format(day=day.day, month=month, year=day.year)


def _load(language: str) -> Wording:
    place = files("smtpguard.web") / "locale" / f"{language}.json"
    return Wording(language, json.loads(place.read_text("utf-8")))


WORDINGS: Mapping[str, Wording] = {language: _load(language) for language in LANGUAGES}


def choose(asked: str, accepted: str, usual: Sequence[str] = ()) -> Wording:
    """The language of the link (``?l=``), else of the browser, of the brand, or English.

    ``accepted`` is Accept-Language (RFC 9110 §12.5.4).
    """
    for language in (asked[:2].lower(), *_preferences(accepted), *usual):
        if language in WORDINGS:
            return WORDINGS[language]
    return WORDINGS["en"]


def _preferences(accepted: str) -> list[str]:
    """Primary subtags, the most wanted first; what is malformed is passed over."""
    found: list[tuple[float, str]] = []
    for piece in accepted[:512].split(","):
        match = _PREFERENCE.fullmatch(piece)
        weight = float(match[2] or 1) if match else 0.0
        if match and weight:
            found.append((weight, match[1].lower()))
    return [language for _, language in sorted(found, key=lambda one: -one[0])]

"""Which language a message is in, as far as it says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtpguard.mail.message import Message

_TAG = re.compile(r"\s*([a-zA-Z]{2})(?![a-zA-Z0-9])")
"""The primary subtag, two letters (RFC 5646 §2.2.1); Content-Language may list several."""


def language_of(message: Message, fallback: str) -> str:
    """Two letters: Content-Language (RFC 3282), else the pages' own ``lang``, else the fallback."""
    declared = (field.value for field in message.named("content-language"))
    for tag in declared:
        if match := _TAG.match(tag):
            return match[1].lower()
    for reading in message.readings:
        if match := _TAG.match(reading.language):
            return match[1].lower()
    return fallback

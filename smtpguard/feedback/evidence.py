"""What in a mail only the person concerned could know: our tokens, and Message-IDs.

Says what is there; whether a Message-ID went to somebody is for the store to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from smtpguard.keys import Keyring
from smtpguard.mail.message import Message
from smtpguard.unsubscribe.link import Ticket, read

MOST = 50
"""Words of one text that are tried as tokens."""
READ = 262_144
"""Characters of one text that are looked through."""
MANY = 10
"""Tickets, or Message-IDs, of one mail that are believed."""

_SEALED = r"A[Q-Za-v][A-Za-z0-9_-]{38,2046}"
_WORD = re.compile(rf"(?<![A-Za-z0-9_-]){_SEALED}(?![A-Za-z0-9_-])")
_ANYWHERE = re.compile(_SEALED)
_MESSAGE_ID = re.compile(r"<([^\s<>]{1,250})>")
_SHOWN_ID = re.compile(r"^[> \t]*Message-ID:\s*<([^\s<>]{1,250})>", re.IGNORECASE | re.MULTILINE)
_RETURNED = frozenset(
    (
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global-headers",
    )
)
_TELLING = ("list-unsubscribe", "cfbl-feedback-id")
"""Fields in which a token of ours may stand (RFC 2369 §3.2, RFC 9477 §3.2)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a returned message proves."""

    tickets: tuple[Ticket, ...] = ()
    message_ids: tuple[str, ...] = ()


def tickets(ring: Keyring, *texts: str) -> tuple[Ticket, ...]:
    """The tickets whose tokens stand in the first of these texts that has any."""
    for text in texts:
        found = _tickets(ring, _WORD.findall(unquote(text[:READ])))
        if found:
            return found
    return ()


def in_subject(ring: Keyring, subject: str) -> tuple[Ticket, ...]:
    """The tickets of a subject, though the mail program broke the token up."""
    return tickets(ring, subject) or _tickets(
        ring, _ANYWHERE.findall("".join(unquote(subject[:4096]).split()))
    )


def message_ids(value: str) -> tuple[str, ...]:
    """The Message-IDs of In-Reply-To or References, the last first (RFC 5322 §3.6.4)."""
    return tuple(reversed(_MESSAGE_ID.findall(value[:READ])))[:MANY]


def returned(message: Message) -> Message | None:
    """The message, or its header, that a report carries with it."""
    for part in message.parts:
        if part.type in _RETURNED and all(k.startswith("multipart/") for k in part.parent_types):
            return Message(part.content.lstrip())
    return None


def of_returned(ring: Keyring, message: Message) -> Evidence:
    """What the message inside a report proves, or the report's own text where nothing is inside."""
    inside = returned(message)
    if inside is None:
        texts = list(_texts(message))
        shown = [found for text in texts for found in _SHOWN_ID.findall(text)]
        return Evidence(tickets(ring, *texts), tuple(dict.fromkeys(shown))[:MANY])
    fields = [field.value for key in _TELLING for field in inside.named(key)]
    named = [found for f in inside.named("message-id") for found in message_ids(f.value)]
    proven = tickets(ring, " ".join(fields), *(_texts(inside)))
    return Evidence(proven, tuple(named[:MANY]))


def _texts(message: Message) -> Iterator[str]:
    for part in message.parts[:20]:
        if part.type.startswith("text/") and not part.attachment and (text := part.text):
            yield text[:READ]


def _tickets(ring: Keyring, words: Iterable[str]) -> tuple[Ticket, ...]:
    tried = list(dict.fromkeys(words))[:MOST]
    found = [ticket for word in tried if (ticket := read(ring, word)) is not None]
    persons = {(t.controller, t.brand, t.stream, t.address): t for t in reversed(found)}
    return tuple(reversed(persons.values()))[:MANY]

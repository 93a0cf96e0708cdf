"""What one hash holds, and how it is written.

A person of a controller is one hash, ``sg:<controller>:{<key id>.<reference>}``; the braces make
everything of one person live on one node of a cluster. A domain is a hash of the same shape
under the reference of ``@domain``. Fields:

=============================  ==============================================================
``s:<reason>:<brand>:<stream>``  a suppression: ``<seconds>:<channel>``
``d:<reason>:<brand>:<stream>``  the same, against a whole domain
``l:<reason>:<brand>:<stream>``  when it was said last, where that is later: ``<seconds>``
``x:<reason>:<brand>:<stream>``  a suppression that was lifted: ``<seconds>:<because>``
``c``                          a notice was accepted downstream: ``<seconds> <notice>``
``r``                          a notice is reserved: ``<expiry> <token> <seconds> <notice>``
``o``                          the source: ``["<id>", "<name>", "<origin>"]``
``k``                          known since: ``<seconds>``
=============================  ==============================================================

Pure: octets in, values out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from smtpguard.person import FirstContact, Person, Reason, Scope, Source, Suppression

SCHEMA = 1
META = b"sg:meta"
CONTACT = b"c"
RESERVED = b"r"
SOURCE = b"o"
KNOWN = b"k"

NOBODY = Person()
BOUNCES = ("hard", "soft")
"""Kinds of bounces that are counted."""
PREFIX = {"s": False, "d": True}


@dataclass(frozen=True, slots=True)
class Lifted:
    """A suppression that stands no more, and why."""

    reason: Reason
    scope: Scope
    at: int
    because: str


def record_key(controller: str, key_id: str, reference: str) -> bytes:
    """The Redis key of a record."""
    return f"sg:{_quoted(controller)}:{{{key_id}.{reference}}}".encode()


@lru_cache(256)
def _quoted(controller: str) -> str:
    return quote(controller, safe="")


def read_record_key(key: bytes) -> tuple[str, str] | None:
    """``(controller, "<key id>.<reference>")`` of a record's key; ``None`` for another key."""
    _, _, rest = key.decode("utf-8", "replace").partition(":")
    controller, braced, reference = rest.partition(":{")
    return (unquote(controller), reference.removesuffix("}")) if braced else None


def braced(key: bytes) -> bytes:
    """``{<key id>.<reference>}`` of a record's key."""
    return key[key.rindex(b"{") :]


def bounce_key(key: bytes, kind: str) -> bytes:
    """Where bounces of the person of that record are counted (``returns``); on the same node."""
    return b"sg-bounce:%b:%b" % (braced(key), kind.encode())


def consent_key(key: bytes) -> bytes:
    """Where the consents of the person of that record lie (``consent``); on the same node."""
    return b"sg-consent" + key[2:]


def scope_words(scope: Scope) -> tuple[str, str]:
    """Brand and stream as they stand in the names of fields."""
    return quote(scope.brand, safe=""), quote(scope.stream, safe="")


def suppression_field(reason: Reason, scope: Scope, *, domain: bool) -> bytes:
    """The field of a suppression."""
    return f"{'d' if domain else 's'}:{_scope(reason, scope)}".encode()


def latest_field(reason: Reason, scope: Scope) -> bytes:
    """The field that says when a suppression was said last."""
    return f"l:{_scope(reason, scope)}".encode()


def lifted_field(reason: Reason, scope: Scope) -> bytes:
    """The field under which a lifted suppression is remembered."""
    return f"x:{_scope(reason, scope)}".encode()


def source_value(source: Source) -> bytes:
    """The value of the source's field."""
    parts = [source.id, source.name, source.origin]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()


def read(reply: Sequence[bytes], now: float, retention: float) -> Person:
    """The person in the reply to HGETALL: fields and values in turn. Never raises.

    A reservation that has expired, and a notice given longer than ``retention`` ago, are not
    seen. A suppression whose value is damaged still stands.
    """
    if not reply:
        return NOBODY
    suppressions: list[Suppression] = []
    told: FirstContact | None = None
    reserved: FirstContact | None = None
    source: Source | None = None
    known: int | None = None
    for name, value in zip(reply[::2], reply[1::2], strict=False):
        if name == CONTACT:
            told = _contact(value, now - retention)
        elif name == RESERVED:
            reserved = _reservation(value, now)
        elif name == SOURCE:
            source = _source(value)
        elif name == KNOWN:
            known = _seconds(value)
        elif (what := _suppression(name)) is not None:
            reason, scope, domain = what
            at, _, channel = value.decode("utf-8", "replace").partition(":")
            suppressions.append(Suppression(reason, scope, _seconds(at), channel, domain))
    return Person(tuple(suppressions), told or reserved, source, known)


def lifted(reply: Sequence[bytes]) -> tuple[Lifted, ...]:
    """The suppressions that were lifted, in the reply to HGETALL."""
    found = []
    for name, value in zip(reply[::2], reply[1::2], strict=False):
        if name.startswith(b"x:"):
            what = _suppression(b"s" + name[1:])
            at, _, because = value.decode("utf-8", "replace").partition(":")
            if what is not None:
                found.append(Lifted(what[0], what[1], _seconds(at), because))
    return tuple(found)


def combine(own: Iterable[Person], wider: Iterable[Person]) -> Person:
    """One person from their own records and those of wider names (untagged form, domains).

    Only suppressions reach from a wider name to a narrower one. Of the same suppression under
    two keys the earlier stands; of two notices, the one that was accepted, then the later.
    """
    mine = list(own)
    standing: dict[tuple[Reason, Scope, bool], Suppression] = {}
    for person in [*mine, *wider]:
        for each in person.suppressions:
            other = standing.setdefault((each.reason, each.scope, each.domain), each)
            if each.at < other.at:
                standing[each.reason, each.scope, each.domain] = each
    contacts = [person.contact for person in mine if person.contact]
    known = [person.known_since for person in mine if person.known_since is not None]
    return Person(
        tuple(standing.values()),
        max(contacts, key=lambda contact: (contact.informed, contact.at), default=None),
        next((person.source for person in mine if person.source), None),
        min(known, default=None),
    )


def _scope(reason: Reason, scope: Scope) -> str:
    return ":".join((reason.value, *scope_words(scope)))


@lru_cache(maxsize=4096)
def _suppression(name: bytes) -> tuple[Reason, Scope, bool] | None:
    parts = name.decode("utf-8", "replace").split(":")
    if len(parts) != 4 or parts[0] not in PREFIX:
        return None
    try:
        reason = Reason(parts[1])
    except ValueError:
        reason = Reason.MANUAL
    return reason, Scope(unquote(parts[2]), unquote(parts[3])), PREFIX[parts[0]]


def _contact(value: bytes, oldest: float) -> FirstContact | None:
    at, _, notice = value.decode("utf-8", "replace").partition(" ")
    seconds = _seconds(at)
    return FirstContact(True, seconds, notice) if seconds > oldest else None


def _reservation(value: bytes, now: float) -> FirstContact | None:
    expiry, _, rest = value.decode("utf-8", "replace").partition(" ")
    _token, _, rest = rest.partition(" ")
    at, _, notice = rest.partition(" ")
    return FirstContact(False, _seconds(at), notice) if _seconds(expiry) > now else None


def _source(value: bytes) -> Source | None:
    try:
        identity, name, origin = json.loads(value)
    except (ValueError, TypeError):
        return None
    return Source(str(identity), str(name), str(origin))


def _seconds(text: str | bytes) -> int:
    try:
        return int(text)
    except ValueError:
        return 0

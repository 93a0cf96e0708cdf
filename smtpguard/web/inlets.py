"""What other tools tell us: whose address left by a link of theirs. Pure: octets in, values out.

Each tool proves itself in its own way, and each has its own shape; what is no opt-out is passed
over, and an event that cannot be read costs the others of its batch nothing. Shapes as Mautic 5
sends them (``mautic.lead_channel_subscription_changed``, batches of them) and as Brevo (marketing
and transactional events, batched or not) and Mailchimp (audience webhooks) document them;
``standard`` is for scripts of the company's own: Standard Webhooks, ``{"email": ...}`` or
``{"data": {"email": ...}}``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from smtpguard.mail.address import Address
from smtpguard.person import Reason
from smtpguard.store.table import read_time
from smtpguard.web.hooks import signed

LATEST = 1 << 33
"""Seconds since the epoch beyond which nobody counts in seconds."""
STAMP = re.compile("[0-9]{1,12}")
FRESH = 300
"""Seconds for which a Standard Webhooks signature counts."""
MAUTIC = "mautic.lead_channel_subscription_changed"
REMOVED = frozenset({"unsubscribed", "manual"})
"""States of a contact of Mautic's: by their link or complaint, or by hand. Not ``bounced``: what
Mautic takes for a bounce is often none."""
BREVO = {
    "unsubscribe": Reason.OBJECTION,
    "unsubscribed": Reason.OBJECTION,
    "spam": Reason.COMPLAINT,
    "complaint": Reason.COMPLAINT,
}
"""Events of Brevo; the later names are those of transactional mail."""
UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError)


class Told(NamedTuple):
    """Who left, and when they said so."""

    address: Address
    reason: Reason
    at: int
    """Seconds since the epoch; 0 where the tool does not say."""


class Heard(NamedTuple):
    """What one request said."""

    told: list[Told]
    unread: int
    """Events that could not be read."""


Said = tuple[str, Reason, Any]
"""An address, why, and when: seconds, or a date and time; all as they were written."""


@dataclass(frozen=True, slots=True)
class Inlet:
    """A tool that may speak for the readers of one company."""

    controller: str
    name: str
    tool: str
    brand: str
    """Empty for the whole company."""
    secret: bytes = field(repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)
    """Secrets that count as well, until the tool has the new one."""

    def proves(self, headers: Mapping[str, str], query: str, body: bytes, now: int) -> bool:
        """Whether it is that tool that speaks; names of ``headers`` are in lower case."""
        secrets = (self.secret, *self.older)
        match self.tool:
            case "mautic":
                said = [headers.get("webhook-signature", "")]
                digests = [hmac.digest(one, body, hashlib.sha256) for one in secrets]
                expected = [b64encode(each) for each in digests]
            case "brevo":
                said, expected = [_password(headers.get("authorization", ""))], [*secrets]
            case "mailchimp":
                said, expected = [parse_qs(query).get("key", [""])[0]], [*secrets]
            case _:
                stamp = headers.get("webhook-timestamp", "")
                if not STAMP.fullmatch(stamp) or abs(int(stamp) - now) > FRESH:
                    return False
                # One for each secret that the sender holds, in any order.
                said = headers.get("webhook-signature", "").split(" ")
                name = headers.get("webhook-id", "")
                own = signed(self.secret, name, int(stamp), body, self.older)
                expected = own["webhook-signature"].encode().split(b" ")
        pairs = product([each.encode() for each in said], expected)
        return any(hmac.compare_digest(*pair) for pair in pairs)

    def read(self, body: bytes) -> Heard:
        """Who left. Raises ``ValueError`` where it is nothing that this tool sends."""
        events, read = SHAPES[self.tool]
        told, unread = [], 0
        try:
            found = events(body)
        except UNREADABLE as error:
            raise ValueError(str(error)) from error
        for event in found:
            try:
                if (said := read(event)) is None:
                    continue
                word, reason, at = said
                address = Address.parse(word.strip().encode())
            except UNREADABLE:
                address = None
            if address is None:
                unread += 1
            else:
                told.append(Told(address, reason, _moment(at)))
        return Heard(told, unread)


def _password(authorization: str) -> str:
    """The bearer's token, or the password of Basic (RFC 7617 §2): Brevo offers both."""
    scheme, _, word = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            return b64decode(word, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return word if scheme.lower() == "bearer" else ""


def _moment(said: Any) -> int:
    """When that is; a time that cannot be read is none, and the wish counts all the same."""
    if isinstance(said, str):
        said = read_time(said)
    return said if type(said) is int and 0 < said < LATEST else 0


def _listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said]


def _mautic_events(body: bytes) -> list[Any]:
    return _listed(json.loads(body).get(MAUTIC, []))


def _mautic(event: Any) -> Said | None:
    if event["channel"] != "email" or event["new_status"] not in REMOVED:
        return None
    fields = event["contact"]["fields"]
    # The address is in the group "core"; whoever moved it there finds it elsewhere.
    groups = [fields.get("core") or {}, *(one for one in fields.values() if isinstance(one, dict))]
    found = next(one["email"] for one in groups if one.get("email"))
    address = found["value"] if isinstance(found, dict) else found
    return address, Reason.OBJECTION, event.get("timestamp")


def _brevo_events(body: bytes) -> list[Any]:
    return _listed(json.loads(body))


def _brevo(event: Any) -> Said | None:
    reason = BREVO.get(event["event"])
    return (event["email"], reason, event.get("ts_event")) if reason else None


def _mailchimp_events(body: bytes) -> list[Any]:
    said = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if not said.get("type"):
        raise ValueError("no type")
    return [said]


def _mailchimp(event: Any) -> Said | None:
    kind, spam = event["type"], event.get("data[reason]") == "abuse"
    # Who was deleted did not ask for it; who was cleaned away bounced, or complained.
    left = kind == "unsubscribe" and event.get("data[action]") != "delete"
    if not left and not (spam and kind in {"unsubscribe", "cleaned"}):
        return None
    reason = Reason.COMPLAINT if spam else Reason.OBJECTION
    return event["data[email]"], reason, event.get("fired_at")  # no zone is said: taken for UTC


def _standard_events(body: bytes) -> list[Any]:
    return [json.loads(body)]


def _standard(event: Any) -> Said | None:
    inner = event.get("data", event)
    at = inner.get("at") or event.get("timestamp")
    return inner["email"], Reason(inner.get("reason", "objection")), at


SHAPES: Mapping[str, tuple[Callable[[bytes], list[Any]], Callable[[Any], Said | None]]] = {
    "mautic": (_mautic_events, _mautic),
    "brevo": (_brevo_events, _brevo),
    "mailchimp": (_mailchimp_events, _mailchimp),
    "standard": (_standard_events, _standard),
}
"""How a body is cut into events, and what one of them says."""

"""What other tools tell us: whose address left by a link of theirs. Pure: octets in, values out.

Each tool proves itself in its own way, and each has its own shape; what is no opt-out is passed
over. Shapes as documented by Mautic (``mautic.lead_channel_subscription_changed``), Brevo
(marketing and transactional events) and Mailchimp (audience webhooks); ``standard`` is for scripts
of the company's own: Standard Webhooks, ``{"email": ...}`` or ``{"data": {"email": ...}}``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from smtpguard.mail.address import Address
from smtpguard.person import Reason
from smtpguard.web.hooks import signed

FRESH = 300
"""Seconds for which a Standard Webhooks signature counts."""
MAUTIC = "mautic.lead_channel_subscription_changed"
LEFT = {"unsubscribe": Reason.OBJECTION, "unsubscribed": Reason.OBJECTION, "spam": Reason.COMPLAINT}
"""Events of Brevo."""

Wish = tuple[Address, Reason]


@dataclass(frozen=True, slots=True)
class Inlet:
    """A tool that may speak for the readers of one company."""

    controller: str
    name: str
    tool: str
    brand: str
    """Empty for the whole company."""
    secret: bytes = field(repr=False)

    def proves(self, headers: Mapping[str, str], query: str, body: bytes, now: int) -> bool:
        """Whether it is that tool that speaks; names of ``headers`` are in lower case."""
        match self.tool:
            case "mautic":
                said = headers.get("webhook-signature", "")
                expected = b64encode(hmac.digest(self.secret, body, hashlib.sha256)).decode()
            case "brevo":
                said = headers.get("authorization", "")
                expected = f"Bearer {self.secret.decode('utf-8', 'replace')}"
            case "mailchimp":
                said = parse_qs(query).get("key", [""])[0]
                expected = self.secret.decode("utf-8", "replace")
            case _:
                stamp = headers.get("webhook-timestamp", "")
                if not stamp.isdecimal() or abs(int(stamp[:12]) - now) > FRESH:
                    return False
                said = headers.get("webhook-signature", "")
                name = headers.get("webhook-id", "")
                expected = signed(self.secret, name, int(stamp), body)["webhook-signature"]
        return hmac.compare_digest(said.encode(), expected.encode())

    def wishes(self, body: bytes) -> list[Wish]:
        """Who left; what cannot be read names nobody."""
        try:
            found = [
                (Address.parse(word.strip().encode()), reason)
                for word, reason in SHAPES[self.tool](body)
            ]
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return []
        return [(address, reason) for address, reason in found if address is not None]


def _mautic(body: bytes) -> Iterator[tuple[str, Reason]]:
    events = json.loads(body).get(MAUTIC, [])
    for event in events if isinstance(events, list) else [events]:
        if event["channel"] == "email" and "unsubscribed" in event["new_status"]:
            yield event["contact"]["fields"]["core"]["email"]["value"], Reason.OBJECTION


def _brevo(body: bytes) -> Iterator[tuple[str, Reason]]:
    said: Any = json.loads(body)
    for event in said if isinstance(said, list) else [said]:
        if reason := LEFT.get(event["event"]):
            yield event["email"], reason


def _mailchimp(body: bytes) -> Iterator[tuple[str, Reason]]:
    said = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if said.get("type") == "unsubscribe":
        spam = said.get("data[reason]") == "abuse"
        yield said["data[email]"], Reason.COMPLAINT if spam else Reason.OBJECTION


def _standard(body: bytes) -> Iterator[tuple[str, Reason]]:
    said = json.loads(body)
    inner = said.get("data", said)
    yield inner["email"], Reason(inner.get("reason", "objection"))


SHAPES = {"mautic": _mautic, "brevo": _brevo, "mailchimp": _mailchimp, "standard": _standard}

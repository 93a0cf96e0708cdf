"""Where a company listens, and what it is told there, signed (Standard Webhooks 1.0)."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from smtpguard.policy.controller import Webhook
from smtpguard.store.outbox import Event, Job

PREFIX = b"whsec_"


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a controller listens."""

    controller: str
    url: str
    secret: bytes = field(repr=False)
    events: frozenset[str]
    older: tuple[bytes, ...] = field(default=(), repr=False)
    """Secrets that we sign with as well, until they know the new one."""

    @classmethod
    def of(cls, controller: str, said: Webhook, written: bytes) -> Hook:
        """``written``: what stands in the file of the secret. Raises ``ValueError``."""
        newest, *older = keys(written)
        return cls(controller, said.url, newest, frozenset(said.events), tuple(older))

    def wants(self, event: Event) -> bool:
        """Whether this event is for them."""
        return event["controller"] == self.controller and event["type"] in self.events


def keys(written: bytes, *, plain: bool = False) -> tuple[bytes, ...]:
    """The secrets in a file, one a line, the newest first. Raises ``ValueError``."""
    lines = [line for line in written.splitlines() if line.strip()]
    return tuple(key(line, plain=plain) for line in lines or [b""])


def key(written: bytes, *, plain: bool = False) -> bytes:
    """The octets of a secret: ``whsec_`` and base64, or as they are. Raises ``ValueError``.

    One that is ``plain`` is never base64.
    """
    word = written.strip()
    coded = not plain and word.startswith(PREFIX)
    octets = b64decode(word.removeprefix(PREFIX), validate=True) if coded else word
    if len(octets) < 24:
        raise ValueError("a webhook's secret has 24 octets or more")
    return octets


def signed(
    secret: bytes, name: str, at: int, body: bytes, older: Sequence[bytes] = ()
) -> Mapping[str, str]:
    """The header fields of one try; ``older`` secrets sign it too."""
    content = b"%b.%d.%b" % (name.encode(), at, body)
    digests = [hmac.digest(each, content, hashlib.sha256) for each in (secret, *older)]
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{b64encode(each).decode()}" for each in digests),
    }


def body(job: Job) -> bytes:
    """What is sent: the same octets at every try."""
    at = datetime.fromtimestamp(job.at, UTC).isoformat().replace("+00:00", "Z")
    data = {name: value for name, value in job.event.items() if name != "type"}
    return json.dumps({"type": job.event["type"], "timestamp": at, "data": data}).encode()

"""To the operator's mailbox, through the upstream, with our trace on top and nothing else changed.

The reverse-path stays: it is forwarding, not an answer (RFC 5321 §3.9.1).
"""

from __future__ import annotations

from dataclasses import replace

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient
from smtpguard.proxy import trace
from smtpguard.proxy.outgoing import hand_over
from smtpguard.proxy.proxy import House
from smtpguard.smtp.upstream import Upstream


async def forward(
    upstream: Upstream,
    house: House,
    envelope: Envelope,
    content: bytes,
    *,
    operator: Address,
    reference: str,
    now: float,
    seconds: float,
) -> bool:
    """Send it; true when the upstream took it, and only then."""
    received = trace.received(
        envelope.session,
        hostname=house.hostname,
        host=house.host,
        reference=reference,
        recipient=bytes(operator),
        now=now,
    )
    raw = received + content
    onward = replace(envelope, recipients=(Recipient(operator),))
    return (await hand_over(upstream, onward, raw, seconds)).startswith(b"2")

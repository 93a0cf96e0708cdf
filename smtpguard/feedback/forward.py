"""To the operator's mailbox, through the upstream, with our trace on top and nothing else changed.

The reverse-path stays: it is forwarding, not an answer (RFC 5321 §3.9.1).
"""

from __future__ import annotations

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient
from smtpguard.proxy import trace
from smtpguard.proxy.outgoing import mail_argument, rcpt_argument
from smtpguard.proxy.proxy import House
from smtpguard.smtp.upstream import Upstream, UpstreamUnavailable


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
    try:
        delivery = await upstream.begin(envelope.session)
    except UpstreamUnavailable:
        return False
    try:
        offered = delivery.capabilities
        burst = await delivery.burst(
            mail_argument(envelope, offered, len(raw)),
            [rcpt_argument(Recipient(operator), offered)],
            raw,
            seconds,
        )
    finally:
        await delivery.release()
    return all(rcpt.accepted for rcpt in burst.rcpts) and burst.final.accepted

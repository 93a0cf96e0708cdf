"""The last octets of a copy, and its envelope as the upstream is told it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smtpguard.edit.edit import Edit
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Parameter, Recipient
from smtpguard.reply import Reply
from smtpguard.sign import Signer, sign
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.upstream import Upstream, UpstreamUnavailable
from smtpguard.verdict.decision import Copy

NO_SMTPUTF8 = Reply(553, "6.7", ("The upstream does not take SMTPUTF8.",))


def finish(copy: Copy, trace: bytes, signers: Sequence[Signer], now: int) -> Copy:
    """``copy`` signed, and our Received field on top of it. The signature comes last.

    The wire has seen to it that every line of the message ends with CRLF.
    """
    signature = sign(copy.raw, signers, now, tidy=True) if signers else b""
    on_top = [Edit(0, 0, trace, "trace")]
    if signature:
        on_top.append(Edit(0, 0, signature, "dkim"))
    return Copy(copy.recipients, copy.source, (*on_top, *copy.edits))


def mail_argument(envelope: Envelope, offered: Capabilities, size: int | None = None) -> bytes:
    """What follows ``MAIL``; parameters that the upstream does not offer are left out.

    A user who is not ``trusted`` cannot say who submitted the mail first: to a server that knows
    us by AUTH the submitter is then unknown, ``<>``; to others AUTH= says nothing (RFC 4954 §5).
    ``size`` is told only where it is final: an edit may yet come after MAIL went out.
    """
    keep = {
        "BODY": offered.eightbitmime,
        "SMTPUTF8": offered.smtputf8,
        "RET": offered.dsn,
        "ENVID": offered.dsn,
    }
    parameters = [p for p in envelope.sender_parameters if keep.get(p.name, False)]
    if said := envelope.sender_parameter("AUTH"):
        session = envelope.session
        if offered.auth and session.user and session.trusted:
            parameters.append(said)
        elif offered.auth and offered.authenticated:
            parameters.append(Parameter(b"AUTH", b"<>"))
    if size is not None and offered.size is not None:
        parameters.append(Parameter(b"SIZE", b"%d" % size))
    return _argument(b"FROM:", envelope.sender, parameters)


def unfit(envelope: Envelope, offered: Capabilities) -> Reply | None:
    """Why the connection at hand cannot take the envelope (RFC 6531 §3.2)."""
    if envelope.sender_parameter("SMTPUTF8") and not offered.smtputf8:
        return NO_SMTPUTF8
    return None


def rcpt_argument(recipient: Recipient, offered: Capabilities) -> bytes:
    """What follows ``RCPT``: the octets that were checked are the octets that are sent."""
    parameters = recipient.parameters if offered.dsn else ()
    return _argument(b"TO:", recipient.address, parameters)


async def hand_over(
    upstream: Upstream, envelope: Envelope, content: bytes, seconds: float
) -> bytes:
    """Send what is not a client's mail to its one recipient; the upstream's last word."""
    try:
        delivery = await upstream.begin(envelope.session)
    except UpstreamUnavailable as unavailable:
        return bytes(unavailable.reply)
    try:
        offered = delivery.capabilities
        burst = await delivery.burst(
            mail_argument(envelope, offered, len(content)),
            [rcpt_argument(recipient, offered) for recipient in envelope.recipients],
            content,
            seconds,
        )
    finally:
        await delivery.release()
    refused = next((rcpt for rcpt in burst.rcpts if not rcpt.accepted), None)
    return (refused or burst.final).octets


def _argument(verb: bytes, address: Address | None, parameters: Iterable[Parameter]) -> bytes:
    path = b"<" + (bytes(address) if address else b"") + b">"
    return b" ".join((verb + path, *map(bytes, parameters)))

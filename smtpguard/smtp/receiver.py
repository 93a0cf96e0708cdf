"""What the server calls: whoever takes mail implements these two."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Parameter, Recipient, Session
from smtpguard.reply import Reply
from smtpguard.smtp.capabilities import Capabilities


class Transaction(Protocol):
    """One mail transaction: recipients, then data or abandonment; never both, each at most once.

    Whatever a method raises is answered ``451 4.3.0``; the trace goes to the log alone.
    """

    async def rcpt(self, recipient: Recipient) -> bytes:
        """The encoded reply, CRLF included; a 2xx means accepted."""
        ...

    def data(self, content: bytes) -> AsyncIterator[bytes]:
        """Take the message and yield encoded replies.

        SMTP: one. LMTP: one per accepted recipient, in the order of RCPT, each sent at once.
        ``content`` is as received: CRLF line ends, dots unstuffed, without the final dot. Always
        consumed to its end, also when the client has gone.
        """
        ...

    async def abandon(self) -> None:
        """RSET, QUIT, a new EHLO, data refused by the server, or client gone before the dot."""
        ...


class Receiver(Protocol):
    """Where transactions begin."""

    async def capabilities(self) -> Capabilities:
        """What may be offered to a client now; asked at every EHLO, so answered fast."""
        ...

    async def mail(
        self, session: Session, sender: Address | None, parameters: tuple[Parameter, ...]
    ) -> Transaction | Reply | bytes:
        """Begin a transaction, or refuse MAIL with a reply (``bytes``: encoded, as upstream's)."""
        ...

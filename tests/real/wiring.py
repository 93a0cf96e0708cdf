"""The four ways to put the guard behind a Postfix, as Postfix's own documentation writes them."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from dataclasses import dataclass

from tests.processes import free_port, until
from tests.real.guard import Guard
from tests.real.mta import Postfix, send, together

RELAYHOST, CONTENT_FILTER, PROXY_FILTER, LMTP = NAMES = (
    "relayhost",
    "content-filter",
    "proxy-filter",
    "lmtp",
)
WHOLE_LINES = {"smtp_line_length_limit": 0, "lmtp_line_length_limit": 0}
"""Postfix breaks lines over 998 octets when it sends, unless it is told not to."""


@dataclass
class Wiring:
    """Front, guard, and what is behind; each takes part in several tests."""

    name: str
    front: Postfix
    guard: Guard
    behind: Postfix
    submission: int
    cut: Callable[[], None]
    """Nobody takes what the guard relays."""
    join: Callable[[], None]

    @property
    def before_queue(self) -> bool:
        """The client hears the guard's own word."""
        return self.name == PROXY_FILTER

    def number(self, word: str) -> str:
        """An id of a mail that no other wiring uses."""
        return f"{word}.{self.name}"

    def refusal(self, number: str, mail: bytes, *recipients: str) -> str:
        """What the sender reads when ``mail`` is refused: the bounce, or the reply."""
        try:
            send(self.submission, mail, *recipients)
        except (smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused) as refused:
            assert self.before_queue
            return str(refused)
        (bounce,) = until(lambda: self.bounces(number), "the bounce", self.front, self.guard)
        return " ".join(bounce.decode().split())

    def arrival(self, number: str) -> bytes:
        """The mail, once it is there."""
        told_by = (self.guard, self.front, self.behind)
        (mail,) = until(lambda: self.behind.mails(number), f"mail {number}", *told_by)
        return mail

    def bounces(self, number: str) -> list[bytes]:
        """What the front's own mailboxes hold about a mail."""
        return [m for m in self.front.mails(number) if b"multipart/report" in m]


def wire(
    name: str,
    postfix: Callable[..., Postfix],
    guard: Callable[..., Guard],
    behind: Postfix,
    *gone: str,
) -> Wiring:
    """Start front and guard; ``gone`` have opted out."""
    (last,) = behind.ports
    submission, back = free_port(), free_port()
    ports: dict[int, tuple[str, ...]] = {submission: ()}
    services = ""
    settings: dict[str, object] = {"mailboxes": ["acme.fr"], **WHOLE_LINES}
    if name in (RELAYHOST, LMTP):
        one = guard(last)
        cut, join = behind.stop, behind.start
    else:
        one = guard(back)
        settings["relayhost"] = f"[127.0.0.1]:{last}"
        ports[back] = (
            "content_filter=",
            "smtpd_proxy_filter=",
            "receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters",
            "smtpd_authorized_xforward_hosts=127.0.0.0/8",
        )
        cut, join = (lambda: front.close(back)), (lambda: front.open())
    if name == RELAYHOST:
        settings["relayhost"] = f"[127.0.0.1]:{one.smtp}"
    elif name == PROXY_FILTER:
        ports[submission] = (f"smtpd_proxy_filter=127.0.0.1:{one.smtp}",)
    else:
        protocol, port = ("lmtp", one.lmtp) if name == LMTP else ("smtp", one.smtp)
        ports[submission] = (
            f"content_filter=guard:[127.0.0.1]:{port}",
            "receive_override_options=no_address_mappings",
        )
        services = f"guard unix - - n - 10 {protocol}\n  -o {protocol}_send_xforward_command=yes\n"
    front = postfix(f"front-{name}", ports=ports, services=services, **settings)

    def registered() -> None:
        one.start()
        one.suppress(*gone)

    together(front.start, registered)
    return Wiring(name, front, one, behind, submission, cut, join)

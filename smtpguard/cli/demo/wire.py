"""What the sender's mail server does: hand a message in, and hear what is said."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass

from smtpguard.cli.demo.letters import Letter

TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """The guard's answer."""

    code: int
    text: str
    """One line a reply line, without the code."""
    after: str
    """The command it answered: ``MAIL``, ``RCPT`` or ``end of DATA``."""

    @property
    def accepted(self) -> bool:
        """It was taken."""
        return self.code // 100 == 2

    @property
    def bounce(self) -> str:
        """What the sender's own mail server would write back, in Postfix's words."""
        lines = self.text.splitlines()
        said = [f"{self.code}-{line}" for line in lines[:-1]] + [f"{self.code} {lines[-1]}"]
        return "\n    ".join(["host smtpguard said:", *said, f"(in reply to {self.after} command)"])


def hand_in(letter: Letter, port: int) -> Told:
    """Send one message to one recipient. ``OSError`` when the line breaks."""
    octets = letter.octets
    options = [] if octets.isascii() else ["BODY=8BITMIME"]
    with smtplib.SMTP("127.0.0.1", port, "sender.example", TIMEOUT) as line:
        line.ehlo()
        told = _told("MAIL FROM", line.mail(letter.sender, options))
        if told.accepted:
            told = _told("RCPT TO", line.rcpt(letter.recipient))
        if told.accepted:
            try:
                told = _told("end of DATA", line.data(octets))
            except smtplib.SMTPDataError as refused:
                told = _told("DATA", (refused.smtp_code, refused.smtp_error))
    return told


def _told(after: str, reply: tuple[int, bytes | str]) -> Told:
    code, text = reply
    return Told(code, text.decode("ascii", "replace") if isinstance(text, bytes) else text, after)

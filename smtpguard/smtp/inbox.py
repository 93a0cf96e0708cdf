"""Octets received and not yet consumed: command lines, a message, command lines again. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable

from smtpguard.smtp import data

END = b"\r\n.\r\n"
"""Nothing else ends data (RFC 5321 §4.1.1.4)."""
HOPELESS = 16
"""A line this many times longer than allowed is no mistake any more."""

_DOT = re.compile(rb"\r\n\.")


class Overlong(ValueError):
    """A command line is longer than allowed; it has been skipped."""

    def __init__(self, *, hopeless: bool) -> None:
        super().__init__("command line too long")
        self.hopeless = hopeless
        """Its end is not worth waiting for."""


class Inbox:
    """Command lines out of chunks as they come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._skipped = 0

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, octets: bytes) -> None:
        """Add octets."""
        self._buffer += octets

    def line(self) -> bytes | None:
        """The next line without its end (LF is taken for CRLF here), if it is complete.

        Raises ``Overlong``, once for each line over the limit.
        """
        end = self._buffer.find(b"\n")
        if end < 0 and len(self._buffer) > self._limit:
            self._skipped += len(self._buffer)
            self._buffer.clear()
            if self._skipped > HOPELESS * self._limit:
                raise Overlong(hopeless=True)
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        if self._skipped or len(line) > self._limit:
            self._skipped = 0
            raise Overlong(hopeless=False)
        return line.removesuffix(b"\r")

    def take(self) -> bytes:
        """Everything that waits, which is a message's beginning after DATA, or to be discarded."""
        waiting = bytes(self._buffer)
        self._buffer.clear()
        self._skipped = 0
        return waiting


class Intake:
    """One message on its way in, up to the dot.

    ``limit``: octets of the message, 0 for none; what is much over it is not kept (stuffed dots
    do not count, but only ``content`` knows them). ``room`` is asked for every chunk whether that
    many octets more may be held.
    """

    def __init__(self, limit: int, room: Callable[[int], bool]) -> None:
        self._limit = limit
        self._room = room
        self._buffer = bytearray(END[:2])
        self._scanned = 0
        self._dots = False
        self.size = 0
        """Octets received, stored or not, as sent: with stuffed dots, and the end."""
        self.held = 0
        """Octets for which room was given."""
        self.complete = False
        self.too_large = False
        self.no_room = False

    def feed(self, octets: bytes) -> bytes | None:
        """Add octets. The ones that follow the end, once it has come; ``None`` before."""
        self.size += len(octets)
        self._buffer += octets
        end = self._end()
        if end is None:
            self._store(len(octets))
            return None
        self.complete = True
        rest = bytes(self._buffer[end + len(END) :])
        self.size -= len(rest)
        self._store(len(octets) - len(rest))
        del self._buffer[end + 2 :]
        return rest

    def content(self) -> bytes:
        """The message, dots unstuffed (RFC 5321 §4.5.2). Can be had once: it is not kept here.

        Sets ``too_large`` where it is over the limit after all.
        """
        del self._buffer[:2]
        content = bytes(self._buffer)
        self._buffer.clear()
        if self._dots:
            content = data.unstuffed(content)
        self.too_large = self.too_large or 0 < self._limit < len(content)
        return content

    def _end(self) -> int | None:
        """Where ``END`` begins. One scan finds it where no line begins with a dot."""
        buffer, at = self._buffer, self._scanned
        if not self._dots:
            first = _DOT.search(buffer, at)
            if first is None:
                self._scanned = max(len(buffer) - 2, 0)
                return None
            at = first.start()
            if at + len(END) > len(buffer):
                self._scanned = at
                return None
        end = buffer.find(END, at)
        if end != at:
            self._dots = True
        if end < 0:
            self._scanned = max(len(buffer) - len(END) + 1, 0)
            return None
        return end

    def _store(self, octets: int) -> None:
        """Keep the octets just received, or let go of all but what may begin the end."""
        if self._limit and self.size > self._limit + self._limit // 16 + 1024:
            self.too_large = True
        if not (self.too_large or self.no_room):
            if self._room(octets):
                self.held += octets
            else:
                self.no_room = True
        if self.too_large or self.no_room:
            excess = max(len(self._buffer) - len(END), 0)
            del self._buffer[:excess]
            self._scanned = max(self._scanned - excess, 0)

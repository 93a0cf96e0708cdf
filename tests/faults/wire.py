"""A hostile client and a dying upstream, both played by hand against the running service."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

PATIENCE = 20.0
OFFERS = ("PIPELINING", "SIZE 0", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
MAIL = b"From: Acme <news@acme.fr>\r\nSubject: Prix\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"

Act = Callable[[socket.socket], bytes | None]
"""What is done instead of an answer; octets that it returns are the answer after all."""


def close(line: socket.socket) -> None:
    """Hang up in good order."""
    line.shutdown(socket.SHUT_RDWR)


def reset(line: socket.socket) -> None:
    """Hang up with a RST."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionResetError


def hang(line: socket.socket) -> None:
    """Say nothing for as long as the other side is there."""
    line.settimeout(PATIENCE)
    while line.recv(65536):
        pass


@dataclass
class Taken:
    """One message that the upstream took."""

    sender: bytes
    recipients: list[bytes]
    content: bytes


@dataclass
class Upstream:
    """Does everything right, but for what ``says`` holds under a verb, ``banner`` or ``dot``."""

    offers: tuple[str, ...] = OFFERS
    says: dict[str, bytes | Act] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    offered: int = 0
    """How often a whole message arrived, taken or not."""
    connections: int = 0

    def __post_init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._door.getsockname()[1]
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def behave(self) -> None:
        """Do everything right again, on connections of its own."""
        self.says.clear()
        self.offers = OFFERS
        self.hang_up()
        self.heard.clear()
        self.taken.clear()
        self.offered = 0

    def hang_up(self) -> None:
        """Every connection that stands is closed."""
        for line in self._lines:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._lines.clear()

    def stop(self) -> None:
        """Nobody is there any more."""
        try:
            self._door.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        finally:
            self._door.close()
            self.hang_up()

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines.append(line)
            self.connections += 1
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _say(
        self, line: socket.socket, word: str, usual: bytes, then: Callable[[], object] = bool
    ) -> bytes:
        """Say what is to be said; ``then`` comes before a success is told."""
        answer = self.says.get(word, usual)
        said = answer if isinstance(answer, bytes) else answer(line)
        if said is None:
            return b""
        if said[:1] == b"2":
            then()
        line.sendall(said)
        return said

    def _serve(self, line: socket.socket) -> None:
        try:
            with line, line.makefile("rb") as lines:
                self._say(line, "banner", b"220 up.example ESMTP\r\n")
                self._obey(line, lines.readline)
        except OSError:
            return

    def _obey(self, line: socket.socket, read: Callable[[], bytes]) -> None:
        sender, recipients = b"", list[bytes]()
        while said := read():
            self.heard.append(said.rstrip(b"\r\n"))
            verb = said[:4].decode("ascii", "replace").upper()
            argument = said[said.find(b":") + 1 :].strip()
            if verb == "EHLO":
                *head, last = ("up.example", *self.offers)
                usual = "".join([*(f"250-{w}\r\n" for w in head), f"250 {last}\r\n"]).encode()
                self._say(line, verb, usual)
            elif verb == "DATA":
                usual = b"354 go\r\n" if recipients else b"554 5.5.1 no valid recipients\r\n"
                if self._say(line, verb, usual)[:3] == b"354":
                    content = bytearray()
                    while (piece := read()) != b".\r\n":
                        if not piece:
                            return
                        content += piece.removeprefix(b".")
                    self.offered += 1
                    mail = Taken(sender, recipients, bytes(content))
                    take = partial(self.taken.append, mail)
                    self._say(line, "dot", b"250 2.0.0 Taken\r\n", take)
                sender, recipients = b"", []
            elif verb == "MAIL":
                said = self._say(line, verb, b"250 2.1.0 Ok\r\n")
                sender = argument if said[:1] == b"2" else b""
            elif verb == "RCPT":
                usual = b"250 2.1.5 Ok\r\n" if sender else b"503 5.5.1 MAIL first\r\n"
                self._say(line, verb, usual, partial(recipients.append, argument))
            elif verb == "QUIT":
                self._say(line, verb, b"221 2.0.0 Bye\r\n")
                return
            else:
                sender, recipients = (b"", []) if verb == "RSET" else (sender, recipients)
                self._say(line, verb, b"250 2.0.0 Ok\r\n")


class Client:
    """Speaks by hand."""

    def __init__(self, port: int, hello: bytes = b"EHLO c.example") -> None:
        self.line = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._read = self.line.makefile("rb")
        self.banner = self.reply()
        if hello:
            assert self.ask(hello).startswith(b"250")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up without a word."""
        self._read.close()
        self.line.close()

    def send(self, octets: bytes) -> None:
        """Octets, as they are."""
        self.line.sendall(octets)

    def reply(self) -> bytes:
        """All lines of the next reply; empty when there will be none."""
        lines = b""
        try:
            while line := self._read.readline():
                lines += line
                if line[3:4] != b"-":
                    break
        except ConnectionError:
            return lines
        return lines

    def ask(self, command: bytes) -> bytes:
        """One command and its reply."""
        self.send(command + b"\r\n")
        return self.reply()

    def envelope(self, *recipients: bytes, sender: bytes = b"app@acme.fr") -> list[bytes]:
        """MAIL and RCPT; the replies."""
        asked = [b"MAIL FROM:<" + sender + b">", *(b"RCPT TO:<" + r + b">" for r in recipients)]
        return [self.ask(one) for one in asked]

    def content(self, text: bytes, end: bytes = b"\r\n.\r\n") -> bytes:
        """DATA and a message; the reply to its dot."""
        go = self.ask(b"DATA")
        if not go.startswith(b"354"):
            return go
        self.send(text + end)
        return self.reply()

    def mail(
        self, body: bytes = b"hello", *recipients: bytes, sender: bytes = b"app@acme.fr"
    ) -> bytes:
        """A whole transaction: the first reply that is no success, or the last."""
        for reply in self.envelope(*(recipients or (b"r@client.fr",)), sender=sender):
            if not reply.startswith(b"2"):
                return reply
        return self.content(MAIL + b"\r\n" + body)

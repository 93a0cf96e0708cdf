"""The next hop: an SMTP server that accepts everything and keeps it as files."""

from __future__ import annotations

import itertools
import socketserver
import threading
from pathlib import Path

EXTENSIONS = ("PIPELINING", "SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8")


class Sink(socketserver.ThreadingTCPServer):
    """Listens on a free port of 127.0.0.1; every message becomes ``0001.eml``, ``0002.eml`` ..."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(("127.0.0.1", 0), _Session)
        self.folder = folder
        self.port = int(self.server_address[1])
        self._numbers = itertools.count(1)
        self._kept: list[Path] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def keep(self, octets: bytes) -> str:
        """Write a message down before anybody is told that it arrived; its name."""
        path = self.folder / f"{next(self._numbers):04}.eml"
        path.write_bytes(octets)
        self._kept.append(path)
        return path.name

    @property
    def kept(self) -> tuple[Path, ...]:
        """What arrived, in order."""
        return tuple(self._kept)

    def close(self) -> None:
        """No more mail."""
        self.shutdown()
        self.server_close()


class _Session(socketserver.StreamRequestHandler):
    """One connection; pipelined commands wait in ``rfile``."""

    server: Sink

    def handle(self) -> None:
        self._say("220 sink.example ESMTP")
        while line := self.rfile.readline(4096):
            verb = line[:4].upper().strip()
            if verb == b"EHLO":
                last = len(EXTENSIONS) - 1
                marks = ("-" if n < last else " " for n in range(len(EXTENSIONS)))
                self._say("250-sink.example", *map("250{}{}".format, marks, EXTENSIONS))
            elif verb == b"DATA":
                self._say("354 Go on")
                self._say(f"250 2.0.0 Ok: kept as {self.server.keep(self._content())}")
            elif verb == b"QUIT":
                self._say("221 2.0.0 Bye")
                return
            else:
                self._say("250 2.0.0 Ok")

    def _content(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(line.removeprefix(b".") for line in itertools.takewhile(bool, lines))

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

"""The line between the parent and one worker: whole pickled values, our own on both sides."""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

LENGTH = struct.Struct(">I")


class Channel:
    """One end. Blocking: the parent waits for few words, the worker reads when there are some."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Parent's and worker's end."""
        one, other = socket.socketpair()
        return cls(one), cls(other)

    def fileno(self) -> int:
        """For a selector."""
        return self.end.fileno()

    def send(self, value: object, seconds: float | None = None) -> None:
        """Send one value. ``OSError`` when the other side has gone; ``TimeoutError``."""
        octets = pickle.dumps(value, protocol=5)
        self.end.settimeout(seconds)
        try:
            self.end.sendall(LENGTH.pack(len(octets)) + octets)
        finally:
            self.end.settimeout(None)

    def receive(self, seconds: float | None = None) -> Any:
        """The next value; ``EOFError`` when the other side has gone, ``TimeoutError``."""
        self.end.settimeout(seconds)
        try:
            (length,) = LENGTH.unpack(self._exactly(LENGTH.size))
            return pickle.loads(self._exactly(length))  # noqa: S301 - our own parent or child
        finally:
            self.end.settimeout(None)

    def close(self) -> None:
        """Hang up."""
        self.end.close()

    def _exactly(self, size: int) -> bytes:
        octets = bytearray()
        while len(octets) < size:
            piece = self.end.recv(size - len(octets))
            if not piece:
                raise EOFError
            octets += piece
        return bytes(octets)

"""Clients that send a header and never finish it: an octet a second each, from an address each.

    python -m bench.slow PORT COUNT

Whoever is hung up on comes again at once. Ends when its input does, and writes one line of JSON:
how many were connected at a time, how often the server hung up, and how many seconds the longest
was borne.
"""

from __future__ import annotations

import errno
import json
import resource
import select
import socket
import sys
import time
from contextlib import suppress
from itertools import cycle

DRIP = b"POST /u/x HTTP/1.1\r\nHost: u.acme.example\r\nX-Slow: "


class Slow:
    """One of them."""

    def __init__(self, number: int, port: int) -> None:
        self._number, self._port = number, port
        self.dial()

    def dial(self) -> None:
        """Come again."""
        self.octets = cycle(DRIP)
        self.since = time.monotonic()
        self.line = socket.socket()
        # All of 127.0.0.0/8 is this machine: each is another client to the server's limits.
        self.line.bind((f"127.1.{self._number >> 8}.{self._number & 255}", 0))
        self.line.connect(("127.0.0.1", self._port))
        self.line.setblocking(False)

    def drip(self) -> bool:
        """Send an octet; false when the server has hung up."""
        try:
            with suppress(BlockingIOError):
                if not self.line.recv(4096):
                    return False
            self.line.send(bytes([next(self.octets)]))
        except OSError as error:
            if error.errno not in {errno.ECONNRESET, errno.EPIPE}:
                raise
            return False
        return True


def main(port: int, count: int) -> None:
    """Until the input ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    clients = [Slow(number, port) for number in range(count)]
    print("ready", flush=True)
    closed, longest = 0, 0.0
    while not select.select([sys.stdin], [], [], 0)[0]:
        begun = time.monotonic()
        for one in clients:
            if not one.drip():
                closed += 1
                longest = max(longest, time.monotonic() - one.since)
                one.line.close()
                one.dial()
        time.sleep(max(0.0, begun + 1 - time.monotonic()))
    longest = max([longest, *(time.monotonic() - one.since for one in clients)])
    print(json.dumps({"connected": count, "closed": closed, "longest": round(longest, 1)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

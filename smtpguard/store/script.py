"""A script that the server runs as one step, sent whole once, or once for a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from smtpguard.store.wire import command


class Script:
    """Lua text, and the name under which a server keeps it."""

    def __init__(self, text: str) -> None:
        self._text = text.encode()
        self._name = hashlib.sha1(self._text, usedforsecurity=False).hexdigest()

    @property
    def load(self) -> bytes:
        """The command that makes it known; it goes before the short calls of the same batch."""
        return command(b"SCRIPT", b"LOAD", self._text)

    def call(self, keys: Sequence[bytes], *words: bytes | str | int, short: bool = False) -> bytes:
        """The command that runs it; ``short`` where ``load`` goes before it."""
        verb = (b"EVALSHA", self._name) if short else (b"EVAL", self._text)
        return command(*verb, len(keys), *keys, *words)

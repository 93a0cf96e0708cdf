"""What is said to a store on every new connection, before it is believed.

The server's settings are looked at, its mark is compared with the one this host remembers, and a
new reference key is announced. ``trust`` judges; this asks, and remembers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from enum import Enum

from redis.exceptions import ResponseError

from smtpguard.keys import Keyring
from smtpguard.store import record, trust
from smtpguard.store.errors import StoreSilent, StoreUntrusted
from smtpguard.store.held import Held
from smtpguard.store.settings import Settings
from smtpguard.store.wire import Exchange, Reply, command

READ_MARK = command(b"HGETALL", record.META)
INFO = command(b"INFO")
SIZE = command(b"DBSIZE")
FSYNC = command(b"CONFIG", b"GET", b"appendfsync")


class Founding(Enum):
    """When a store without a mark is given one."""

    NEVER = "never"
    WHEN_EMPTY = "when empty"
    """And this host remembers no other: the embedded store of a new host."""
    ALWAYS = "always"
    """Unless this host remembers another."""
    FORCED = "forced"
    """Whatever this host remembers is forgotten first."""


class Greeting:
    """One store as one host knows it."""

    def __init__(
        self,
        settings: Settings,
        held: Held,
        alarm: Callable[[str], None],
        founding: Founding | None = None,
        *,
        announces: bool = True,
    ) -> None:
        """Raises ``StoreUntrusted`` without a reference key, or when the memory is unreadable."""
        if not held.ring.references:
            raise StoreUntrusted("there is no reference key", "run `smtpguard keys new`")
        usual = Founding.WHEN_EMPTY if settings.embedded else Founding.NEVER
        self._founding = founding or usual
        self._settings = settings
        self._held = held
        self._announces = announces
        self._alarm = alarm
        self._path = trust.memory_path(settings.state)
        forced = founding is Founding.FORCED
        self.memory = trust.Memory() if forced else trust.Memory.load(self._path)
        self._believed: list[bytes] = []
        self.inspected = time.monotonic()
        """When the server was last looked at (monotonic)."""
        self.founded = False
        """The store had no mark before we came."""

    async def greet(self, exchange: Exchange) -> None:
        """Raises ``StoreUntrusted``, or ``StoreSilent`` when the server refuses to answer."""
        if self._founding is not Founding.FORCED:
            self._recall()
        size = await self.inspect(exchange)
        mark = _mark((await exchange([READ_MARK]))[0])
        if mark is None and self._founds(size):
            mark = await _found(exchange)
            self.founded = True
        known = self.recognise(mark)
        newest = self._held.ring.references[0]
        if self._announces and newest.id not in known.keys:
            await exchange([announcement(self._held.ring)])
        if known.generation != self.memory.generation:
            self.memory = trust.Memory(known.generation, size)
            try:
                self.memory.save(self._path)
            except OSError as error:
                raise StoreUntrusted(
                    f"this host cannot remember its store ({error})",
                    f"let it write to {self._settings.state}",
                ) from error

    def judge(self, reply: Reply) -> None:
        """The reply to ``READ_MARK`` that came with a batch; raises ``StoreUntrusted``."""
        if reply != self._believed:
            self.recognise(_mark(reply))
            self._believed = reply

    def recognise(self, mark: trust.Mark | None) -> trust.Mark:
        """``mark``, if it is to be trusted with the keys held; raises ``StoreUntrusted``.

        A key not held here may stand in a file that was copied after we began.
        """
        try:
            return trust.recognise(mark, self.memory, self._held.ring.references)
        except StoreUntrusted:
            if mark is None or not self._held.again():
                raise
        return trust.recognise(mark, self.memory, self._held.ring.references)

    async def inspect(self, exchange: Exchange) -> int:
        """Look at the server's settings and at the number of its keys, which is returned."""
        self.inspected = time.monotonic()
        info, fsync, size = await exchange([INFO, FSYNC, SIZE])
        if isinstance(size, ResponseError):
            raise StoreSilent(f"the store refuses: {size}")
        asserted = self._settings.durability_asserted
        warnings = [trust.judge_count(self.memory.rows, size)]
        if isinstance(info, bytes):
            warnings.append(trust.judge_server(trust.read_info(info), asserted=asserted))
        elif not asserted:
            raise StoreUntrusted(
                f"the server does not say whether it forgets ({info})",
                "allow INFO; where the provider vouches for durability instead, set"
                " store.durability: asserted",
            )
        if isinstance(fsync, list) and fsync and not asserted:
            warnings.append(trust.judge_fsync(fsync[1].decode("ascii", "replace")))
        for warning in filter(None, warnings):
            self._alarm(warning)
        if self.memory.generation and size != self.memory.rows:
            self._recall()
            self.memory = replace(self.memory, rows=size)
            with suppress(OSError):
                self.memory.save(self._path)
        return int(size)

    def _recall(self) -> None:
        """Read again what this host remembers: `store init --force` may have changed it."""
        kept = trust.Memory.load(self._path)
        if kept.generation:
            self.memory = kept

    def _founds(self, size: int) -> bool:
        if self._founding is Founding.WHEN_EMPTY:
            return not size and not self.memory.generation
        return self._founding is not Founding.NEVER and not self.memory.generation


def announcement(ring: Keyring) -> bytes:
    """Tell every host that rows may stand under our newest reference key."""
    newest = ring.references[0]
    field = trust.KEY + newest.id.encode()
    return command(b"HSETNX", record.META, field, newest.fingerprint)


def _mark(reply: Reply) -> trust.Mark | None:
    if isinstance(reply, ResponseError):
        raise StoreSilent(f"the store refuses: {reply}")
    return trust.Mark.read(reply)


async def _found(exchange: Exchange) -> trust.Mark:
    """Of several founders at once one wins, and all get the same mark."""
    replies = await exchange(
        [
            command(b"HSETNX", record.META, b"generation", trust.new_generation()),
            command(b"HSETNX", record.META, b"schema", record.SCHEMA),
            command(b"HSETNX", record.META, b"created", int(time.time())),
            READ_MARK,
        ]
    )
    mark = _mark(next((r for r in replies if isinstance(r, ResponseError)), replies[-1]))
    assert mark is not None, "it was just written"
    return mark

"""What is kept so that what comes back by mail can be believed, and counted.

A message that went out leaves a mark for thirty days: to whom its Message-ID went, as references.
A Message-ID that went to one person alone is known to that person and to whoever they showed it:
mail that names it may speak for them. One that went to several proves nothing, since each of them
could name it for another. Bounces are counted within a window and lapse with it.

=========================================  =====================================================
``sg-sent:{<keyed hash of Message-ID>}``   hash; field: reference of a person, value: ``<seconds>
                                           <brand> <stream>``; a third person is not added
``sg-bounce:{<key id>.<reference>}:<kind>``  sorted set; member: hash of the report, by time
=========================================  =====================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from smtpguard.mail.address import Address
from smtpguard.store import record
from smtpguard.store.store import Store
from smtpguard.store.wire import command

KEPT = 30 * 86_400
"""Seconds for which a message that went out is remembered."""
SPREAD = 2 * 86_400
"""Marks lapse within so many seconds of each other: not all of a mailing in one moment."""
NEAR = 600
"""Seconds between a message and the notice that it gave."""
REPORTS = 100
"""Bounces of one person that are counted apart."""

MARK = """
if redis.call('HLEN', KEYS[1]) < 2 or redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
end
return redis.call('EXPIRE', KEYS[1], ARGV[1])
"""

COUNT = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[2])
redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""

RETRACT = """
local told = redis.call('HGET', KEYS[1], 'c')
local at = told and tonumber(told:match('^(%d+) '))
if not at or math.abs(at - ARGV[1]) > tonumber(ARGV[2]) then return 0 end
return redis.call('HDEL', KEYS[1], 'c')
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What went to one person under one Message-ID."""

    at: int
    """Seconds since the epoch."""
    brand: str
    stream: str
    alone: bool = True
    """It went to nobody else under this Message-ID."""


class Returns:
    """The marks and counts of a store; every method raises ``StoreSilent`` as the store does.

    A view on a ``Store`` of this room: it asks over the same wire.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def mark(
        self, controller: str, message_id: str, people: Sequence[tuple[Address, Sent]]
    ) -> None:
        """Remember that a message went to these people."""
        keys = self._store._keys(controller, f"\0sent\0{message_id}")
        if not keys or not people:
            return
        spread = int(hashlib.sha256(message_id.encode()).hexdigest()[:8], 16) % SPREAD
        commands = []
        for address, sent in people[:2]:
            who = self._store._keys(controller, address.key)[0]
            value = f"{sent.at} {quote(sent.brand, safe='')} {quote(sent.stream, safe='')}"
            key = b"sg-sent:" + record.braced(keys[0])
            commands.append(
                command(b"EVAL", MARK, 1, key, KEPT + spread, record.braced(who), value)
            )
        await self._store._ask(commands)

    async def sent(
        self, controller: str, message_ids: Sequence[str], address: Address
    ) -> Sent | None:
        """The first of these messages that went to that very person, if any."""
        keys = [k for m in message_ids for k in self._store._keys(controller, f"\0sent\0{m}")]
        persons = {record.braced(key) for key in self._store._keys(controller, address.key)}
        replies = await self._store._ask(
            [command(b"HGETALL", b"sg-sent:" + record.braced(key)) for key in keys]
        )
        for reply in replies:
            marks = dict(zip(reply[::2], reply[1::2], strict=False))
            for person in persons & marks.keys():
                if (found := _read(marks[person], alone=len(marks) == 1)) is not None:
                    return found
        return None

    async def bounced(
        self, controller: str, address: Address, kind: str, report: str, *, now: int, window: int
    ) -> int:
        """Count one bounce of a person; how many of that kind there are within ``window`` seconds.

        The same ``report`` counts once, however often it comes.
        """
        key = record.bounce_key(self._store._keys(controller, address.key)[0], kind)
        digest = hashlib.sha256(report.encode("utf-8", "surrogatepass")).digest()[:8]
        count = command(b"EVAL", COUNT, 1, key, now, window, digest, REPORTS)
        return int((await self._store._ask([count]))[0])

    async def retract(self, controller: str, address: Address, at: int) -> bool:
        """The notice given about ``at`` did not arrive; true when there was one to take back."""
        keys = self._store._keys(controller, address.key)
        wanted = [command(b"EVAL", RETRACT, 1, key, at, NEAR) for key in keys]
        return any(await self._store._ask(wanted))


def _read(value: bytes, *, alone: bool) -> Sent | None:
    words = value.decode("utf-8", "replace").split(" ")
    if len(words) != 3 or not words[0].isdigit():
        return None
    return Sent(int(words[0]), unquote(words[1]), unquote(words[2]), alone)

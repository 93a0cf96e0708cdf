"""Rights requests: numbered, with a deadline, and with a day on which they are forgotten.

All of them stand under one hash tag, ``sg-requests:{requests}``: an index by deadline, a hash for
each request, and a note of which request of a person is open, so that asking twice is asking
once. Who asks is sealed by the caller; here it is a text without meaning.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from enum import StrEnum
from urllib.parse import quote

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.store.store import Store
from smtpguard.store.wire import Reply, command

INDEX = b"sg-requests:{requests}"
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter is mistaken for a digit."""

OPEN = """
local had = redis.call('GET', KEYS[3])
if had and redis.call('EXISTS', KEYS[1] .. ':' .. had) == 1 then return had end
if redis.call('EXISTS', KEYS[2]) == 1 then return '' end
redis.call('HSET', KEYS[2], 'open', KEYS[3], unpack(ARGV, 4))
redis.call('EXPIREAT', KEYS[2], ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[1])
redis.call('EXPIREAT', KEYS[3], ARGV[3])
return ARGV[1]
"""

ANSWER = """
local pending = redis.call('HGET', KEYS[1], 'open')
if not pending or redis.call('HEXISTS', KEYS[1], 'done') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'done', ARGV[1])
return redis.call('DEL', pending) and 1
"""


class Kind(StrEnum):
    """What is asked for (GDPR articles 15, 17 and 21)."""

    ACCESS = "access"
    ERASURE = "erasure"
    OBJECTION = "objection"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Times are seconds since the epoch."""

    number: str
    controller: str
    kind: Kind
    opened: int
    due: int
    """The controller's answer must have been given by the end of this day."""
    forgotten: int
    """It is deleted then."""
    sealed: str
    """Who asks; ``unsubscribe.asker`` opens it."""
    done: int = 0
    """When it was answered; 0: not yet."""


def deadline(opened: int) -> int:
    """The end of the day one month later (GDPR article 12(3)), UTC."""
    day = datetime.fromtimestamp(opened, UTC).date()
    year, month = divmod(day.month, 12)
    following = date(day.year + year, month + 1, 1)
    last = (date(following.year + following.month // 12, following.month % 12 + 1, 1)) - timedelta(
        1
    )
    due = min(last, following + timedelta(day.day - 1))
    return int(datetime.combine(due, clock(23, 59, 59), UTC).timestamp())


async def open_request(
    store: Store,
    ring: Keyring,
    controller: str,
    address: Address,
    kind: Kind,
    sealed: str,
    *,
    keep: int,
    now: int | None = None,
) -> tuple[Request, bool]:
    """Open a request, or find the same person's open one; true when it is new.

    It is forgotten ``keep`` seconds from now. Raises ``StoreSilent``.
    """
    opened = int(time.time()) if now is None else now
    key = ring.references[0]
    person = f"{key.id}.{key.reference(controller, address.key)}"
    pending = INDEX + f":open:{quote(controller, safe='')}:{person}:{kind.value}".encode()
    due, forgotten = deadline(opened), opened + keep
    facts = ("controller", controller, "kind", kind.value, "opened", opened)
    limits = ("due", due, "forgotten", forgotten, "sealed", sealed)
    while True:
        number = _number(opened)
        keys = (INDEX, _key(number), pending)
        words = (number, due, forgotten, *facts, *limits)
        (answer,) = await store.keep([command(b"EVAL", OPEN, len(keys), *keys, *words)])
        if answer == number.encode():
            return Request(number, controller, kind, opened, due, forgotten, sealed), True
        if answer and (found := await show(store, answer.decode())):
            return found, False


async def show(store: Store, number: str) -> Request | None:
    """The request of that number, unless it was never opened or is forgotten."""
    (reply,) = await store.ask([command(b"HGETALL", _key(number))])
    return _request(number, reply)


async def every(store: Store) -> AsyncIterator[Request]:
    """All requests, those due first coming first; what is forgotten leaves the index."""
    (numbers,) = await store.ask([command(b"ZRANGE", INDEX, 0, -1)])
    for octets in numbers:
        found = await show(store, octets.decode())
        if found is not None:
            yield found
        else:
            await store.ask([command(b"ZREM", INDEX, octets)])


async def answered(store: Store, number: str, now: int | None = None) -> bool:
    """Note that the controller has answered; false when there is no such open request."""
    at = int(time.time()) if now is None else now
    # In one step: a request forgotten meanwhile must not leave a hash that is kept for ever.
    (done,) = await store.keep([command(b"EVAL", ANSWER, 1, _key(number), at)])
    return bool(done)


def _key(number: str) -> bytes:
    return INDEX + b":" + number.encode()


def _number(opened: int) -> str:
    """``R-261123-7K3MQX``."""
    day = datetime.fromtimestamp(opened, UTC).strftime("%y%m%d")
    return f"R-{day}-{''.join(secrets.choice(DIGITS) for _ in range(6))}"


def _request(number: str, reply: Reply) -> Request | None:
    said = dict(zip(reply[::2], reply[1::2], strict=True))
    if b"sealed" not in said:
        return None
    return Request(
        number,
        said[b"controller"].decode(),
        Kind(said[b"kind"].decode()),
        int(said[b"opened"]),
        int(said[b"due"]),
        int(said[b"forgotten"]),
        said[b"sealed"].decode(),
        int(said.get(b"done", 0)),
    )

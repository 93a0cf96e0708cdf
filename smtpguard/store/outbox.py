"""What the company must hear of, until it has heard.

An event is one job: taken by one process at a time, put off after a failure, laid aside as dead
when its last try has failed, and forgotten a while later. It names a person, so it is sealed with
the link key, as the link was that it came from.

==========================  ====================================================================
``sg-outbox:{outbox}``      sorted set; member: id of a job, score: when it is due
``sg-outbox:{outbox}:job``  hash; id of a job: ``<key id octet> <sealed JSON>``
``sg-outbox:{outbox}:dead``  sorted set; id of a job that was given up, by when
==========================  ====================================================================
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smtpguard.keys import Keyring
from smtpguard.person import Suppression
from smtpguard.store.wire import command

if TYPE_CHECKING:
    from smtpguard.store.store import Store

CREATED = "suppression.created"
LIFTED = "suppression.lifted"

DUE = b"sg-outbox:{outbox}"
JOBS = DUE + b":job"
DEAD = DUE + b":dead"
PURPOSE = b"smtpguard event"
MOST = 100_000
"""Jobs that wait at a time; beyond it the oldest are dropped."""
LEASE = 120
"""Seconds for which whoever took a job has it."""
KEPT = 30 * 86_400
"""Seconds after which a dead job is forgotten."""

ADD = """
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[4])
if over > 0 then
  local old = redis.call('ZPOPMIN', KEYS[1], over)
  for i = 1, #old, 2 do redis.call('HDEL', KEYS[2], old[i]) end
end
return 1
"""
TAKE = """
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1] - ARGV[4])) do
  redis.call('ZREM', KEYS[3], id)
  redis.call('HDEL', KEYS[2], id)
end
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[2], id)
  taken[#taken + 1] = id
  taken[#taken + 1] = redis.call('HGET', KEYS[2], id) or ''
end
return taken
"""

Event = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Job:
    """One event on its way."""

    id: str
    event: Event
    at: int
    """When it happened, seconds since the epoch."""
    tries: int = 0
    done: tuple[str, ...] = ()
    """URLs that have heard."""
    fault: str = ""
    """Why the last try failed."""
    due: int = field(default=0, compare=False)
    """When it is tried again; when it was given up, of a dead one."""


def suppression(kind: str, controller: str, one: Suppression, recipient: str) -> Event:
    """``suppression.created`` or ``suppression.lifted``; ``recipient`` is empty where unknown."""
    said = {
        "type": kind,
        "controller": controller,
        "brand": one.scope.brand,
        "stream": one.scope.stream,
        "reason": one.reason.value,
        "channel": one.channel,
        "at": one.at,
    }
    return {**said, "recipient": recipient} if recipient else said


def addition(ring: Keyring, event: Event) -> bytes:
    """The command that puts an event out. Raises ``LookupError`` without a link key."""
    job = Job(f"msg_{secrets.token_hex(12)}", event, int(event["at"]))
    return command(b"EVAL", ADD, 2, DUE, JOBS, job.id, job.at, _seal(ring, job), MOST)


class Outbox:
    """The jobs of a store; every method raises ``StoreSilent`` as the store does."""

    def __init__(self, store: Store, ring: Keyring) -> None:
        self._store = store
        self._ring = ring

    async def take(self, most: int = 20, now: int | None = None) -> list[Job]:
        """Jobs that are due; nobody else gets them for ``LEASE`` seconds."""
        at = int(time.time()) if now is None else now
        keys = (DUE, JOBS, DEAD)
        take = command(b"EVAL", TAKE, len(keys), *keys, at, LEASE, most, KEPT)
        (taken,) = await self._store.ask([take])
        found = []
        for name, octets in zip(taken[::2], taken[1::2], strict=True):
            job = self._open(name, octets, at)
            if job is not None:
                found.append(job)
            elif not octets:
                await self._store.ask([command(b"ZREM", DUE, name)])
        return found

    async def put_off(self, job: Job, due: int) -> None:
        """Try again then."""
        sealed = _seal(self._ring, job)
        keep = command(b"HSET", JOBS, job.id, sealed)
        await self._store.ask([keep, command(b"ZADD", DUE, due, job.id)])

    async def give_up(self, job: Job, now: int) -> None:
        """Lay it aside, where an operator finds it."""
        keep = command(b"HSET", JOBS, job.id, _seal(self._ring, job))
        aside = command(b"ZADD", DEAD, now, job.id)
        await self._store.ask([keep, aside, command(b"ZREM", DUE, job.id)])

    async def finish(self, job: Job) -> None:
        """Everybody has heard."""
        await self._store.ask([command(b"ZREM", DUE, job.id), command(b"HDEL", JOBS, job.id)])

    async def listed(self, *, dead: bool) -> list[Job]:
        """Jobs that wait, or those given up, the oldest first; those under a lost key are not."""
        asked = command(b"ZRANGE", DEAD if dead else DUE, 0, -1, b"WITHSCORES")
        (pairs,) = await self._store.ask([asked])
        names = pairs[::2]
        octets = await self._store.ask([command(b"HGET", JOBS, name) for name in names])
        jobs = [
            self._open(name, found or b"", int(float(due)))
            for name, due, found in zip(names, pairs[1::2], octets, strict=True)
        ]
        return [job for job in jobs if job is not None]

    async def revive(self, job: Job, now: int) -> None:
        """Begin again with a job that was given up; who has heard is not told twice."""
        await self.put_off(Job(job.id, job.event, job.at, 0, job.done), now)
        await self._store.ask([command(b"ZREM", DEAD, job.id)])

    def _open(self, name: bytes, octets: bytes, due: int) -> Job | None:
        key = self._ring.link(octets[0]) if octets else None
        plain = key.open(octets[1:], PURPOSE) if key is not None else None
        if plain is None:
            return None
        said = json.loads(plain)
        facts = said["event"], said["at"], said["tries"], tuple(said["done"]), said["fault"]
        return Job(name.decode(), *facts, due=due)


def _seal(ring: Keyring, job: Job) -> bytes:
    if not ring.links:
        raise LookupError("the key ring holds no link key")
    said = {
        "event": dict(job.event),
        "at": job.at,
        "tries": job.tries,
        "done": job.done,
        "fault": job.fault,
    }
    key = ring.links[0]
    return bytes([key.id]) + key.seal(json.dumps(said).encode(), PURPOSE)

"""What the company must hear of, until it has heard.

An event is one job: taken by one process at a time, put off after a failure, laid aside as dead
when its last try has failed, and forgotten a while later. What an opt-out has to tell is put out
before the opt-out is written, in the same breath, and held until it is known to be news: whatever
dies in between, the company hears of it. An event names a person, so it is sealed with
the link key, as the link was that it came from. There are two boxes: what goes out as webhooks,
and the letters to owners of streams.

==========================  ====================================================================
``sg-outbox:{outbox}``      sorted set; member: id of a job, score: when it is due
``sg-outbox:{outbox}:job``  hash; id of a job: ``<key id octet> <sealed JSON>``
``sg-outbox:{outbox}:dead``  sorted set; id of a job that was given up, by when
``sg-letter:{outbox}`` ...  the same for letters
==========================  ====================================================================
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smtpguard.keys import Keyring
from smtpguard.person import Conflict, Suppression
from smtpguard.store.wire import command

if TYPE_CHECKING:
    from smtpguard.store.store import Store, Who

CREATED = "suppression.created"
LIFTED = "suppression.lifted"
CONFLICT = "suppression.conflict"

PURPOSE = b"smtpguard event"
PORTION = 500
"""Jobs that are read at a time: a list of them all would be too long for one answer."""
MOST = 100_000
"""Jobs that wait at a time: beyond it no more are put out. As many dead ones are kept, the last."""
HELD = 3
"""Seconds for which an event is held that may be no news."""
FULL = f"{MOST} events wait already, or there is no link key"
"""Why somebody is not told."""
LEASE = 120
"""Seconds for which whoever took a job has it."""
AHEAD = 2 * 86_400
"""Seconds: what is due later than that was put off by a clock that was wrong."""
KEPT = 30 * 86_400
"""Seconds after which a dead job is forgotten."""

ADD = """
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 2 end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return 1
"""
GIVE_UP = """
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
local old = redis.call('ZRANGE', KEYS[3], 0, -1 - ARGV[4])
for _, id in ipairs(old) do
  redis.call('ZREM', KEYS[3], id)
  redis.call('HDEL', KEYS[2], id)
end
"""
TAKE = """
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1] - ARGV[4])) do
  redis.call('ZREM', KEYS[3], id)
  redis.call('HDEL', KEYS[2], id)
end
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1] + ARGV[5], '+inf')) do
  redis.call('ZADD', KEYS[1], ARGV[1], id)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[2], id)
  taken[#taken + 1] = id
  taken[#taken + 1] = redis.call('HGET', KEYS[2], id) or ''
end
return taken
"""

Event = Mapping[str, Any]
"""What happened: ``type``, ``controller``, ``at`` and whatever else JSON holds."""


Maker = Callable[["Who", Suppression], Event]
"""Makes an event of somebody, and of what stands against writing to them."""

NO_IDS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Box:
    """Where jobs of one kind lie."""

    due: bytes

    @property
    def jobs(self) -> bytes:
        """What they say."""
        return self.due + b":job"

    @property
    def dead(self) -> bytes:
        """Those that were given up."""
        return self.due + b":dead"


HOOKS = Box(b"sg-outbox:{outbox}")
LETTERS = Box(b"sg-letter:{outbox}")


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


def suppression(
    kind: str,
    controller: str,
    one: Suppression,
    recipient: str,
    ids: Mapping[str, str] = NO_IDS,
) -> Event:
    """``suppression.created`` or ``suppression.lifted``; ``recipient`` is empty where unknown.

    ``ids`` is what the sender called reader and mailing (``Ticket.ids``).
    """
    said = {
        "type": kind,
        "controller": controller,
        "brand": one.scope.brand,
        "stream": one.scope.stream,
        "reason": one.reason.value,
        "channel": one.channel,
        "at": one.at,
        **ids,
    }
    return {**said, "recipient": recipient} if recipient else said


def conflict(
    controller: str, one: Conflict, recipient: str, ids: Mapping[str, str] = NO_IDS
) -> Event:
    """``suppression.conflict``: a consent and an opt-out contradict each other."""
    said = {
        "type": CONFLICT,
        "controller": controller,
        "brand": one.scope.brand,
        "stream": one.scope.stream,
        "reason": one.reason.value,
        "channel": one.channel,
        "at": one.recorded,
        "kind": one.kind.value,
        "opted_out": one.said,
        "consented": one.consent,
        **ids,
    }
    said |= {"link": one.epoch} if one.epoch else {}
    return {**said, "recipient": recipient} if recipient else said


def recipient(who: Who) -> bytes:
    """Somebody as a webhook names them; a domain is ``@example.com``."""
    return b"@" + who.encode() if isinstance(who, str) else bytes(who)


def created(controller: str, ids: Mapping[str, str] = NO_IDS) -> Maker:
    """Makes the event of whoever leaves that controller."""

    def make(who: Who, one: Suppression) -> Event:
        return suppression(CREATED, controller, one, recipient(who).decode("utf-8", "replace"), ids)

    return make


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is put out before it is known to be news."""

    id: str
    at: int
    addition: bytes
    """The command that puts it out; it replies 0 where too many wait, and 2 where it did so before,
    and whoever asked was not answered."""

    def settled(self, *, news: bool) -> list[bytes]:
        """The commands after it is known."""
        if news:
            return [command(b"ZADD", HOOKS.due, b"XX", self.at, self.id)]
        return _forgotten(HOOKS, self.id)


def draft(ring: Keyring, event: Event, now: int) -> Draft:
    """One that nobody takes for ``HELD`` seconds. Raises ``LookupError`` without a link key."""
    name, at, octets = posted(ring, event)
    return Draft(name, at, _addition(name, now + HELD, octets))


def addition(ring: Keyring, event: Event) -> bytes:
    """The command that puts an event out; it replies 0 where too many wait. ``LookupError``."""
    return _addition(*posted(ring, event))


def _addition(name: str, due: int, octets: bytes) -> bytes:
    return command(b"EVAL", ADD, 2, HOOKS.due, HOOKS.jobs, name, due, octets, MOST)


def _forgotten(box: Box, name: str) -> list[bytes]:
    """What it says goes first: an id without a job is noticed, a job without an id never."""
    return [command(b"HDEL", box.jobs, name), command(b"ZREM", box.due, name)]


def posted(ring: Keyring, event: Event) -> tuple[str, int, bytes]:
    """A new job as it is written: its id, when it is due, its octets. ``LookupError`` likewise."""
    job = Job(f"msg_{secrets.token_hex(12)}", event, int(event["at"]))
    return job.id, job.at, _seal(ring, job)


class Outbox:
    """The jobs of a store; every method raises ``StoreSilent`` as the store does."""

    def __init__(self, store: Store, ring: Keyring, box: Box = HOOKS) -> None:
        self._store = store
        self._ring = ring
        self._box = box

    async def take(self, most: int = 20, now: int | None = None) -> list[Job]:
        """Jobs that are due; nobody else gets them for ``LEASE`` seconds."""
        at = int(time.time()) if now is None else now
        keys = (self._box.due, self._box.jobs, self._box.dead)
        take = command(b"EVAL", TAKE, len(keys), *keys, at, LEASE, most, KEPT, AHEAD)
        (taken,) = await self._store.ask([take])
        found = []
        for name, octets in zip(taken[::2], taken[1::2], strict=True):
            job = self._open(name, octets, at)
            if job is not None:
                found.append(job)
            elif not octets:
                await self._store.ask([command(b"ZREM", self._box.due, name)])
        return found

    async def put_off(self, job: Job, due: int) -> None:
        """Try again then."""
        sealed = _seal(self._ring, job)
        keep = command(b"HSET", self._box.jobs, job.id, sealed)
        await self._store.ask([keep, command(b"ZADD", self._box.due, due, job.id)])

    async def give_up(self, job: Job, now: int) -> None:
        """Lay it aside, where an operator finds it."""
        keys = (self._box.due, self._box.jobs, self._box.dead)
        words = (job.id, now, _seal(self._ring, job), MOST)
        await self._store.ask([command(b"EVAL", GIVE_UP, len(keys), *keys, *words)])

    async def finish(self, job: Job) -> None:
        """Everybody has heard."""
        await self._store.ask(_forgotten(self._box, job.id))

    async def listed(self, *, dead: bool) -> list[Job]:
        """Jobs that wait, or those given up, the oldest first; those under a lost key are not."""
        asked = command(b"ZRANGE", self._box.dead if dead else self._box.due, 0, -1, b"WITHSCORES")
        (pairs,) = await self._store.ask([asked])
        names = pairs[::2]
        octets: list[bytes | None] = []
        for start in range(0, len(names), PORTION):
            some = command(b"HMGET", self._box.jobs, *names[start : start + PORTION])
            octets += (await self._store.ask([some]))[0]
        jobs = [
            self._open(name, found or b"", int(float(due)))
            for name, due, found in zip(names, pairs[1::2], octets, strict=True)
        ]
        return [job for job in jobs if job is not None]

    async def depth(self) -> tuple[int, int]:
        """How many jobs wait, and how many were given up."""
        asked = [command(b"ZCARD", self._box.due), command(b"ZCARD", self._box.dead)]
        waiting, given_up = await self._store.ask(asked)
        return int(waiting), int(given_up)

    async def revive(self, job: Job, now: int) -> None:
        """Begin again with a job that was given up; who has heard is not told twice."""
        await self.put_off(Job(job.id, job.event, job.at, 0, job.done), now)
        await self._store.ask([command(b"ZREM", self._box.dead, job.id)])

    def _open(self, name: bytes, octets: bytes, due: int) -> Job | None:
        key = self._ring.link(octets[0]) if octets else None
        plain = key.open(octets[1:], PURPOSE) if key is not None else None
        if plain is None:
            return None
        try:
            said = json.loads(plain)
            facts = said["event"], said["at"], said["tries"], tuple(said["done"]), said["fault"]
        except (ValueError, LookupError, TypeError):  # another version's
            return None
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

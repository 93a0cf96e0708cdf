"""What holds mail up, as all workers and machines know it, and who has been told of it.

Every worker says once a second what it refused or put off, and hears in the same breath what is
held up anywhere: so one worker's pause is everybody's, and no lookup of a mail pays for it. A
trouble is open while more than ``after`` of its kind were counted within ``span`` seconds. What
is owed to the stream's owner is decided here, in one script each, so that only one worker tells.

==============================  ================================================================
``sg-trouble:{outbox}``         hash; id of a trouble: JSON, the fields below
``sg-trouble:{outbox}:due``     sorted set; id, by when its owner is owed a word
==============================  ================================================================

``b`` counts by slot of time; ``after``, ``span``; ``since`` when it began, ``ended``; ``said``
whether the owner knows that it began, ``told`` when they last heard of a beginning; ``n`` by
stream and fault: refused, put off, the reply's code. The braces are those of the outbox: what is
told, and that it was told, is written in one step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from smtpguard.keys import Keyring
from smtpguard.store import outbox
from smtpguard.store.outbox import HOOKS, LETTERS, Event
from smtpguard.store.store import Store
from smtpguard.store.wire import command

RECORDS = b"sg-trouble:{outbox}"
DUE = RECORDS + b":due"
SLOTS = 20
"""Into so many slots of time a span is cut."""
LEASE = 120
"""Seconds for which whoever took a trouble to tell of it has it."""
KEPT = 30 * 86_400
"""Seconds after which an ended trouble that nobody could tell of is forgotten."""

WATCH = """
local now, settle, spacing = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4])
local quiet, again, kept = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local rows, records, notes = redis.call('HGETALL', KEYS[1]), {}, {}
for i = 1, #rows, 2 do records[rows[i]] = cjson.decode(rows[i + 1]) end
for _, note in ipairs(cjson.decode(ARGV[2])) do
  notes[note.id] = note
  records[note.id] = records[note.id] or {b = {}, n = {}}
end
local open, begun, ended = {}, {}, {}
for id, r in pairs(records) do
  local note = notes[id]
  local touched = note ~= nil
  if note then
    r.after, r.span, r.step = note.after, note.span, note.step
    local slot = tostring(math.floor(now / r.step) * r.step)
    r.b[slot] = (r.b[slot] or 0) + note.count
  end
  local total = 0
  for slot, count in pairs(r.b) do
    if tonumber(slot) + r.step <= now - r.span then
      r.b[slot] = nil
      touched = true
    else
      total = total + count
    end
  end
  local active = total > r.after
  if active and not r.since then
    r.since, r.n = now, {}
    if note and note.seed then r.n[note.seed] = {total - note.count, 0, ''} end
    redis.call('ZADD', KEYS[2], math.max(now + settle, (r.told or 0) + spacing), id)
    begun[#begun + 1] = id
    touched = true
  elseif active and r.ended then
    r.ended = nil
    if r.said then redis.call('ZADD', KEYS[2], now + again, id) end
    touched = true
  elseif not active and r.since and not r.ended then
    r.ended = now
    if r.said then redis.call('ZADD', KEYS[2], now + quiet, id) end
    ended[#ended + 1] = id
    touched = true
  end
  if note and r.since then
    for name, more in pairs(note.n) do
      local had = r.n[name] or {0, 0, ''}
      r.n[name] = {had[1] + more[1], had[2] + more[2], more[3]}
    end
  end
  if active then open[#open + 1] = id end
  local silent = not r.since and total == 0 and (r.told or 0) + spacing <= now
  if silent or (r.ended and r.ended + kept <= now) then
    redis.call('HDEL', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
  elseif touched then
    redis.call('HSET', KEYS[1], id, cjson.encode(r))
  end
end
local owed = redis.call('ZCOUNT', KEYS[2], '-inf', now)
return {open, begun, ended, owed, redis.call('ZCOUNT', KEYS[3], '-inf', now)}
"""
"""Count, open and end; ``KEYS``: records, due, letters that are due."""

TAKE = """
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 20)) do
  local row = redis.call('HGET', KEYS[1], id)
  if row then
    redis.call('ZADD', KEYS[2], ARGV[1] + ARGV[2], id)
    taken[#taken + 1] = id
    taken[#taken + 1] = row
  else
    redis.call('ZREM', KEYS[2], id)
  end
end
return taken
"""

TELL = """
local now, quiet, again = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local id, since, said, ended = ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1', tonumber(ARGV[7])
local row = redis.call('HGET', KEYS[1], id)
local r = row and cjson.decode(row) or {}
if r.since ~= since or (r.said or false) ~= said or (said and (r.ended or 0) ~= ended) then
  return 0
end
if not said then r.told = now end
if ended > 0 and r.ended == ended then
  r.since, r.ended, r.said, r.n = nil, nil, nil, {}
  redis.call('ZREM', KEYS[2], id)
else
  r.said = true
  redis.call('ZADD', KEYS[2], r.ended and r.ended + quiet or now + again, id)
end
redis.call('HSET', KEYS[1], id, cjson.encode(r))
local place = {hook = 3, letter = 5}
for i = 8, #ARGV, 4 do
  local at = place[ARGV[i]]
  redis.call('HSET', KEYS[at + 1], ARGV[i + 1], ARGV[i + 3])
  redis.call('ZADD', KEYS[at], ARGV[i + 2], ARGV[i + 1])
end
return 1
"""
"""Say that it is told, and put out what is told; nothing where another has done so meanwhile."""


class Cause(StrEnum):
    """Why mail does not leave."""

    PAUSED = "paused"
    """Too many refusals for one fault: the rest is put off."""
    HELD = "held"
    """The stream puts off what it would refuse (``refuse_with: defer``)."""
    EXIT = "exit-silent"
    """The exit pages do not answer."""


class Name(NamedTuple):
    """Which trouble; the store's id of it is its ``str()``."""

    cause: Cause
    controller: str
    subject: str
    """The stream, or the URL of the exit."""
    fault: str = ""
    """``unrendered-placeholder``, with its suffix; empty for an exit."""

    def __str__(self) -> str:
        return " ".join(quote(word, safe="") for word in self)

    @classmethod
    def read(cls, written: bytes) -> Name:
        """Of the store's id."""
        cause, *rest = map(unquote, written.decode().split(" "))
        return cls(Cause(cause), *rest)


@dataclass(slots=True)
class Count:
    """Mails of one stream that did not leave for one fault."""

    refused: int = 0
    deferred: int = 0
    code: str = ""
    """Of the refusal, as the page behind a bounce shows it: ``550 5.6.0``."""


Counts = Mapping[tuple[str, str], Count]
"""By stream and fault."""


@dataclass(slots=True)
class Note:
    """What one worker counted of one trouble since it last said so."""

    name: Name
    after: int
    span: int
    """Seconds."""
    count: int = 0
    counts: dict[tuple[str, str], Count] = field(default_factory=dict)

    def written(self) -> dict[str, Any]:
        """As the script reads it."""
        said = {
            "id": str(self.name),
            "after": self.after,
            "span": self.span,
            "step": max(1, self.span // SLOTS),
            "count": self.count,
            "n": {
                " ".join(key): [one.refused, one.deferred, one.code]
                for key, one in self.counts.items()
            },
        }
        # What opened it was refused before anybody was in trouble.
        return said | ({"seed": " ".join(next(iter(self.counts)))} if self._refuses else {})

    @property
    def _refuses(self) -> bool:
        return self.name.cause is Cause.PAUSED and len(self.counts) == 1


@dataclass(frozen=True, slots=True)
class Pace:
    """How often an owner is written to; all in seconds."""

    spacing: int = 3600
    """Between two beginnings of the same trouble that are told."""
    settle: int = 60
    """From a beginning to the word about it, so that it says how much."""
    quiet: int = 300
    """For which a trouble must have ended before that is told."""
    again: int = 86_400
    """Between two words about one that lasts."""

    @classmethod
    def of(cls, window: float) -> Pace:
        """With ``window`` seconds between two words about one thing, at most one sooner."""
        spacing = max(1, int(window))
        return cls(spacing, min(60, spacing), min(300, spacing), max(86_400, spacing))


PACE = Pace()


@dataclass(frozen=True, slots=True)
class Heard:
    """What is held up now, on any worker; and what began or ended with these very notes."""

    open: frozenset[Name] = frozenset()
    begun: tuple[Name, ...] = ()
    ended: tuple[Name, ...] = ()
    owed: int = 0
    """Troubles of which an owner is owed a word."""
    letters: int = 0
    """Letters that are due."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble, with what is to be told of it."""

    name: Name
    since: int
    """Seconds since the epoch."""
    ended: int = 0
    """When; 0 while it lasts."""
    said: bool = False
    """The owner knows that it began."""
    counts: Counts = field(default_factory=dict)


class Troubles:
    """Those of a store; every method raises ``StoreSilent`` as the store does."""

    def __init__(self, store: Store, pace: Pace = PACE) -> None:
        self._store = store
        self._pace = pace

    async def watch(self, notes: Iterable[Note], now: int) -> Heard:
        """Say what was counted; hear what is held up."""
        pace = self._pace
        said = json.dumps([note.written() for note in notes])
        times = (pace.settle, pace.spacing, pace.quiet, pace.again, KEPT)
        keys = (RECORDS, DUE, LETTERS.due)
        watch = command(b"EVAL", WATCH, len(keys), *keys, now, said, *times)
        ((open_, begun, ended, owed, letters),) = await self._store.ask([watch])
        return Heard(
            frozenset(map(Name.read, open_)),
            tuple(map(Name.read, begun)),
            tuple(map(Name.read, ended)),
            owed,
            letters,
        )

    async def take(self, now: int) -> list[Trouble]:
        """Those of which an owner is owed a word; nobody else gets them for ``LEASE`` seconds."""
        (taken,) = await self._store.ask([command(b"EVAL", TAKE, 2, RECORDS, DUE, now, LEASE)])
        return _troubles(taken)

    async def told(
        self,
        trouble: Trouble,
        ring: Keyring,
        now: int,
        *,
        hooks: Sequence[Event] = (),
        letters: Sequence[Event] = (),
    ) -> bool:
        """Put out what is told of it; false where another worker has, or where it is over.

        Raises ``LookupError`` without a link key.
        """
        keys = (RECORDS, DUE, HOOKS.due, HOOKS.jobs, LETTERS.due, LETTERS.jobs)
        words: list[bytes | str | int] = [now, self._pace.quiet, self._pace.again]
        words += [str(trouble.name), trouble.since, int(trouble.said), trouble.ended]
        for box, events in (("hook", hooks), ("letter", letters)):
            for event in events:
                words += [box, *outbox.posted(ring, event)]
        (done,) = await self._store.ask([command(b"EVAL", TELL, len(keys), *keys, *words)])
        return bool(done)

    async def listed(self) -> list[Trouble]:
        """All that were not closed, the oldest first."""
        (rows,) = await self._store.ask([command(b"HGETALL", RECORDS)])
        return sorted(_troubles(rows), key=lambda one: one.since)


def _troubles(rows: Sequence[bytes]) -> list[Trouble]:
    found = []
    for name, row in zip(rows[::2], rows[1::2], strict=True):
        said = json.loads(row)
        if since := said.get("since"):
            counts = {_pair(key): Count(*values) for key, values in said["n"].items()}
            ended, known = int(said.get("ended", 0)), bool(said.get("said"))
            found.append(Trouble(Name.read(name), int(since), ended, known, counts))
    return found


def _pair(written: str) -> tuple[str, str]:
    stream, _, fault = written.partition(" ")
    return stream, fault

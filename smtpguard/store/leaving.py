"""How an opt-out is written, and how a person is forgotten: one script each on one person.

An opt-out always stands, however old the link or the claim that it came by. The first of two equal
ones is kept, with when it was said last, because a consent must be later than that. Where its
epoch is older than a consent on record, the two contradict each other, which is noted beside the
consents (``consent``).
"""

from __future__ import annotations

from dataclasses import dataclass

from smtpguard.person import Conflict, ConflictKind, OptOut
from smtpguard.store import record
from smtpguard.store.script import Script
from smtpguard.store.wire import Reply

COVERS = """
local function covers(brand, stream, other_brand, other_stream)
  if stream ~= '' then return stream == other_stream end
  return brand == '' or brand == other_brand
end
local function related(b, s, other_b, other_s)
  return covers(b, s, other_b, other_s) or covers(other_b, other_s, b, s)
end
"""
"""``Scope.covers`` for the scripts; names are quoted, so that equal ones are equal octets."""

OPT_OUT = Script(f"""{COVERS}
local prefix, what, at, channel, said, epoch, brand, stream, now = unpack(ARGV)
local name, last = prefix .. ':' .. what, 'l:' .. what
local new = redis.call('HSETNX', KEYS[1], name, at .. ':' .. channel)
if new == 0 or said ~= at then
  local known = redis.call('HGET', KEYS[1], last)
  known = known or redis.call('HGET', KEYS[1], name):match('^%d+') or 0
  if tonumber(said) > tonumber(known) then redis.call('HSET', KEYS[1], last, said) end
end
epoch = tonumber(epoch)
if new == 0 or epoch == 0 or redis.call('EXISTS', KEYS[2]) == 0 then return {{new}} end
local latest = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  local b, s, given = field:match('^y:([^:]*):([^:]*):(%d+)$')
  given = given and tonumber(given)
  if given and given > epoch and given > latest and related(b, s, brand, stream) then
    latest = given
  end
end
if latest == 0 then return {{new}} end
local conflict = string.format('x:old-link:%s:%d:%d', what, epoch, latest)
local value = string.format('%s %s %d %s', now, at, epoch, channel)
return {{new, latest, redis.call('HSETNX', KEYS[2], conflict, value)}}
""")

FORGET = Script("""
local gone = 0
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not name:match('^[sdl]:') then gone = gone + redis.call('HDEL', KEYS[1], name) end
end
return gone
""")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of an opt-out."""

    new: bool
    """Nothing equal stood before."""
    conflict: Conflict | None = None
    """With a consent, where that was not known before."""
    untold: bool = False
    """It is news that the company will not hear of: too much waits, or there is no link key."""


def opt_out(key: bytes, wish: OptOut, *, domain: bool, now: int, short: bool) -> bytes:
    """Write it to the record of ``key``; ``read_opt_out`` reads the reply."""
    one = wish.suppression
    prefix, _, what = record.suppression_field(one.reason, one.scope, domain=domain).partition(b":")
    said = max(one.at, wish.said)
    where = record.scope_words(one.scope)
    words = (prefix, what, one.at, one.channel, said, wish.epoch, *where, now)
    return OPT_OUT.call((key, record.consent_key(key)), *words, short=short)


def read_opt_out(reply: Reply, wish: OptOut, now: int, *, known: bool) -> Recorded:
    """What the script of ``opt_out`` said; ``known``: it stands under an older key."""
    written, *more = reply
    new = bool(written) and not known
    if not more or not more[1]:
        return Recorded(new)
    one = wish.suppression
    conflict = Conflict(
        ConflictKind.OLD_LINK,
        one.reason,
        one.scope,
        one.at,
        more[0],
        wish.epoch,
        one.channel,
        now,
    )
    return Recorded(new, conflict)


def forget(key: bytes) -> bytes:
    """Forget all but what stands against writing; replies how many facts went."""
    return FORGET.call((key,))

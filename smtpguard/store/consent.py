"""Consents that can be proved, and what contradicts them.

A consent counts once, when it is recorded. It re-opens the objections that it covers and that were
said before it was given, and nothing else: what stands against it otherwise stays, and the
contradiction is noted. All of a person lies in one hash beside their record, on the same node:
``sg-consent:<controller>:{<key id>.<reference>}``, which no lookup of a mail asks for.

===============================================  =============================================
``y:<brand>:<stream>:<given>``                   a consent: ``[proof, source, by, recorded]``
``x:<kind>:<reason>:<brand>:<stream>:<t>:<given>``  a conflict with the consent of ``given``:
                                                 ``<recorded> <said> <epoch> <channel>``; ``t``
                                                 is the epoch of an old link, else ``said``
===============================================  =============================================
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from smtpguard.mail.address import Address
from smtpguard.person import Conflict, ConflictKind, Consent, Reason, Scope, Suppression
from smtpguard.store import record
from smtpguard.store.leaving import COVERS
from smtpguard.store.script import Script
from smtpguard.store.wire import Reply, command

if TYPE_CHECKING:
    from smtpguard.store.store import Store

MAY_REOPEN = frozenset({Reason.COMPLAINT, Reason.ERASURE})
"""Reasons other than an objection that the operator may let a consent re-open."""

ADD = Script(f"""{COVERS}
local brand, stream, given, value, now, because, older = unpack(ARGV)
if older == '1' and redis.call('EXISTS', KEYS[1]) == 0 then return {{0}} end
local name = string.format('y:%s:%s:%s', brand, stream, given)
if redis.call('HSETNX', KEYS[2], name, value) == 0 then return {{0}} end
given = tonumber(given)
local may, held, found = {{}}, {{}}, {{1}}
for i = 8, #ARGV do may[ARGV[i]] = true end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do held[all[i]] = all[i + 1] end
for i = 1, #all, 2 do
  local what, reason, b, s = all[i]:match('^s:(([^:]*):([^:]*):([^:]*))$')
  if what and related(brand, stream, b, s) then
    local first, channel = all[i + 1]:match('^(%d+):(.*)$')
    local said = math.max(tonumber(first or 0), tonumber(held['l:' .. what] or 0))
    local covered = covers(brand, stream, b, s)
    local later = first and given > said
    if later and covered and may[reason] then
      redis.call('HDEL', KEYS[1], all[i], 'l:' .. what)
      redis.call('HSET', KEYS[1], 'x:' .. what, now .. ':' .. because)
      found[#found + 1] = {{'', reason, b, s, tonumber(first), channel}}
    else
      local kind = not later and 'old-consent' or covered and 'stronger-reason' or 'wider-wish'
      local field = string.format('x:%s:%s:%d:%d', kind, what, said, given)
      value = string.format('%s %d 0 %s', now, said, channel or '')
      if redis.call('HSETNX', KEYS[2], field, value) == 1 then
        found[#found + 1] = {{kind, reason, b, s, said, channel or ''}}
      end
    end
  end
end
return found
""")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a consent."""

    new: bool
    reopened: tuple[Suppression, ...] = ()
    """What stood, and stands no more."""
    conflicts: tuple[Conflict, ...] = ()
    """Those not known before."""


@dataclass(frozen=True, slots=True)
class History:
    """What is on record of one person, the earliest first."""

    consents: tuple[Consent, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


class Consents:
    """The consents of a store; every method raises ``StoreSilent`` as the store does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(
        self,
        controller: str,
        items: Iterable[tuple[Address, Consent]],
        also: Collection[Reason] = (),
    ) -> list[Outcome]:
        """Record consents; what becomes of each. A few hundred at a time.

        They re-open objections and what the operator names in ``also`` (``MAY_REOPEN``).
        """
        reasons = [Reason.OBJECTION, *(MAY_REOPEN & set(also))]
        now = int(time.time())
        wanted = list(items)
        commands = [ADD.load]
        for address, one in wanted:
            for place, key in enumerate(self._store._keys(controller, address.key)):
                commands.append(_addition(key, one, now, older=place > 0, reasons=reasons))
        _, *replies = await self._store.keep(commands)
        live = len(replies) // len(wanted) if wanted else 0
        return [
            _outcome(replies[i * live : (i + 1) * live], one.given, now)
            for i, (_, one) in enumerate(wanted)
        ]

    async def of(self, controller: str, address: Address) -> History:
        """What is on record of one person."""
        keys = [record.consent_key(key) for key in self._store._keys(controller, address.key)]
        replies = await self._store._ask([command(b"HGETALL", key) for key in keys])
        pairs = [pair for reply in replies for pair in _pairs(reply)]
        consents = {one for name, value in pairs if (one := _consent(name, value))}
        conflicts = {met for name, value in pairs if (met := _conflict(name, value))}
        return History(
            tuple(sorted(consents, key=lambda one: (one.given, str(one.scope)))),
            tuple(sorted(conflicts, key=_when)),
        )

    async def conflicts(
        self, controller: str | None = None
    ) -> AsyncIterator[tuple[str, str, Conflict]]:
        """Every conflict, in no order of persons: controller, reference, and what it is."""
        async for key, reply in self._store.scan(b"sg-consent:", controller):
            owner, reference = record.read_record_key(key) or ("", "")
            found = [one for pair in _pairs(reply) if (one := _conflict(*pair))]
            for one in sorted(found, key=_when):
                yield owner, reference, one


def _addition(
    key: bytes, one: Consent, now: int, *, older: bool, reasons: Collection[Reason]
) -> bytes:
    day = datetime.fromtimestamp(one.given, UTC).strftime("%Y-%m-%d")
    words = (*record.scope_words(one.scope), one.given, _value(one, now), now, f"consent of {day}")
    may = (each.value for each in reasons)
    return ADD.call((key, record.consent_key(key)), *words, int(older), *may, short=True)


def _outcome(replies: Sequence[Reply], given: int, now: int) -> Outcome:
    reopened: dict[Suppression, None] = {}
    conflicts: dict[Conflict, None] = {}
    for _, *found in replies:
        for kind, reason, brand, stream, at, channel in found:
            what, scope = _reason(reason.decode()), _scope(brand.decode(), stream.decode())
            how = channel.decode("utf-8", "replace")
            if kind:
                kept = ConflictKind(kind.decode())
                conflicts[Conflict(kept, what, scope, at, given, 0, how, now)] = None
            else:
                reopened[Suppression(what, scope, at, how)] = None
    return Outcome(bool(replies[0][0]), tuple(reopened), tuple(conflicts))


def _value(one: Consent, now: int) -> bytes:
    said = [one.proof, one.source, one.by, one.recorded or now]
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _consent(name: bytes, value: bytes) -> Consent | None:
    kind, *words = name.decode("utf-8", "replace").split(":")
    if kind != "y" or len(words) != 3:
        return None
    try:
        proof, source, by, recorded = json.loads(value)
        return Consent(_scope(*words[:2]), int(words[2]), proof, source, by, int(recorded))
    except (ValueError, TypeError):
        return None


def _conflict(name: bytes, value: bytes) -> Conflict | None:
    mark, *words = name.decode("utf-8", "replace").split(":")
    if mark != "x" or len(words) != 6:
        return None
    kind, reason, brand, stream, _, given = words
    try:
        *times, channel = value.decode("utf-8", "replace").split(" ", 3)
        recorded, said, epoch = map(int, times)
        what, scope = _reason(reason), _scope(brand, stream)
        return Conflict(ConflictKind(kind), what, scope, said, int(given), epoch, channel, recorded)
    except ValueError:
        return None


def _pairs(reply: Reply) -> Iterable[tuple[bytes, bytes]]:
    return zip(reply[::2], reply[1::2], strict=True)


def _scope(brand: str, stream: str) -> Scope:
    return Scope(unquote(brand), unquote(stream))


def _reason(word: str) -> Reason:
    """As ``record`` reads it: a word of a later version stands all the same."""
    return Reason(word) if word in set(Reason) else Reason.MANUAL


def _when(one: Conflict) -> tuple[int, int, str]:
    return one.recorded, one.consent, str(one.scope)

"""Suppression lists as the trade exchanges them: plain hashes of addresses, a set for each list.

Such a hash is of the address trimmed and in lower case, as ``smtpguard`` has it from RCPT. Who
holds addresses can find out which of them are on a list; that is the exchange's weakness, not one
that the store could mend, and it is why our own rows are made with a key.

=======================  =======================================================================
``sg-list:{<name>}``     set; MD5, SHA-1 or SHA-256 digests, and an empty member that says that
                         the list was imported
``sg-list:{<name>}:new:*``  the same, while it is being replaced; ``:old:*`` for a moment after
``sg-lists``             hash; name of a list: ``<seconds> <algorithm>``
=======================  =======================================================================
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from smtpguard.mail.address import Address
from smtpguard.person import Person, Reason, Scope, Suppression
from smtpguard.store.errors import StoreSilent
from smtpguard.store.wire import command

if TYPE_CHECKING:
    from smtpguard.store.store import Store

INDEX = b"sg-lists"
IMPORTED = b""
BATCH = 1000
NAMES = (b"new", b"old")
LAPSE = 3600
"""Seconds after which an import that was broken off is forgotten."""
REPLACE = """
if redis.call('SCARD', KEYS[1]) ~= tonumber(ARGV[1]) then
  return redis.error_reply('ERR the list was not kept whole while it was imported')
end
redis.call('SADD', KEYS[1], '')
redis.call('PERSIST', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('RENAME', KEYS[2], KEYS[3])
  redis.call('EXPIRE', KEYS[3], ARGV[2])
end
redis.call('RENAME', KEYS[1], KEYS[2])
return 1
"""
REMOVE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
return redis.call('EXPIRE', KEYS[2], ARGV[1])
"""
_CELLS = re.compile(rb"[,;|\t]")


class Algorithm(StrEnum):
    """How a list is hashed."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"

    @property
    def size(self) -> int:
        """Octets of a digest."""
        return hashlib.new(self.value, usedforsecurity=False).digest_size


@dataclass(frozen=True, slots=True)
class Listed:
    """One list."""

    name: str
    algorithm: str
    imported: int
    """Seconds since the epoch."""
    size: int
    """Digests on it."""


def digests(address: Address) -> list[bytes]:
    """What lists may hold of an address; of a tagged one, its untagged form's too.

    Quotes, a final dot, another spelling of the same letters or of the domain hide nobody.
    """
    written = bytes(address).decode("utf-8", "replace").strip().lower()
    forms = {written}
    if address.domain:
        plain, _, domain = address.key.rpartition("@")
        local, _, own = written.rpartition("@")
        domains = {own.removesuffix("."), domain, ".".join(map(_in_script, domain.split(".")))}
        locals_ = {
            word for each in (local, plain) for word in (each, each.partition("+")[0] or each)
        }
        forms |= {f"{word}@{place}" for word in locals_ for place in domains}
    return [
        hashlib.new(each.value, form.encode(), usedforsecurity=False).digest()
        for form in sorted(forms)
        for each in Algorithm
    ]


def read(lines: Iterable[bytes], algorithm: Algorithm) -> Iterator[tuple[int, bytes | None]]:
    """The digests in a file, each after the number of its line; ``None`` for a line without one.

    They may stand in any column; of several in a line, one is the address's and the others are
    nobody's. Empty lines, and a first line that is a heading, are passed over.
    """
    like = re.compile(rb"[0-9A-Fa-f]{%d}" % (2 * algorithm.size))
    for number, line in enumerate(lines, 1):
        cells = [cell.strip(b" \"'\r\n\xef\xbb\xbf") for cell in _CELLS.split(line)]
        found = [cell for cell in cells if like.fullmatch(cell)]
        yield from ((number, bytes.fromhex(cell.decode())) for cell in found)
        if not found and number > 1 and any(cells):
            yield number, None


async def against(
    store: Store, wanted: Sequence[tuple[Address, Sequence[str]]]
) -> list[tuple[Suppression, ...]]:
    """What the lists have against each address.

    Raises ``StoreSilent``, also where a list was never imported: it would stand against nobody.
    """
    asked = [(place, name) for place, (_, names) in enumerate(wanted) for name in names]
    looked = [
        command(b"SMISMEMBER", _key(name), IMPORTED, *digests(wanted[place][0]))
        for place, name in asked
    ]
    found: list[tuple[Suppression, ...]] = [()] * len(wanted)
    replies = await store.ask(looked) if looked else []
    for (place, name), (imported, *hits) in zip(asked, replies, strict=True):
        if not imported:
            raise StoreSilent(f"the suppression list {name} was not imported")
        if any(hits):
            found[place] += (Suppression(Reason.MANUAL, channel=f"list:{name}"),)
    return found


async def look_up(
    store: Store,
    controller: str,
    addresses: Sequence[Address],
    lists: Sequence[tuple[str, Scope]],
) -> list[Person]:
    """What is known of each, these lists included; each with how far it reaches.

    Raises ``StoreSilent``, as ``against`` does.
    """
    if not lists:
        return await store.look_up(controller, addresses)
    names = sorted({name for name, _ in lists})
    # Asked in one turn of the loop, it travels as one batch.
    people, listed = await asyncio.gather(
        store.look_up(controller, addresses), against(store, [(one, names) for one in addresses])
    )
    return [
        replace(person, suppressions=person.suppressions + _reaching(hits, lists))
        if hits
        else person
        for person, hits in zip(people, listed, strict=True)
    ]


async def load(
    store: Store, name: str, algorithm: Algorithm, found: Iterable[bytes], *, now: int, keep: bool
) -> int:
    """Import a list; ``keep``: beside what it holds, else in its place. Returns its size.

    What it held stands until all of the new one is there; of two imports at once the last to end
    stands, whole. Mail in transit has every other turn.
    """
    key = _key(name)
    new, old = (b"%b:%b:%b" % (key, word, secrets.token_hex(8).encode()) for word in NAMES)
    target, added = key if keep else new, 0
    rest = iter(found)
    while batch := list(islice(rest, BATCH)):
        began = time.monotonic()
        lapse = [] if keep else [command(b"EXPIRE", target, LAPSE)]
        count, *_ = await store.ask([command(b"SADD", target, *batch), *lapse])
        added += int(count)
        await asyncio.sleep(time.monotonic() - began)
    done = command(b"SADD", key, IMPORTED)
    if not keep:
        done = command(b"EVAL", REPLACE, 3, new, key, old, added, LAPSE)
    note = command(b"HSET", INDEX, name, f"{now} {algorithm.value}")
    *_, size = await store.keep([done, note, command(b"SCARD", key)])
    with suppress(StoreSilent):  # it lapses
        await _dissolve(store, old)
    return int(size) - 1


async def _dissolve(store: Store, key: bytes) -> None:
    """Free a set bit by bit.

    A million digests at once hold up the server for a tenth of a second, UNLINK or not (measured).
    """
    cursor = b""
    while cursor != b"0":
        began = time.monotonic()
        scan = command(b"SSCAN", key, cursor or 0, b"COUNT", BATCH)
        ((cursor, found),) = await store.ask([scan])
        if found:
            await store.ask([command(b"SREM", key, *found)])
        await asyncio.sleep(time.monotonic() - began)


async def purge(store: Store, name: str, found: Sequence[bytes]) -> int:
    """Take digests from a list; how many stood on it."""
    return int((await store.keep([command(b"SREM", _key(name), *found)]))[0])


async def remove(store: Store, name: str) -> bool:
    """Forget a list whole; false when there was none."""
    key = _key(name)
    old = b"%b:old:%b" % (key, secrets.token_hex(8).encode())
    aside = command(b"EVAL", REMOVE, 2, key, old, LAPSE)
    gone, _ = await store.keep([aside, command(b"HDEL", INDEX, name)])
    with suppress(StoreSilent):
        await _dissolve(store, old)
    return bool(gone)


async def every(store: Store) -> list[Listed]:
    """All lists, by name."""
    (reply,) = await store.ask([command(b"HGETALL", INDEX)])
    said = sorted(zip(reply[::2], reply[1::2], strict=True))
    names = [name.decode() for name, _ in said]
    sizes = await store.ask([command(b"SCARD", _key(name)) for name in names])
    found = []
    for name, (_, value), size in zip(names, said, sizes, strict=True):
        at, _, algorithm = value.decode().partition(" ")
        found.append(Listed(name, algorithm, int(at), size - 1))
    return found


def _in_script(label: str) -> str:
    """A label of a domain in the letters that an A-label stands for (RFC 5890 §2.3.2.1)."""
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _key(name: str) -> bytes:
    return f"sg-list:{{{quote(name, safe='')}}}".encode()


def _reaching(
    hits: Sequence[Suppression], lists: Sequence[tuple[str, Scope]]
) -> tuple[Suppression, ...]:
    """Each hit as far as its list reaches, which may be several brands."""
    said = [(f"list:{name}", scope) for name, scope in lists]
    return tuple(
        replace(hit, scope=scope) for hit in hits for name, scope in said if name == hit.channel
    )

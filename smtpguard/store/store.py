"""The store: who may be written to, and what they were told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self
from urllib.parse import quote

from redis.exceptions import ResponseError

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.person import OptOut, Person, Reason, Scope, Source, Suppression
from smtpguard.store import contact, leaving, outbox, record, trust
from smtpguard.store.embedded import socket_of
from smtpguard.store.errors import StoreSilent, StoreUntrusted
from smtpguard.store.greeting import INFO, READ_MARK, SIZE, Founding, Greeting, announcement
from smtpguard.store.held import Held
from smtpguard.store.settings import Settings
from smtpguard.store.wire import Reply, Wire, command

INSPECT_EVERY = 60.0
"""Seconds after which the server's settings and its row count are looked at again."""
MOST_PARENTS = 10
"""Parent domains looked up for one recipient: a bound for hostile names of a hundred labels."""

Who = Address | str
"""An address, or a domain name (lower-case A-labels)."""
Alarm = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One record, as ``rows`` lists it: without the address, which the store does not hold."""

    controller: str
    reference: str
    person: Person
    lifted: tuple[record.Lifted, ...]


class Store:
    """Everything is one batch: whatever one turn of the loop asks for travels together.

    Every method raises ``StoreSilent`` when there is no answer in time, and ``StoreUntrusted``
    when the answer would prove nothing.
    """

    def __init__(self, settings: Settings, held: Held, greeting: Greeting, alarm: Alarm) -> None:
        """Use ``open``."""
        self._settings = settings
        self._held = held
        self._greeting = greeting
        self._inspection: asyncio.Task[None] | None = None
        self._domain_keys = lru_cache(maxsize=4096)(_record_keys)

        def wire(replicas: int) -> Wire:
            return Wire(
                lambda: _url(settings),
                password=settings.password,
                deadline=settings.deadline,
                blip=settings.blip,
                greet=greeting.greet,
                mark=READ_MARK,
                judge=greeting.judge,
                alarm=alarm,
                replicas=replicas,
            )

        self._wire = wire(0)
        # WAIT holds up a connection: no lookup stands behind an opt-out.
        self._durable = wire(settings.replicas) if settings.replicas else self._wire

    @classmethod
    async def open(
        cls,
        settings: Settings,
        ring: Keyring,
        alarm: Alarm | None = None,
        *,
        founding: Founding | None = None,
        patient: bool = False,
        announces: bool = True,
        reread: Callable[[], Keyring] | None = None,
    ) -> Self:
        """Connect and make sure that the store may be trusted; raises ``StoreUntrusted``.

        A store that is silent is no error yet: whoever asks it hears that; to the ``patient``,
        one that is not trusted is none either. ``alarm`` takes sentences for the operator.
        ``founding`` is for ``store init``. ``reread`` reads the key files again, where the store
        names a key that is not in ``ring``. Who only reads
        need not announce a new key (``announces``).
        """
        alarm = alarm or logging.getLogger(__name__).warning
        held = Held(ring, reread)
        greeting = Greeting(settings, held, alarm, founding, announces=announces)
        store = cls(settings, held, greeting, alarm)
        try:
            await store._wire.ask(())
        except StoreUntrusted:
            if not patient:
                await store.close()
                raise
        except StoreSilent:
            pass  # the wire has told the alarm, and goes on trying
        return store

    @property
    def founded(self) -> bool:
        """The store had no mark before we came."""
        return self._greeting.founded

    async def hold(self, ring: Keyring) -> None:
        """Use other keys from now on, after a reload; a new one is announced before it is used."""
        await self._ask([announcement(ring)])
        self._held.replace(ring)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._inspection:
            self._inspection.cancel()
            await asyncio.gather(self._inspection, return_exceptions=True)
        await self._durable.close()
        await self._wire.close()

    # -- what is asked for every mail -----------------------------------------------------------

    async def look_up(self, controller: str, addresses: Sequence[Address]) -> list[Person]:
        """What is known of each recipient, in order.

        A suppression of the untagged form or of a domain above reaches the address, never the
        reverse.
        """
        ring = self._held.ring
        asked: dict[bytes, int] = {}
        plans: list[tuple[list[int], list[int]]] = []
        for address in addresses:
            own = self._keys(controller, address.key)
            wide: list[bytes] = []
            if address.untagged is not None:
                wide += self._keys(controller, address.untagged)
            for domain in _domains(address.domain_key):
                wide += self._domain_keys(self._held.ring, controller, "@" + domain)
            places = [asked.setdefault(key, len(asked)) for key in (*own, *wide)]
            plans.append((places[: len(own)], places[len(own) :]))
        replies = await self._ask([command(b"HGETALL", key) for key in asked])
        if self._held.ring is not ring:  # another host's key came with this very batch
            return await self.look_up(controller, addresses)
        if not any(replies):
            return [record.NOBODY] * len(plans)
        read = [self._read(reply) for reply in replies]
        return [record.combine([read[i] for i in own], [read[i] for i in w]) for own, w in plans]

    async def reserve(self, controller: str, address: Address, token: str, notice: str) -> bool:
        """Reserve the first contact for the mail named ``token``; false when another holds it.

        Whoever does not hold the reservation informs as well: informing twice is harmless.
        """
        key = self._keys(controller, address.key)[0]
        lapse = self._settings.reservation
        return bool((await self._ask([contact.reserve(key, token, lapse, notice)]))[0])

    async def commit(self, controller: str, address: Address, token: str) -> bool:
        """The upstream took the notice; false when ``token`` held no reservation."""
        key = self._keys(controller, address.key)[0]
        return bool((await self._ask([contact.commit(key, token)]))[0])

    async def roll_back(self, controller: str, address: Address, token: str) -> bool:
        """The upstream did not take the notice; false when ``token`` held no reservation."""
        key = self._keys(controller, address.key)[0]
        return bool((await self._ask([contact.roll_back(key, token)]))[0])

    # -- what readers and operators change ------------------------------------------------------

    async def suppress(self, controller: str, who: Who, suppression: Suppression) -> bool:
        """Record a suppression; true when it is new. The earliest of two equal ones stands."""
        return bool(await self.suppress_many(controller, [(who, suppression)]))

    async def suppress_many(self, controller: str, items: Iterable[tuple[Who, Suppression]]) -> int:
        """Record suppressions in one batch; how many are new. A few hundred at a time."""
        wanted = [(who, OptOut(suppression)) for who, suppression in items]
        return sum(one.new for one in await self.opt_out(controller, wanted))

    async def opt_out(
        self,
        controller: str,
        items: Iterable[tuple[Who, OptOut]],
        tell: outbox.Maker | None = None,
    ) -> list[leaving.Recorded]:
        """The same with what is known of their time; whether each is new, and contradicts.

        ``tell`` makes the event that the company hears of each that is new.
        """
        wanted = list(items)
        many, now, ring = len(wanted) > 1, int(time.time()), self._held.ring
        drafts: list[outbox.Draft] = []
        if tell is not None and ring.links:
            drafts = [outbox.draft(ring, tell(who, one.suppression), now) for who, one in wanted]
        commands = [leaving.OPT_OUT.load] if many else []
        for who, wish in wanted:
            domain, one = isinstance(who, str), wish.suppression
            newest, *older = self._keys(controller, _name(who))
            commands.append(leaving.opt_out(newest, wish, domain=domain, now=now, short=many))
            field = record.suppression_field(one.reason, one.scope, domain=domain)
            commands += [command(b"HEXISTS", key, field) for key in older]
        live = (len(commands) - many) // len(wanted) if wanted else 0
        told = [one.addition for one in drafts]
        replies = await self.keep([*told, *commands])
        put, written = replies[: len(told)], iter(replies[len(told) + many :])
        rows = ([next(written) for _ in range(live)] for _ in wanted)
        found = [
            leaving.read_opt_out(said, wish, now, known=any(elsewhere))
            for (_, wish), (said, *elsewhere) in zip(wanted, rows, strict=True)
        ]
        if tell is None:
            return found
        if drafts:
            triples = zip(drafts, put, found, strict=True)
            settled = [one.settled(news=done.new or was == 2) for one, was, done in triples]
            with suppress(StoreSilent):  # it is told all the same, a little later
                await self._ask([each for commands in settled for each in commands])
        return [
            replace(done, untold=done.new and not one)
            for one, done in zip(put or [0] * len(found), found, strict=True)
        ]

    async def unsuppress(
        self, controller: str, who: Who, scope: Scope, reason: Reason, *, because: str, at: int
    ) -> bool:
        """Lift one suppression and remember why; true when there was one."""
        field = record.suppression_field(reason, scope, domain=isinstance(who, str))
        keys = self._keys(controller, _name(who))
        found = await self._ask([command(b"HEXISTS", key, field) for key in keys])
        standing = [key for key, there in zip(keys, found, strict=True) if there]
        if not standing:
            return False
        note = command(
            b"HSET", keys[0], record.lifted_field(reason, scope), f"{at}:{because}".encode()
        )
        last = record.latest_field(reason, scope)
        await self.keep([note, *(command(b"HDEL", key, field, last) for key in standing)])
        return True

    async def erase(self, controller: str, address: Address, *, objections: bool = False) -> bool:
        """Forget a person, their consents too; true when there was something to forget.

        Their suppressions stay, because they are what keeps the person from being written to
        again, unless ``objections`` is true.
        """
        keys = self._keys(controller, address.key)
        gone = [record.bounce_key(key, kind) for key in keys for kind in record.BOUNCES]
        gone += [record.consent_key(key) for key in keys]
        forget = [command(b"DEL", key) for key in gone]
        forget += [command(b"DEL", key) if objections else leaving.forget(key) for key in keys]
        return any(await self.keep(forget))

    async def tell(self, event: outbox.Event) -> None:
        """Put out what the company must hear of. ``LookupError`` without a link key.

        Raises ``StoreSilent`` also where too many events wait.
        """
        if not (await self._ask([outbox.addition(self._held.ring, event)]))[0]:
            raise StoreSilent(outbox.FULL)

    async def register(
        self, controller: str, items: Iterable[tuple[Address, Source | None, int, bool]]
    ) -> int:
        """Record where contacts came from: ``(address, source, known since, dated)``.

        A contact known since a day that the register names (``dated``) is known since then;
        otherwise the first registration stands. Returns how many were not known before.
        """
        commands: list[bytes] = []
        at: list[int] = []
        for address, source, since, dated in items:
            key = self._keys(controller, address.key)[0]
            if source is not None:
                value = record.source_value(source)
                commands.append(command(b"HSET", key, record.SOURCE, value))
            at.append(len(commands))
            verb = b"HSET" if dated else b"HSETNX"
            commands.append(command(verb, key, record.KNOWN, since))
        replies = await self._ask(commands)
        return sum(replies[i] for i in at)

    # -- what the store is asked about itself ---------------------------------------------------

    async def find(self, controller: str, who: Who) -> list[Row]:
        """The records of exactly this address or domain, one for every key that has one."""
        keys = self._keys(controller, _name(who))
        replies = await self._ask([command(b"HGETALL", key) for key in keys])
        return [self._row(key, reply) for key, reply in zip(keys, replies, strict=True) if reply]

    async def rows(self, controller: str | None = None) -> AsyncIterator[Row]:
        """Every record, in no order; one that moves while we look may come twice."""
        async for key, reply in self.scan(b"sg:", controller):
            yield self._row(key, reply)

    async def scan(
        self, prefix: bytes, controller: str | None
    ) -> AsyncIterator[tuple[bytes, Reply]]:
        """For the room's other modules: every hash of persons under a prefix, likewise."""
        owner = b"*" if controller is None else quote(controller, safe="").encode()
        cursor = b"0"
        while True:
            wanted = prefix + owner + b":{*"
            scan = command(b"SCAN", cursor, b"MATCH", wanted, b"COUNT", 500)
            cursor, keys = (await self._ask([scan]))[0]
            replies = await self._ask([command(b"HGETALL", key) for key in keys])
            for key, reply in zip(keys, replies, strict=True):
                if reply:
                    yield key, reply
            if cursor == b"0":
                return

    async def describe(self) -> tuple[trust.Mark, dict[str, str], int]:
        """The mark, the server's own words (INFO), and the number of keys in the database."""
        mark, info, size = await self._ask([READ_MARK, INFO, SIZE])
        known = self._greeting.recognise(trust.Mark.read(mark))
        return known, trust.read_info(info), size

    # -- underneath -----------------------------------------------------------------------------

    async def ask(self, commands: Sequence[bytes]) -> list[Reply]:
        """For the room's other modules: commands as they go over the wire, replies in order."""
        return await self._ask(commands)

    async def keep(self, commands: Sequence[bytes]) -> list[Reply]:
        """The same of what somebody is told was done: replicas have it too, where there must be."""
        return await self._ask(commands, self._durable)

    async def _ask(self, commands: Sequence[bytes], wire: Wire | None = None) -> list[Reply]:
        if time.monotonic() - self._greeting.inspected > INSPECT_EVERY:
            self._greeting.inspected = time.monotonic()
            self._inspection = asyncio.create_task(self._inspect())
        replies = await (wire or self._wire).ask(commands)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise StoreSilent(f"the store refuses: {reply}")
        return replies

    def _keys(self, controller: str, name: str) -> tuple[bytes, ...]:
        """The keys of a record, newest reference key first."""
        return _record_keys(self._held.ring, controller, name)

    def _read(self, reply: Sequence[bytes]) -> Person:
        return record.read(reply, time.time(), self._settings.contact_retention)

    def _row(self, key: bytes, reply: Sequence[bytes]) -> Row:
        controller, reference = record.read_record_key(key) or ("", "")
        return Row(controller, reference, self._read(reply), record.lifted(reply))

    async def _inspect(self) -> None:
        try:
            await self._greeting.inspect(self._wire.ask)
        except StoreUntrusted as error:
            for wire in {self._wire, self._durable}:
                wire.distrust(error)
        except StoreSilent:
            pass  # the wire has told the alarm


def _record_keys(ring: Keyring, controller: str, name: str) -> tuple[bytes, ...]:
    return tuple(
        record.record_key(controller, key.id, key.reference(controller, name))
        for key in ring.references
    )


def _url(settings: Settings) -> str:
    directory = settings.embedded
    return settings.url if directory is None else f"unix://{quote(str(socket_of(directory)))}"


def _name(who: Who) -> str:
    return "@" + who if isinstance(who, str) else who.key


def _domains(domain: str) -> list[str]:
    """The domain and those above it that have two labels or more."""
    if not domain or domain.startswith("["):
        return [domain] if domain else []
    labels = domain.split(".")
    above = range(max(1, len(labels) - MOST_PARENTS), len(labels) - 1)
    return [domain, *(".".join(labels[i:]) for i in above)]

"""What the pages share: the store, the keys, who writes, and who has come."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from smtpguard import log, metrics
from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.person import Conflict, OptOut, Person, Reason, Scope, Suppression
from smtpguard.policy.controller import OPT_OUT_WITHIN
from smtpguard.policy.stream import Kind
from smtpguard.policy.suppression import blocks
from smtpguard.store import outbox
from smtpguard.store.counts import Counts
from smtpguard.store.errors import StoreSilent
from smtpguard.store.leaving import Recorded
from smtpguard.store.requests import DIGITS
from smtpguard.store.store import Store
from smtpguard.unsubscribe.link import Ticket, read, seal
from smtpguard.web.settings import Web
from smtpguard.web.site import Party, Site
from smtpguard.web.wording import Wording, choose

RECEIPTS = {
    "stream": b"smtpguard receipt stream",
    "brand": b"smtpguard receipt brand",
    "all": b"smtpguard receipt all",
}
"""Purposes of the ticket for what a page recorded, by how wide it is; ``at`` is when."""
PREFERENCES = b"smtpguard preferences"
RIGHTS = b"smtpguard rights"
"""Purposes of the tickets to other pages: the scope of the link; ``at`` is their end."""

SIGHT = "•••"

Ids = Mapping[str, str]
"""What the sender called reader and mailing."""

logging.getLogger(
    "python_multipart.multipart"
).disabled = True  # a line for every odd octet of a stranger's


@dataclass
class Desk:
    """One for the whole process; ``site`` changes at a reload."""

    store: Store
    ring: Keyring
    settings: Web
    site: Site
    clock: Callable[[], float] = time.time
    unproven: dict[tuple[str, str], int] = field(default_factory=dict)
    """When the operator was last told of a tool that does not prove itself."""

    @property
    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self.clock())

    def words(self, request: Request, party: Party | None = None) -> Wording:
        """The language of an answer."""
        asked = request.query_params.get("l", "")
        accepted = request.headers.get("accept-language", "")
        return choose(asked, accepted, party.languages if party else ())

    def visit(self, request: Request, purpose: bytes | None = None) -> Visit | None:
        """Whoever holds the token in the path; ``None`` for one that is not ours or has ended."""
        token = request.path_params["token"]
        ticket = read(self.ring, token, purpose) if purpose else read(self.ring, token)
        if ticket is None or (purpose in {PREFERENCES, RIGHTS} and ticket.at < self.now):
            return None
        return Visit.of(self, request, ticket)

    def receipt(self, request: Request) -> Visit | None:
        """Whoever holds a receipt; its width stands in the path and is sealed with it."""
        purpose = RECEIPTS.get(request.path_params["width"])
        return self.visit(request, purpose) if purpose else None

    async def opt_out(
        self, controller: str, address: Address, wish: OptOut, ids: Ids = outbox.NO_IDS
    ) -> bool:
        """Record a wish, and let the company know; true when it is new. Raises ``StoreSilent``."""
        return (await self.opt_out_many(controller, [(address, wish)], ids))[0]

    async def opt_out_many(
        self, controller: str, wishes: Sequence[tuple[Address, OptOut]], ids: Ids = outbox.NO_IDS
    ) -> list[bool]:
        """The same for a few hundred at once."""
        found = await self.store.opt_out(controller, wishes, self.telling(controller, ids))
        self.missed(controller, found)
        for (address, _), done in zip(wishes, found, strict=True):
            if done.conflict:
                await self.contradicted(controller, done.conflict, bytes(address), ids)
        return [done.new for done in found]

    def telling(self, controller: str, ids: Ids = outbox.NO_IDS) -> outbox.Maker | None:
        """Makes what the company hears of whoever leaves; nothing where it does not listen."""
        return outbox.created(controller, ids) if self.site.listens(controller) else None

    @staticmethod
    def missed(controller: str, found: Sequence[Recorded]) -> None:
        """Log what the company will not hear of."""
        if lost := sum(done.untold for done in found):
            log.webhook_lost(controller, f"{lost} of {len(found)}: {outbox.FULL}")

    async def tell(
        self,
        kind: str,
        controller: str,
        one: Suppression,
        address: bytes,
        ids: Ids = outbox.NO_IDS,
    ) -> None:
        """Let a company know, where it listens; what was written stands whether it hears or not."""
        recipient = address.decode("utf-8", "replace")
        await self._tell(outbox.suppression(kind, controller, one, recipient, ids))

    async def contradicted(self, controller: str, one: Conflict, address: bytes, ids: Ids) -> None:
        """An opt-out and a consent contradict each other: counted, logged, and told."""
        log.reader("conflict", controller=controller, kind=one.kind, scope=one.scope)
        with suppress(StoreSilent):
            await Counts(self.store).contradicted(controller, [one])
        recipient = address.decode("utf-8", "replace")
        await self._tell(outbox.conflict(controller, one, recipient, ids))

    async def measure(
        self, controller: str, kind: str, channel: str, took: Sequence[float]
    ) -> None:
        """How many seconds these took since somebody said stop, and which were late."""
        for seconds in took:
            metrics.OPT_OUT_SECONDS.labels(kind).observe(seconds)
        known = self.site.controllers.get(controller)  # a reload may have taken it away
        allowed = known.opt_out_within if known else OPT_OUT_WITHIN
        late = [int(seconds) for seconds in took if seconds > allowed]
        if late:
            log.late_opt_out(controller, channel, len(late), max(late), allowed)
            with suppress(StoreSilent):  # the log has it
                await Counts(self.store).came_late(controller, channel, late)

    async def _tell(self, event: outbox.Event) -> None:
        controller = event["controller"]
        if not self.site.listens(controller):
            return
        try:
            await self.store.tell(event)
        except StoreSilent as silent:
            log.webhook_lost(controller, str(silent))

    def refused(self, request: Request) -> tuple[Wording, Party]:
        """How somebody is spoken to of whom we know nothing."""
        return self.words(request), self.site.party()


@dataclass(frozen=True)
class Visit:
    """Somebody with a link of ours."""

    desk: Desk
    ticket: Ticket
    address: Address
    party: Party
    words: Wording

    @classmethod
    def of(cls, desk: Desk, request: Request, ticket: Ticket) -> Visit:
        """Whoever a ticket names; only Postmaster may have no domain (RFC 5321 §4.1.1.3)."""
        address = Address.parse(ticket.address) or Address(ticket.address, b"")
        party = desk.site.party(ticket.controller, ticket.brand, ticket.stream)
        return cls(desk, ticket, address, party, desk.words(request, party))

    @cached_property
    def masked(self) -> str:
        """The address, so that its owner knows it and nobody else learns it."""
        local, at, domain = self.ticket.address.decode("utf-8", "replace").rpartition("@")
        if not at:
            return domain
        return f"{local[:1]}{SIGHT}@{domain}"

    def scope(self, wish: str = "") -> Scope:
        """How far a wish reaches: ``all``, ``brand``, or else the stream of the link."""
        if wish == "all":
            return Scope()
        return Scope(self.ticket.brand, "" if wish == "brand" else self.ticket.stream)

    def sealed(self, purpose: bytes, at: int | None = None) -> str:
        """The same ticket for another purpose; it ends when the page does, or says ``at``."""
        end = self.desk.now + int(self.desk.settings.undo) if at is None else at
        ticket = replace(self.ticket, at=end, link=self.ticket.epoch)
        return seal(self.desk.ring, ticket, purpose)

    def number(self, scope: Scope) -> str:
        """The reference number of a wish: the same whenever it is asked for, and no address."""
        key = self.desk.ring.references[0]
        said = f"receipt|{self.ticket.controller}|{self.address.key}|{scope}"
        number = int.from_bytes(hmac.digest(key.secret, said.encode(), "sha256")[:7]) >> 6
        digits = "".join(DIGITS[number >> shift & 31] for shift in range(45, -1, -5))
        return f"{digits[:5]}-{digits[5:]}"

    async def person(self) -> Person:
        """What is known of the reader. Raises ``StoreSilent``."""
        return (await self.desk.store.look_up(self.ticket.controller, [self.address]))[0]

    async def person_if_known(self) -> Person:
        """The same; nothing while the store is silent."""
        try:
            return await self.person()
        except StoreSilent:
            return Person()

    async def object(self, scope: Scope, channel: str, reason: Reason = Reason.OBJECTION) -> bool:
        """Record the wish; true when it is new. Raises ``StoreSilent``."""
        wish = OptOut(Suppression(reason, scope, self.desk.now, channel), self.ticket.epoch)
        ticket = self.ticket
        return await self.desk.opt_out(ticket.controller, self.address, wish, ticket.ids)

    async def tell(self, kind: str, one: Suppression) -> None:
        """Let the company know, where it listens; the wish stands whether it hears or not."""
        ticket = self.ticket
        await self.desk.tell(kind, ticket.controller, one, ticket.address, ticket.ids)

    def standing(self, person: Person) -> Suppression | None:
        """What stands against the messages of the link."""
        return against(person, self.ticket.brand, self.ticket.stream)


def against(person: Person, brand: str, stream: str) -> Suppression | None:
    """The first suppression that stands against a promotional stream."""
    return next(
        (
            one
            for one in person.suppressions
            if blocks(one.reason, Kind.MARKETING) and one.scope.covers(brand, stream)
        ),
        None,
    )


async def form(request: Request) -> FormData:
    """The fields of a POST, urlencoded or multipart; none where it cannot be read."""
    try:
        return await request.form(max_files=8, max_fields=200)
    except (HTTPException, UnicodeError):  # a charset that decodes nothing is the second
        return FormData()

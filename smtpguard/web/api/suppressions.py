"""Record who is not written to, and take it back; answered once the store has it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from smtpguard import log, metrics
from smtpguard.person import LEFT, OptOut, Reason, Suppression
from smtpguard.store import orders
from smtpguard.store.outbox import NO_IDS, recipient
from smtpguard.store.store import Who
from smtpguard.store.table import read_time
from smtpguard.web.api.answered import Fault, Lifted, Recorded
from smtpguard.web.api.asked import Lift, Suppress
from smtpguard.web.api.call import Call, people
from smtpguard.web.api.problem import Refused
from smtpguard.web.desk import Desk

TOLERANCE = 300
"""Seconds by which another clock may be ahead of ours."""


async def add(call: Call) -> Recorded:
    """Record everybody who can be read; doing it twice is doing it once."""
    asked = await call.asked(Suppress)
    named = call.named(asked)
    found, bad = _readable(asked)
    now = call.desk.now
    at = now if asked.at is None else read_time(asked.at)
    if at is None or not 0 <= at <= now + TOLERANCE:
        fault = {"pointer": "#/at", "detail": "it has not been yet"}
        raise Refused("invalid", fault["detail"], [fault])
    wish = Suppression(asked.reason, named.scope, at, call.caller.channel)
    desk = call.desk
    began = time.monotonic()
    said = OptOut(wish, at if asked.at is not None else 0)
    tell = desk.telling(named.controller)
    done = await orders.record(desk.store, named.controller, found, said, tell)
    desk.missed(named.controller, done)
    took = max(0, now - at) + time.monotonic() - began
    new = sum(one.new for one in done)
    await _count(call, named.controller, wish, [took] * new, len(done) - new)
    for who, one in zip(found, done, strict=True):
        if one.conflict:
            await desk.contradicted(named.controller, one.conflict, recipient(who), NO_IDS)
    _note("suppressed", call, named.controller, wish, named=len(found), new=new, bad=len(bad))
    return Recorded(
        controller=named.controller,
        brand=named.scope.brand,
        stream=named.scope.stream,
        new=new,
        known=len(done) - new,
        bad=tuple(bad),
    )


async def lift(call: Call) -> Lifted:
    """Take back what stands in exactly this scope; why, and by whose token, is kept."""
    asked = await call.asked(Lift)
    named = call.named(asked)
    found, bad = _readable(asked)
    reasons = [asked.reason] if asked.reason else list(Reason)
    past = Suppression(reasons[0], named.scope, call.desk.now, call.caller.channel)
    because = f"{asked.because} ({call.caller.channel})"
    lifted = await orders.lift(
        call.desk.store, named.controller, found, past, reasons, because, telling(call.desk)
    )
    _note("lifted", call, named.controller, past, named=len(found), lifted=lifted, bad=len(bad))
    return Lifted(
        controller=named.controller,
        brand=named.scope.brand,
        stream=named.scope.stream,
        lifted=lifted,
        bad=tuple(bad),
    )


def telling(desk: Desk) -> orders.Tell:
    """Lets the company know, where it listens."""

    async def tell(kind: str, controller: str, one: Suppression, who: Who) -> None:
        await desk.tell(kind, controller, one, recipient(who))

    return tell


async def _count(
    call: Call, controller: str, wish: Suppression, took: Sequence[float], known: int
) -> None:
    """Where other opt-outs are counted too; ``took``: seconds of each that is new."""
    width = str(wish.scope).partition(":")[0]
    metrics.OPT_OUTS.labels("api", width, "true").inc(len(took))
    metrics.OPT_OUTS.labels("api", width, "false").inc(known)
    if wish.reason in LEFT:  # the others are nobody's wish, and cannot be late
        await call.desk.measure(controller, "api", wish.channel, took)


def _readable(asked: Suppress | Lift) -> tuple[list[Who], list[Fault]]:
    """Everybody, and who could not be read. Raises ``Refused`` where that is all of them."""
    found, bad = people(asked.addresses, asked.domains)
    if not found:
        faults = [fault.model_dump() for fault in bad]
        raise Refused("invalid", "nobody is named: addresses, or domains", faults)
    return found, bad


def _note(what: str, call: Call, controller: str, one: Suppression, **counts: int) -> None:
    """One line; nobody is named in it."""
    log.api(
        what,
        token=call.caller.name or "-",
        controller=controller,
        scope=one.scope,
        reason=one.reason.value,
        **counts,
    )

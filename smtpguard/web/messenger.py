"""Delivers the outbox: the company is told of what its readers did.

Only URLs that the policy names are asked, and a redirect is not followed. Delivered at least once,
in no order; whoever listens tells one message from another by ``webhook-id``. Who does not answer
at all is left alone for a while, so that nobody else waits behind them.
"""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass, replace

from smtpguard import log, metrics
from smtpguard.courier import Courier, Unreachable
from smtpguard.mail.address import Address
from smtpguard.person import Scope
from smtpguard.store.errors import StoreSilent
from smtpguard.store.outbox import LIFTED, Event, Job, Outbox
from smtpguard.web.desk import Desk
from smtpguard.web.hooks import Hook, body, signed

DEADLINE = 15.0
"""Seconds in which who listens must answer."""
PAUSES = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""Seconds after each try that failed; after the last, the event is laid aside."""
RESTS = (5, 60)
"""Seconds for which a URL that does not answer is left alone: at first, and at last."""
EVERY = 1.0
"""Seconds between two looks into the outbox."""


@dataclass(slots=True)
class _Rest:
    """Of one URL that did not answer."""

    until: int
    pause: int = RESTS[0]
    tried: bool = False
    """One event is on its way there, to see whether it answers again."""


class Messenger:
    """Empties the outbox."""

    def __init__(self, desk: Desk, courier: Courier) -> None:
        self._desk = desk
        self._courier = courier
        self._resting: dict[str, _Rest] = {}

    async def run(self) -> None:
        """Until cancelled; a store that is silent is asked again."""
        while True:
            try:
                while await self.deliver():
                    pass
            except StoreSilent:
                pass  # the store has told the operator
            except Exception:
                log.incident("webhooks", traceback.format_exc())
            await asyncio.sleep(EVERY)

    async def deliver(self) -> int:
        """Try what is due, once; how many that were."""
        outbox = Outbox(self._desk.store, self._desk.ring)
        jobs = await outbox.take(now=self._desk.now)
        await asyncio.gather(*(self._try(outbox, job) for job in jobs))
        return len(jobs)

    async def _try(self, outbox: Outbox, job: Job) -> None:
        if await self._overtaken(job.event):
            await outbox.finish(job)
            return
        wanting = [hook for hook in self._desk.site.hooks if hook.wants(job.event)]
        left = [hook for hook in wanting if hook.url not in job.done]
        asked = [hook for hook in left if self._answers(hook.url)]
        faults = await asyncio.gather(*(self._post(hook, job) for hook in asked))
        heard = [hook.url for hook, fault in zip(asked, faults, strict=True) if not fault]
        fault = next(filter(None, faults), "")
        job = replace(job, done=(*job.done, *heard))
        if fault:
            await self._put_off(outbox, replace(job, tries=job.tries + 1, fault=fault))
        elif len(asked) < len(left):
            rests = [rest.until for hook in left if (rest := self._resting.get(hook.url))]
            await outbox.put_off(job, max([*rests, self._desk.now + 1]))
        else:
            await outbox.finish(job)

    async def _put_off(self, outbox: Outbox, job: Job) -> None:
        if job.tries > len(PAUSES):
            log.webhook_dead(job.id, str(job.event["controller"]), job.fault)
            await outbox.give_up(job, self._desk.now)
        else:
            await outbox.put_off(job, self._desk.now + PAUSES[job.tries - 1])

    async def _overtaken(self, event: Event) -> bool:
        """Whether it says that something is lifted which stands, because it was said anew.

        Told after that, it would have the company write to somebody who left. ``StoreSilent``.
        """
        if event["type"] != LIFTED or "recipient" not in event:
            return False
        name = str(event["recipient"])
        who = name[1:] if name.startswith("@") else Address.parse(name.encode())
        scope = Scope(event["brand"], event["stream"])
        rows = await self._desk.store.find(event["controller"], who) if who else []
        return any(
            (one.reason.value, one.scope) == (event["reason"], scope)
            for row in rows
            for one in row.person.suppressions
        )

    async def _post(self, hook: Hook, job: Job) -> str:
        """Why they have not heard; empty when they have."""
        try:
            octets, now = body(job), self._desk.now
            headers = signed(hook.secret, job.id, now, octets, hook.older)
            answer = await self._courier.post(hook.url, octets, headers)
            self._resting.pop(hook.url, None)
            fault = "" if 200 <= answer.status < 300 else f"it says {answer.status}"
        except Unreachable as unreachable:
            self._rest(hook.url)
            fault = str(unreachable)
        except Exception as error:  # ours: it must not come back for ever
            log.incident(job.id, traceback.format_exc())
            fault = f"it cannot be sent: {type(error).__name__}"
        metrics.WEBHOOKS.labels("failed" if fault else "heard").inc()
        return fault

    def _answers(self, url: str) -> bool:
        """Whether it may be asked; who asks first after a rest asks alone."""
        rest = self._resting.get(url)
        if rest is None:
            return True
        if rest.tried or rest.until > self._desk.now:
            return False
        rest.tried = True
        return True

    def _rest(self, url: str) -> None:
        rest, now = self._resting.get(url), self._desk.now
        if rest is None:
            self._resting[url] = _Rest(now + RESTS[0])
        elif rest.tried:
            pause = min(2 * rest.pause, RESTS[1])
            self._resting[url] = _Rest(now + pause, pause)

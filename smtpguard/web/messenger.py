"""Delivers the outbox: the company is told of what its readers did.

Only URLs that the policy names are asked, and a redirect is not followed. Delivered at least once,
in no order; whoever listens tells one message from another by ``webhook-id``.
"""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace

from smtpguard import log, metrics
from smtpguard.courier import Courier, Unreachable
from smtpguard.store.errors import StoreSilent
from smtpguard.store.outbox import Job, Outbox
from smtpguard.web.desk import Desk
from smtpguard.web.hooks import Hook, body, signed

PAUSES = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""Seconds after each try that failed; after the last, the event is laid aside."""
EVERY = 1.0
"""Seconds between two looks into the outbox."""


class Messenger:
    """Empties the outbox."""

    def __init__(self, desk: Desk, courier: Courier) -> None:
        self._desk = desk
        self._courier = courier

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
        wanting = [hook for hook in self._desk.site.hooks if hook.wants(job.event)]
        left = [hook for hook in wanting if hook.url not in job.done]
        faults = await asyncio.gather(*(self._post(hook, job) for hook in left))
        heard = [hook.url for hook, fault in zip(left, faults, strict=True) if not fault]
        fault = next(filter(None, faults), "")
        job = replace(job, tries=job.tries + 1, done=(*job.done, *heard), fault=fault)
        if not fault:
            await outbox.finish(job)
        elif job.tries > len(PAUSES):
            log.webhook_dead(job.id, str(job.event["controller"]), fault)
            await outbox.give_up(job, self._desk.now)
        else:
            await outbox.put_off(job, self._desk.now + PAUSES[job.tries - 1])

    async def _post(self, hook: Hook, job: Job) -> str:
        """Why they have not heard; empty when they have."""
        octets = body(job)
        try:
            answer = await self._courier.post(
                hook.url, octets, signed(hook.secret, job.id, self._desk.now, octets, hook.older)
            )
            fault = "" if 200 <= answer.status < 300 else f"it says {answer.status}"
        except Unreachable as unreachable:
            fault = str(unreachable)
        metrics.WEBHOOKS.labels("failed" if fault else "heard").inc()
        return fault

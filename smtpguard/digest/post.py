"""Sends the letters: straight to the upstream, from the null reverse-path (RFC 5321 §4.5.5).

What cannot be sent now waits in the store and is tried again; after the last try it is laid aside,
where ``smtpguard digests list`` shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from smtpguard import log, metrics
from smtpguard.digest.letter import letter
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.proxy.outgoing import hand_over
from smtpguard.proxy.proxy import Proxy
from smtpguard.reply import Reply
from smtpguard.store.outbox import LETTERS, Job, Outbox

PAUSES = (60, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""Seconds after each try that failed; after the last, the letter is laid aside."""
SECONDS = 60.0
"""For one letter."""
NOBODY = Reply(550, "1.3", ("the owner is no address any more",))
OURSELVES = Session("digest", forwarded=(("SOURCE", "LOCAL"),))


class Post:
    """Empties the box of letters."""

    def __init__(self, proxy: Proxy, sender: str, now: Callable[[], int]) -> None:
        """``sender``: From, where the host names one."""
        self._proxy = proxy
        self._sender = sender
        self._now = now

    async def deliver(self) -> int:
        """Try what is due, once; how many that were. Raises ``StoreSilent``."""
        box = Outbox(self._proxy.store, self._proxy.regime.ring, LETTERS)
        jobs = await box.take(now=self._now())
        await asyncio.gather(*(self._try(box, job) for job in jobs))
        return len(jobs)

    async def _try(self, box: Outbox, job: Job) -> None:
        answer = await self._send(job)
        sent = answer.startswith(b"2")
        metrics.DIGESTS.labels("sent" if sent else "failed").inc()
        fault = "" if sent else " ".join(answer.decode("ascii", "replace").split())
        job = replace(job, tries=job.tries + 1, fault=fault)
        if sent:
            log.digest(job.id, str(job.event["type"]), str(job.event["controller"]))
            await box.finish(job)
        elif job.tries > len(PAUSES) or answer.startswith(b"5"):
            log.digest_dead(job.id, str(job.event["controller"]), fault)
            await box.give_up(job, self._now())
        else:
            await box.put_off(job, self._now() + PAUSES[job.tries - 1])

    async def _send(self, job: Job) -> bytes:
        """The upstream's last word."""
        to = Address.parse(str(job.event["to"]).encode())
        if to is None:
            return bytes(NOBODY)
        hostname = self._proxy.house.hostname
        known = self._proxy.regime.policy.controllers.get(str(job.event["controller"]))
        operator = known.feedback.operator if known else ""
        content = letter(
            job,
            sender=self._sender or operator or f"postmaster@{hostname}",
            hostname=hostname,
            company=known.legal_name if known else str(job.event["controller"]),
        )
        envelope = Envelope(OURSELVES, None, recipients=(Recipient(to),))
        return await hand_over(self._proxy.upstream, envelope, content, SECONDS)

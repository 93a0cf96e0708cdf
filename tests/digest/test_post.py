"""Letters leave from nobody, once; those that cannot are tried again and laid aside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smtpguard.digest.post import PAUSES
from smtpguard.smtp.wire import UpstreamReply
from tests.digest.conftest import RING, STREAM

if TYPE_CHECKING:
    from tests.digest.conftest import Guard

LATER = UpstreamReply(b"451 4.3.0 not now\r\n")
NEVER = UpstreamReply(b"550 5.1.1 no such person\r\n")


async def held_up(guard: Guard) -> None:
    """A letter is due, and nobody has looked yet."""
    one = guard.worker()
    await one.send(times=4)
    await guard.later(1)
    guard.now += 60
    await one.watch.round()


async def test_a_letter_leaves_from_nobody(guard: Guard) -> None:
    await held_up(guard)
    await guard.later(1)
    ((sender, rcpts, content),) = guard.upstream.heard
    assert sender.startswith(b"FROM:<>")
    assert rcpts == [b"TO:<marketing@acme.fr>"]
    assert b"Auto-Submitted: auto-generated\r\n" in content
    assert b"\r\nFrom: smtpguard <postmaster@acme.fr>\r\n" in b"\r\n" + content
    assert b"reader@" not in content
    assert guard.upstream.leased == guard.upstream.released
    assert await guard.box().listed(dead=False) == []


async def test_the_host_may_name_another_sender(guard: Guard) -> None:
    await held_up(guard)
    guard.workers[0].watch._post._sender = "guard@acme.fr"
    await guard.later(1)
    assert guard.letters()[0]["From"] == "smtpguard <guard@acme.fr>"


async def test_without_any_sender_it_is_the_hosts_postmaster(guard: Guard) -> None:
    bare = replace(STREAM.controller, feedback=type(STREAM.controller.feedback)())
    guard.streams = (replace(STREAM, controller=bare),)
    await held_up(guard)
    await guard.later(1)
    assert guard.letters()[0]["From"] == "smtpguard <postmaster@guard.acme.fr>"


@pytest.mark.parametrize("way", ["refused later", "down", "recipient"])
async def test_what_cannot_leave_waits(guard: Guard, way: str) -> None:
    await held_up(guard)
    if way == "refused later":
        guard.upstream.final = LATER
    elif way == "recipient":
        guard.upstream.rcpts = {b"TO:<marketing@acme.fr>": LATER}
    guard.upstream.down = way == "down"
    await guard.later(1)
    (job,) = await guard.box().listed(dead=False)
    assert job.tries == 1
    assert job.fault.startswith("451 ")
    assert job.due == int(guard.now) + PAUSES[0]
    guard.upstream.heard.clear()
    guard.upstream.final = UpstreamReply(b"250 2.0.0 Ok\r\n")
    guard.upstream.rcpts = {}
    guard.upstream.down = False
    await guard.later(PAUSES[0] - 1)
    assert guard.letters() == []
    await guard.later(1)
    assert len(guard.letters()) == 1
    assert await guard.box().listed(dead=False) == []


async def test_after_the_last_try_it_is_laid_aside_and_can_be_revived(guard: Guard) -> None:
    await held_up(guard)
    guard.upstream.final = LATER
    for pause in (1, *PAUSES):
        await guard.later(pause)
    box = guard.box()
    (dead,) = await box.listed(dead=True)
    assert dead.tries == len(PAUSES) + 1
    assert dead.fault == "451 4.3.0 not now"
    guard.upstream.heard.clear()
    guard.upstream.final = UpstreamReply(b"250 2.0.0 Ok\r\n")
    await box.revive(dead, int(guard.now))
    await guard.later(0)
    sent = [letter["Message-ID"] for letter in guard.letters()]
    assert f"<{dead.id}@guard.acme.fr>" in sent


async def test_an_owner_whom_the_upstream_does_not_know_is_laid_aside_at_once(
    guard: Guard,
) -> None:
    await held_up(guard)
    guard.upstream.rcpts = {b"TO:<marketing@acme.fr>": NEVER}
    await guard.later(1)
    (dead,) = await guard.box().listed(dead=True)
    assert (dead.tries, dead.fault) == (1, "550 5.1.1 no such person")


async def test_a_letter_to_no_address_is_laid_aside(guard: Guard) -> None:
    from smtpguard.store.outbox import LETTERS, posted
    from smtpguard.store.wire import command

    event = {"type": "digest.begun", "controller": "acme", "to": "nobody", "at": int(guard.now)}
    name, at, sealed = posted(RING, event)
    keep = command(b"HSET", LETTERS.jobs, name, sealed)
    await guard.store.ask([keep, command(b"ZADD", LETTERS.due, at, name)])
    guard.worker()
    await guard.later(0)
    (dead,) = await guard.box().listed(dead=True)
    assert dead.fault.startswith("550 5.1.3")

"""Nobody is written to after their opt-out was acknowledged: the answer against the final dot."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Recipient, Session
from smtpguard.person import Reason, Suppression
from smtpguard.reply import Reply
from smtpguard.store.embedded import Embedded
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from tests.proxy.conftest import NEWSLETTER

if TYPE_CHECKING:
    from tests.proxy.conftest import Bench

RACES = 300


@pytest.fixture
def state() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="sg-"))
    with Embedded(home / "store"):
        yield home
    shutil.rmtree(home)


@pytest.mark.parametrize("protocol", ["LMTP", "ESMTP"])
async def test_no_dot_after_the_answer_passes(bench: Bench, state: Path, protocol: str) -> None:
    """The pages write over a connection of their own, as another process would."""
    guards = await Store.open(Settings(state), bench.ring)
    pages = await Store.open(Settings(state), bench.ring)
    as_it_is: Any = guards
    bench.store = as_it_is
    chance = random.Random(5321)
    sender = Address.parse(b"bounce@acme.fr")
    session = Session("smtp", protocol, "127.0.0.1", "mta", trusted=True)
    seen: Counter[tuple[bool, bool]] = Counter()

    async def mail(address: Address, pause: float) -> tuple[float, bool]:
        begun = await bench.proxy.mail(session, sender, ())
        assert not isinstance(begun, Reply)
        assert (await begun.rcpt(Recipient(address))).startswith(b"250")
        accepted.set()
        if number % 4 == 0:  # however slow the machine is, some dots come right after the answer
            await acknowledged.wait()
            pause /= 10
        await asyncio.sleep(pause)
        dot = time.monotonic()
        replies = [reply async for reply in begun.data(NEWSLETTER)]
        return dot, replies[-1].startswith(b"2")

    async def leave(address: Address, pause: float) -> float:
        await accepted.wait()
        await asyncio.sleep(pause)
        await pages.suppress("acme", address, Suppression(Reason.OBJECTION))
        answered = time.monotonic()
        acknowledged.set()
        return answered

    for number in range(RACES):
        accepted, acknowledged = asyncio.Event(), asyncio.Event()
        address = Address(b"reader%d" % number, b"client.fr")
        pauses = chance.uniform(0, 0.004), chance.uniform(0, 0.003)
        (dot, passed), answered = await asyncio.gather(
            mail(address, pauses[0]), leave(address, pauses[1])
        )
        seen[dot > answered, passed] += 1
    assert seen[True, True] == 0
    assert seen[True, False] > RACES // 10  # both orders were tried
    assert seen[False, True] > RACES // 10
    await pages.close()
    await bench.proxy.close()

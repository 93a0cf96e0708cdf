"""A worker serves while it makes ready for another policy."""

import asyncio
import threading
from typing import Any, cast

import pytest

from smtpguard.service.channel import Channel
from smtpguard.service.worker import _Parent


async def test_mail_is_served_while_a_policy_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    served = threading.Event()

    def prepare(self: _Parent, taken: object) -> str:
        assert served.wait(10), "the loop stood still"
        return f"{taken} is wrong"

    monkeypatch.setattr(_Parent, "_prepare", prepare)
    here, there = Channel.pair()
    nothing = cast("Any", None)
    parent = _Parent(nothing, nothing, [], here, asyncio.Event(), lambda: None)
    there.send(("prepare", "policy"))
    parent.heard()
    served.set()
    assert parent.preparing
    await parent.preparing
    assert there.receive(5) == "policy is wrong"
    there.send(("prepare", "another"))
    there.close()
    parent.heard()
    await parent.preparing
    assert parent.stopping.is_set(), "without a parent it ends"
    here.close()


async def test_clients_are_let_in_once_the_parent_says_so() -> None:
    here, there = Channel.pair()
    nothing = cast("Any", None)
    parent = _Parent(nothing, nothing, [], here, asyncio.Event(), lambda: None)
    opens = asyncio.create_task(parent.opens())
    await asyncio.sleep(0)
    assert not opens.done()
    there.send(("open", None))
    parent.heard()
    assert await opens
    parent.stopping.set()
    assert not await parent.opens(), "one that is to end lets nobody in"
    here.close()
    there.close()

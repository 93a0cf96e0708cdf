"""Who is ready waits for those who nearly are, and for nobody else."""

from __future__ import annotations

import asyncio

from smtpguard.proxy.convoy import TURNS, Convoy, Place


async def message(convoy: Convoy, name: str, turns: int, told: list[str]) -> None:
    """One message, which takes so many turns of the loop until it is ready."""
    place = Place(convoy)
    try:
        for _ in range(turns):
            await asyncio.sleep(0)
        await place.gathered()
        told.append(f"{name} judged")
        await place.judged()
        told.append(f"{name} signed")
    finally:
        place.leave()


async def test_all_are_judged_before_any_is_signed() -> None:
    convoy, told = Convoy(), list[str]()
    await asyncio.gather(*(message(convoy, name, n, told) for n, name in enumerate("abc", 1)))
    assert sorted(told[:3]) == ["a judged", "b judged", "c judged"]
    assert sorted(told[3:]) == ["a signed", "b signed", "c signed"]


async def test_who_is_alone_waits_for_nothing() -> None:
    convoy, told = Convoy(), list[str]()
    asyncio.get_running_loop().call_soon(told.append, "another turn")
    await message(convoy, "a", 0, told)
    assert told == ["a judged", "a signed"]


async def test_who_takes_long_is_not_waited_for() -> None:
    convoy, told = Convoy(), list[str]()
    slow = Place(convoy)
    await message(convoy, "a", 0, told)
    assert told == ["a judged", "a signed"]
    slow.leave()
    await asyncio.gather(*(message(convoy, *each, told) for each in (("b", 1), ("c", 3 * TURNS))))
    assert told[2:] == ["b judged", "b signed", "c judged", "c signed"]


async def test_who_breaks_off_is_not_waited_for() -> None:
    convoy, told = Convoy(), list[str]()
    gone = asyncio.create_task(message(convoy, "gone", 1_000_000, told))
    await asyncio.sleep(0)
    assert convoy.coming == 1
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    asyncio.get_running_loop().call_soon(told.append, "another turn")
    await message(convoy, "a", 0, told)
    assert told == ["a judged", "a signed"]
    assert (convoy.coming, convoy.ready) == (0, 0)

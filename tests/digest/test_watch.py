"""One bad template on two workers: both pause, and one letter says so."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from smtpguard.digest import watch as watching
from smtpguard.policy.controller import Unsubscribe
from smtpguard.policy.stream import Kind
from smtpguard.rules import BY_ID
from smtpguard.store.counts import Counts
from smtpguard.store.errors import StoreSilent
from tests.digest.conftest import BAD, STREAM

if TYPE_CHECKING:
    from tests.digest.conftest import Guard

EXIT = "https://u.acme.fr"


async def test_a_pause_on_one_worker_pauses_all(guard: Guard) -> None:
    one, other = guard.worker(), guard.worker()
    assert (await one.send(times=3)).startswith(b"550")
    assert (await one.send()).startswith(b"451")
    assert (await other.send()).startswith(b"550")
    await guard.later(1)
    assert (await other.send()).startswith(b"451")


async def test_refusals_on_two_workers_are_one_count(guard: Guard) -> None:
    one, other = guard.worker(), guard.worker()
    await one.send(times=2)
    await other.send(times=2)
    await guard.later(1)
    assert (await one.send()).startswith(b"451")
    assert (await other.send()).startswith(b"451")


async def test_another_fault_does_not_pause(guard: Guard) -> None:
    one, other = guard.worker(), guard.worker()
    await one.send(times=4)
    await guard.later(1)
    link = b'<a href="https://u.acme.fr/u/x">unsubscribe</a>'
    page = BAD.replace(b"\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n" + link, 1)
    assert b"missing-list-unsubscribe" in await other.send(page)
    assert (await other.send(page)).startswith(b"550")


async def test_the_owner_gets_one_letter_and_one_event(guard: Guard) -> None:
    workers = [guard.worker() for _ in range(3)]
    for one in workers:
        await one.send(times=40)
    await guard.later(1)
    assert guard.letters() == []
    await guard.later(60)
    for one in workers:
        await one.send(times=10)
    for _ in range(5):
        await guard.later(300)
        await workers[0].send(times=10)
    assert guard.to() == [b"<marketing@acme.fr>"]
    (event,) = await guard.hooks()
    assert event["type"] == "digest.begun"
    (fault,) = event["faults"]
    assert (fault["refused"], fault["deferred"]) == (9, 111)
    assert fault["more"] == "https://help.example/missing-unsubscribe-link"


async def test_its_end_is_told_and_mail_is_refused_again(guard: Guard) -> None:
    one = guard.worker()
    await one.send(times=10)
    await guard.later(1)
    await guard.later(60)
    await guard.later(640)
    assert (await one.send()).startswith(b"550")
    await guard.later(301)
    first, last = guard.letters()
    assert first["Subject"] == "[smtpguard] acme/news is held up: missing-unsubscribe-link"
    assert last["Subject"] == f"[smtpguard] over: {first['Subject'][12:]}"
    assert [event["type"] for event in await guard.hooks()] == ["digest.begun", "digest.ended"]


async def test_a_stream_that_puts_off_is_told_of_at_once(guard: Guard) -> None:
    """Nothing comes back from it: nobody would know."""
    guard.streams = (replace(STREAM, refuse_with_defer=True),)
    one = guard.worker()
    assert (await one.send()).startswith(b"451")
    await guard.later(1)
    await guard.later(60)
    (letter,) = guard.letters()
    assert "puts off (451) what it would otherwise refuse" in " ".join(body(letter).split())
    await guard.later(4000)  # Postfix tries again
    await one.send()
    await guard.later(4000)
    assert len(guard.letters()) == 1


async def test_an_exit_that_is_silent_is_told_to_each_owner(guard: Guard) -> None:
    other = replace(STREAM, name="offers", owner="offers@acme.fr")
    quiet = replace(STREAM, name="invoices", owner="billing@acme.fr", kind=Kind.TRANSACTIONAL)
    elsewhere = replace(
        STREAM,
        name="far",
        owner="far@acme.fr",
        brand=replace(STREAM.brand, unsubscribe=Unsubscribe("https://far.example")),
    )
    guard.streams = (STREAM, other, quiet, elsewhere)
    one, two = guard.worker(), guard.worker()
    for each in guard.workers:
        each.proxy.shut = frozenset({EXIT})
    assert (await one.send()).startswith(b"451")
    for _ in range(5):
        await guard.later(15)
    assert sorted(guard.to()) == [b"<marketing@acme.fr>", b"<offers@acme.fr>"]
    news = next(one for one in guard.letters() if one["To"] == "marketing@acme.fr")
    assert f"the exit pages at {EXIT} do not answer" in " ".join(body(news).split())
    assert "missing-unsubscribe-link" in body(news)
    assert "acme/offers" not in body(news)
    one.proxy.shut = frozenset()  # the other still finds it silent
    await guard.later(70)
    await guard.later(400)
    assert len(guard.letters()) == 2
    two.proxy.shut = frozenset()
    await guard.later(70)
    await guard.later(301)
    assert len(guard.letters()) == 4
    types = [event["type"] for event in await guard.hooks()]
    assert types == ["digest.begun", "digest.ended"]


async def test_poison_is_poison_on_every_worker(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = BY_ID["missing-unsubscribe-link"]

    def raising(_: object) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr("smtpguard.verdict.deliberate.ALL", (replace(rule, check=raising),))
    workers = [guard.worker() for _ in range(3)]
    assert [(await one.send())[:3] for one in workers] == [b"451", b"451", b"550"]


async def test_mail_that_passes_is_not_counted(guard: Guard) -> None:
    guard.streams = (replace(STREAM, rules={}),)
    one = guard.worker()
    assert (await one.send()).startswith(b"250")
    assert one.proxy.patience.taken() == []


async def test_while_the_store_is_silent_each_counts_alone(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = guard.worker(), guard.worker()
    await one.send(times=4)
    await guard.later(1)
    ask = guard.store.ask

    async def silent(_: object) -> list[Any]:
        raise StoreSilent("gone")

    monkeypatch.setattr(guard.store, "ask", silent)
    await one.send(times=6)
    for each in guard.workers:
        with pytest.raises(StoreSilent):
            await each.watch.round()
    assert (await other.send()).startswith(b"550")
    assert (await one.send()).startswith(b"451")
    monkeypatch.setattr(guard.store, "ask", ask)
    await guard.later(1)
    await guard.later(60)
    (event,) = await guard.hooks()
    (fault,) = event["faults"]
    assert fault["refused"] + fault["deferred"] == 12


async def test_a_stream_without_an_owner_is_the_operators(guard: Guard) -> None:
    guard.streams = (replace(STREAM, owner="Marketing, 3rd floor"),)
    one = guard.worker()
    await one.send(times=4)
    await guard.later(1)
    await guard.later(60)
    assert guard.to() == [b"<postmaster@acme.fr>"]


async def test_a_stream_that_went_out_of_the_policy_is_told_to_nobody(guard: Guard) -> None:
    one = guard.worker()
    await one.send(times=4)
    await guard.later(1)
    guard.streams = (replace(STREAM, name="other"),)
    one.proxy.regime = guard.regime()
    await guard.later(60)
    await guard.later(7200)
    assert guard.letters() == []
    assert await guard.hooks() == []


async def test_what_was_counted_last_is_said_at_the_end(guard: Guard) -> None:
    one, other = guard.worker(), guard.worker()
    one.watch.start()
    await one.send(times=4)
    await one.watch.close()
    await other.watch.round()
    assert (await other.send()).startswith(b"451")


async def test_the_watch_goes_on_after_a_failure(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "EVERY", 0.001)
    one, rounds = guard.worker(), asyncio.Queue[int]()

    async def fails() -> None:
        rounds.put_nowait(1)
        raise StoreSilent("gone") if rounds.qsize() % 2 else RuntimeError("bug")

    monkeypatch.setattr(one.watch, "round", fails)
    one.watch.start()
    for _ in range(4):
        await asyncio.wait_for(rounds.get(), 10)
    await one.watch.close()


def body(letter: Any) -> str:
    return str(letter.get_content())


async def test_a_list_that_was_not_cleaned_is_named(guard: Guard) -> None:
    one = guard.worker()
    counts, day = Counts(guard.store), 86_400
    now = int(guard.now)
    await counts.attempted("acme", "news", [3600, 3 * day, 9 * day], now)
    await counts.attempted("acme", "offers", [3 * day], now)
    await counts.attempted("beta", "news", [3 * day], now)
    await one.send(times=4)
    await guard.later(1)
    await guard.later(60)
    (event,) = await guard.hooks()
    assert event["unclean"] == 2
    assert "Besides, 2 mails of the last seven days" in body(guard.letters()[0])

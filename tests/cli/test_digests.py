"""``smtpguard digests`` as an operator types it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from smtpguard.store.embedded import Embedded
from smtpguard.store.keyfiles import load_ring
from smtpguard.store.outbox import LETTERS, Outbox
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from smtpguard.store.troubles import Cause, Count, Name, Note, Pace, Troubles

Run = Callable[..., int]
NAME = Name(Cause.PAUSED, "acme", "news", "unrendered-placeholder")
AT = 1_795_428_000


def hold_up(state: Path, server: Embedded) -> None:
    """A stream pauses, its owner is written to, and the letter does not leave."""

    async def work() -> None:
        ring = load_ring(state / "keys")
        settings = Settings(state, url=f"embedded:{server.directory}")
        store = await Store.open(settings, ring, lambda _: None)
        troubles = Troubles(store, Pace(3600, 0))
        counts = {("news", NAME.fault): Count(12, 30, "550 5.6.0")}
        await troubles.watch([Note(NAME, 10, 600, 42, counts)], AT)
        (one,) = await troubles.take(AT)
        event = {"type": "digest.begun", "controller": "acme", "to": "jo@acme.fr", "at": AT}
        assert await troubles.told(one, ring, AT, letters=[event])
        box = Outbox(store, ring, LETTERS)
        (job,) = await box.take(now=AT)
        await box.give_up(job, AT + 60)
        await store.close()

    asyncio.run(work())


def test_what_is_held_up_is_listed_and_letters_are_tried_again(
    run: Run, state: Path, server: Embedded, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("store", "init") == 0
    assert run("digests", "list") == 0
    assert "nothing is held up" in capsys.readouterr().err
    hold_up(state, server)
    assert run("digests", "list") == 1
    trouble, letter = capsys.readouterr().out.splitlines()
    since = "2026-11-23 10:00 UTC"
    assert trouble.split("\t") == [
        *("paused", "acme/news", "unrendered-placeholder", since, "still"),
        "12 refused, 30 put off",
    ]
    name, kind, *facts = letter.split("\t")
    assert kind == "digest.begun"
    assert facts[:3] == ["acme", "jo@acme.fr", "given up 2026-11-23 10:01 UTC"]
    assert run("digests", "retry", "msg_unknown") == 1
    assert run("digests", "retry", name) == 0
    capsys.readouterr()
    assert run("digests", "list") == 0
    assert "waits until" in capsys.readouterr().out

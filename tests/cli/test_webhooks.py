"""``smtpguard webhooks`` as an operator types it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from smtpguard.store.embedded import Embedded
from smtpguard.store.keyfiles import load_ring
from smtpguard.store.outbox import Outbox
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Run = Callable[..., int]
POLICY = """\
controller: acme
legal_name: Acme SAS
webhooks: [{url: "https://crm.example/hook", secret: "file:secret"}]
streams:
  news: {class: marketing, match: {sender: news@acme.example}}
"""


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    (tmp_path / "acme.yaml").write_text(POLICY)
    return tmp_path / "acme.yaml"


def give_up(state: Path, server: Embedded) -> None:
    """All tries failed."""

    async def work() -> None:
        ring = load_ring(state / "keys")
        settings = Settings(state, url=f"embedded:{server.directory}")
        store = await Store.open(settings, ring, lambda _: None)
        outbox = Outbox(store, ring)
        for job in await outbox.take(now=5_000_000_000):
            await outbox.give_up(job, 1_800_000_000)
        await store.close()

    asyncio.run(work())


def test_what_operators_do_is_told_listed_and_retried(
    run: Run,
    state: Path,
    server: Embedded,
    policies: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("store", "init") == 0
    assert run("webhooks", "list") == 0
    assert "everything was told" in capsys.readouterr().err
    here = ("--policies", str(policies))
    assert run("suppress", "add", "jo@reader.example", *here) == 0
    assert run("suppress", "add", "jo@reader.example", *here) == 0  # known
    assert run("suppress", "remove", "jo@reader.example", "--because", "asked", *here) == 0
    capsys.readouterr()
    assert run("webhooks", "list") == 0
    said = capsys.readouterr().out
    kinds = sorted(line.split("\t")[1] for line in said.splitlines())
    assert kinds == ["suppression.created", "suppression.lifted"]
    assert "jo@" not in said
    give_up(state, server)
    assert run("webhooks", "list") == 1
    names = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert run("webhooks", "retry", names[0]) == 0
    assert run("webhooks", "retry", "msg_unknown") == 1
    assert run("webhooks", "retry") == 0
    assert run("webhooks", "list") == 0
    assert "waits until" in capsys.readouterr().out

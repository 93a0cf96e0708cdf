"""``smtpguard requests`` as an operator types it."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from smtpguard.keys import LinkKey
from smtpguard.mail.address import Address
from smtpguard.store.embedded import Embedded
from smtpguard.store.keyfiles import load_ring, write_file
from smtpguard.store.requests import Kind, open_request
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from smtpguard.unsubscribe.asker import Asker, seal

Run = Callable[..., int]
Open = Callable[..., str]


@pytest.fixture
def opened(run: Run, state: Path, server: Embedded) -> Open:
    """A reader asks, some days ago."""
    assert run("store", "init") == 0
    ring = load_ring(state / "keys")

    def opened(who: str = "jo@reader.example", days: int = 0, note: str = "") -> str:
        async def ask() -> str:
            settings = Settings(state, url=f"embedded:{server.directory}")
            store = await Store.open(settings, ring, lambda _: None)
            address = Address.parse(who.encode())
            assert address
            sealed = seal(ring, Asker(who, "fr", note))
            now = int(time.time()) - days * 86_400
            keep = 180 * 86_400
            found, _ = await open_request(
                store, ring, "acme", address, Kind.ACCESS, sealed, keep=keep, now=now
            )
            await store.close()
            return found.number

        return asyncio.run(ask())

    return opened


def test_none(run: Run, opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("requests", "list") == 0
    assert "no open requests" in capsys.readouterr().err


def test_listed_shown_and_done(run: Run, opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    number = opened(note="Bonjour.\x1b[31m\nMerci.")
    assert run("requests", "list") == 0
    line = capsys.readouterr().out
    assert line.startswith(f"{number}\taccess\tacme\tdue ")
    assert "reader" not in line
    assert run("requests", "show", number) == 0
    shown = capsys.readouterr().out
    assert "jo@reader.example" in shown
    assert "Bonjour.[31m\nMerci." in shown
    assert run("requests", "done", number) == 0
    assert run("requests", "done", number) == os.EX_DATAERR
    capsys.readouterr()
    assert run("requests", "list") == 0
    assert number not in capsys.readouterr().out
    assert run("requests", "list", "--done") == 0
    assert "\tdone " in capsys.readouterr().out


def test_what_is_overdue_is_said_first_and_fails(
    run: Run, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    opened()
    late = opened("ann@reader.example", days=40)
    assert run("requests", "list") == 1
    first, _ = capsys.readouterr().out.splitlines()
    assert first.startswith(late)
    assert first.endswith("OVERDUE")


def test_another_host_s_keys(
    run: Run, opened: Open, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = opened()
    ring = load_ring(state / "keys")
    for file in (state / "keys").glob("*.keys"):
        file.unlink()
    write_file(state / "keys" / "other.keys", replace(ring, links=(LinkKey(200, b"x" * 64),)))
    capsys.readouterr()
    run("requests", "show", number)
    assert "sealed with a link key that is not here" in capsys.readouterr().out


def test_no_such_request(run: Run, opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("requests", "show", "R-000000-000000") == os.EX_DATAERR
    assert "no request R-000000-000000" in capsys.readouterr().err

"""A host with an embedded store, and a shell on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smtpguard.cli import main
from smtpguard.store.embedded import Embedded
from tests.valkey import empty, running

Run = Callable[..., int]


@pytest.fixture(scope="session")
def server() -> Iterator[Embedded]:
    with running() as one:
        yield one


@pytest.fixture
def state(server: Embedded, tmp_path: Path) -> Path:
    """A host with keys, whose store is empty and whose policies are none."""
    empty(server)
    return tmp_path / "state"


@pytest.fixture
def run(server: Embedded, state: Path) -> Run:
    """Run a command on that host; the first one founds the store."""

    def run(*words: str, here: bool = True) -> int:
        place = ("--url", f"embedded:{server.directory}") if here else ()
        return main([*words, "--state", str(state), *place])

    return run

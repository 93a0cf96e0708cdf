"""The running service between a client and an upstream that do what they should not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.serve import Guard
from tests.faults.wire import Upstream

POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
rights_contact: dpo@acme.fr
brands:
  acme:
    from_domains: [acme.fr]
    unsubscribe: {url: "https://u.acme.fr", mailto: unsubscribe@acme.fr}
    languages: [fr]
streams:
  newsletter:
    match: {sender: news@acme.fr}
    class: marketing
    brand: acme
    mode: enforce
    edits: body
    rules: {missing-unsubscribe-link: fix-or-reject, unrendered-placeholder: reject}
  single:
    match: {sender: app@acme.fr, recipient: "@one.client.fr"}
    class: transactional
    brand: acme
    recipients: one
    mode: enforce
default: {class: personal}
"""


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A short path, because sockets live below it."""
    folder = Path(tempfile.mkdtemp(prefix="sg-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def policies(place: Path) -> Path:
    """The policies that are enforced."""
    folder = place / "policies"
    folder.mkdir()
    (folder / "acme.yaml").write_text(POLICY)
    return folder


@pytest.fixture(scope="session")
def behind() -> Iterator[Upstream]:
    """The next hop."""
    upstream = Upstream()
    yield upstream
    upstream.stop()


@pytest.fixture
def upstream(behind: Upstream) -> Iterator[Upstream]:
    """The next hop, as it should be when a test begins."""
    behind.behave()
    yield behind
    behind.behave()


@pytest.fixture(scope="session")
def start(place: Path, policies: Path, behind: Upstream) -> Iterator[Callable[..., Guard]]:
    """Start a guard; settings as in its configuration."""
    running: list[Guard] = []

    def make(name: str, *, launch: bool = True, **settings: Any) -> Guard:
        one = Guard(place / name, settings.pop("port", behind.port), policies, **settings)
        running.append(one)
        if launch:
            one.start()
        return one

    yield make
    for one in running:
        one.end()


@pytest.fixture(scope="session")
def guard(start: Callable[..., Guard]) -> Guard:
    """The guard of all tests, for faults that it survives."""
    timeouts = {"connect": "1s", "greeting": "1s", "command": "1s"}
    return start("guard", upstream={"timeouts": timeouts})

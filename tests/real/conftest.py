"""A front Postfix, the guard, and a Postfix behind it, private to one test module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import free_port
from tests.real.guard import Guard
from tests.real.mta import Postfix, together
from tests.real.wiring import WHOLE_LINES

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
    owner: marketing@acme.fr
    match: {from_domain: acme.fr, sender: news@acme.fr}
    class: marketing
    brand: acme
    mode: enforce
    edits: body
    rules:
      missing-unsubscribe-link: fix-or-reject
      missing-list-unsubscribe: fix-or-reject
      unrendered-placeholder: reject
  digest:
    owner: marketing@acme.fr
    match: {sender: digest@acme.fr}
    class: marketing
    brand: acme
    mode: enforce
    rules:
      missing-unsubscribe-link: allow
      missing-list-unsubscribe: allow
  resets:
    match: {from_domain: acme.fr, sender: no-reply@acme.fr}
    class: transactional
    brand: acme
    mode: enforce
default: {class: personal}
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that the Postfix user can enter; pytest's own are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="sg-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postfix(place: Path) -> Iterator[Callable[..., Postfix]]:
    """Make private instances of Postfix, to be started."""
    running: list[Postfix] = []

    def start(name: str, **settings: object) -> Postfix:
        one = Postfix(place / name, **settings)  # type: ignore[arg-type]
        running.append(one)
        return one

    yield start
    together(*(one.stop for one in running))


@pytest.fixture(scope="module")
def guard(place: Path) -> Iterator[Callable[..., Guard]]:
    """Make guards, to be started."""
    running: list[Guard] = []

    def start(upstream: int, **settings: object) -> Guard:
        folder = place / f"guard{len(running)}"
        policies = place / f"policies{len(running)}"
        policies.mkdir()
        (policies / "acme.yaml").write_text(POLICY)
        one = Guard(folder, upstream, policies, **settings)
        running.append(one)
        return one

    yield start
    together(*(one.clear_away for one in running))


@pytest.fixture(scope="module")
def behind(postfix: Callable[..., Postfix]) -> Postfix:
    """The last hop: whatever it takes stands in its mailbox, reports of its own included."""
    mailboxes = ["client.fr", "acme.fr"]
    one = postfix("behind", ports={free_port(): ()}, mailboxes=mailboxes, **WHOLE_LINES)
    one.start()
    return one

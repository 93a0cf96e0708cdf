"""``smtpguard serve`` before the door opens: what is wrong is said once, with its code.

What it does once the door is open, ``tests/service`` and ``tests/real`` show.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smtpguard import log
from smtpguard.cli import main
from smtpguard.cli import serve as command
from smtpguard.config import Config, load
from smtpguard.policy.source import Problem, Problems
from smtpguard.store.embedded import Embedded, EmbeddedError
from smtpguard.store.errors import StoreSilent, StoreUntrusted
from smtpguard.store.keyfiles import KeyFileError
from tests.cli.conftest import Run
from tests.valkey import empty

POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
"""


@pytest.fixture(autouse=True)
def _process() -> Iterator[None]:
    """Serving in this process takes hold of SIGTERM and of the log."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    log.configure()


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    file = tmp_path / "acme.yaml"
    file.write_text(POLICY)
    return file


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            Problems([Problem("a.yaml", 5, 28, "one"), Problem("b.yaml", 1, 1, "two")]),
            os.EX_CONFIG,
            "a.yaml:5:28: one\nb.yaml:1:1: two\n",
        ),
        (KeyFileError("r1.keys is damaged"), os.EX_CONFIG, "r1.keys is damaged\n"),
        (StoreUntrusted("it evicts", "mend it so"), os.EX_CONFIG, None),
        (EmbeddedError("no binary"), os.EX_UNAVAILABLE, "smtpguard: no binary\n"),
        (StoreSilent("no answer"), os.EX_UNAVAILABLE, "smtpguard: no answer\n"),
        (OSError("port in use"), os.EX_UNAVAILABLE, "smtpguard: port in use\n"),
    ],
)
def test_what_keeps_it_from_serving_is_said_once_with_its_code(
    error: Exception, code: int, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    def read() -> Config:
        raise error

    assert command.run(read) == code
    assert capsys.readouterr().err == (said or f"{error}\n")


def test_the_words_of_the_command_line_come_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "smtpguard.yaml"
    config.write_text("upstream: {address: 127.0.0.1:2525}\nworkers: 3\n")
    seen: list[Config] = []

    def run(read: Callable[[], Config]) -> int:
        seen.append(read())
        return 7

    monkeypatch.setattr(command, "run", run)
    places = ["--listen", "news=127.0.0.1:1025", "--lmtp", f"unix:{tmp_path}/lmtp"]
    words = [*places, "--upstream", "127.0.0.1:1026", "--state", str(tmp_path / "s")]
    assert main(["serve", "-c", str(config), *words]) == 7
    (found,) = seen
    assert {e.name: (e.protocol, str(e.listen)) for e in found.listeners}["news"] == (
        "smtp",
        "127.0.0.1:1025",
    )
    assert sorted(e.protocol for e in found.listeners) == ["lmtp", "smtp"]
    assert str(found.upstream.address) == "127.0.0.1:1026"
    assert found.workers == 3
    assert found.state == tmp_path / "s"


def test_a_policy_that_is_wrong_keeps_the_door_shut(
    run: Run, policies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policies.write_text(POLICY + "streems: {}\n")
    assert run("serve", "--policies", str(policies), here=False) == os.EX_CONFIG
    said = capsys.readouterr().err
    assert "acme.yaml:4:1: " in said
    assert "did you mean" in said


def test_a_listener_that_would_be_an_open_relay_is_refused(
    run: Run, tmp_path: Path, policies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "smtpguard.yaml"
    config.write_text(
        "listeners:\n  - {name: smtp, listen: 127.0.0.1:1025, relay_from: [0.0.0.0/0]}\n"
    )
    words = ("serve", "-c", str(config), "--policies", str(policies))
    assert run(*words, here=False) == os.EX_CONFIG
    assert "smtpguard.yaml:2:" in capsys.readouterr().err


def served(server: Embedded, tmp_path: Path, policies: Path, place: str) -> list[str]:
    config = tmp_path / "smtpguard.yaml"
    config.write_text(f"store: {{url: 'unix://{server.socket}', timeout: 1s, blip: 1s}}\n")
    words = ["--listen", place, "--upstream", "127.0.0.1:9", "--policies", str(policies)]
    return ["serve", "-c", str(config), "--state", str(tmp_path / "state"), *words]


def test_a_place_that_is_taken_is_unavailable(
    run: Run,
    server: Embedded,
    tmp_path: Path,
    policies: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("store", "init") == 0
    capsys.readouterr()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(served(server, tmp_path, policies, place)) == os.EX_UNAVAILABLE
    assert "in use" in capsys.readouterr().err


def test_a_store_that_was_emptied_is_not_served_from(
    run: Run,
    server: Embedded,
    tmp_path: Path,
    policies: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("store", "init") == 0
    empty(server)
    assert main(served(server, tmp_path, policies, "127.0.0.1:0")) == os.EX_CONFIG
    assert "store init" in capsys.readouterr().err


def test_without_its_keys_a_store_elsewhere_is_not_served_from(
    server: Embedded, state: Path, tmp_path: Path, policies: Path
) -> None:
    code = main(served(server, tmp_path, policies, "127.0.0.1:0"))
    assert code == os.EX_CONFIG
    assert not (state / "keys").exists(), "keys of its own would fork the store"


def test_the_defaults_can_be_read() -> None:
    assert load(None).workers >= 1

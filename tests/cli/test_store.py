"""``smtpguard store``: prepared by hand, looked at, or run alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smtpguard.cli import main
from smtpguard.cli.store import SERVER
from smtpguard.store.embedded import Embedded
from tests.cli.conftest import Run
from tests.valkey import empty


def test_init_makes_keys_and_a_mark_once(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("store", "init") == 0
    first = capsys.readouterr()
    assert "new keys in" in first.err
    assert first.out.endswith("is ready\n")
    assert run("store", "init") == 0
    again = capsys.readouterr()
    assert again.err == ""
    assert again.out == first.out.replace("is ready", "was ready before")
    assert list((state / "keys").iterdir())


def test_status_says_what_an_operator_asks(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("store", "init")
    mark = capsys.readouterr().out.split()[1]
    assert run("store", "status") == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert said["store"] == mark
    assert said["appendonly"] == "yes"
    assert said["maxmemory-policy"] == "noeviction"
    assert int(said["process"]) > 0
    assert int(said["keys"]) >= 1
    assert SERVER[0].startswith("valkey")


def test_another_host_with_other_keys_is_not_let_in(
    run: Run, server: Embedded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("store", "init")
    other = ("--state", str(tmp_path / "other"), "--url", f"embedded:{server.directory}")
    capsys.readouterr()
    assert main(["store", "init", *other]) == os.EX_CONFIG
    assert re.search("key .* (not held here|not the one)", capsys.readouterr().err)


def test_an_emptied_store_is_not_trusted_until_told(
    run: Run, server: Embedded, capsys: pytest.CaptureFixture[str]
) -> None:
    run("store", "init")
    empty(server)
    assert run("store", "status") == os.EX_CONFIG
    assert "store init --force" in capsys.readouterr().err
    assert run("store", "init", "--force") == 0
    assert run("store", "status") == 0


def test_a_store_that_is_not_there_is_unavailable(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "smtpguard.yaml"
    config.write_text(f"store: {{url: 'unix://{tmp_path}/none', timeout: 100ms, blip: 100ms}}\n")
    run("keys", "new", here=False)
    code = run("store", "status", "-c", str(config), here=False)
    assert code == os.EX_UNAVAILABLE
    assert capsys.readouterr().err.startswith("smtpguard: ")


def test_serve_is_for_the_embedded_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "smtpguard.yaml"
    config.write_text("store: {url: redis://127.0.0.1:6379/0}\n")
    code = main(["store", "serve", "-c", str(config), "--state", str(tmp_path)])
    assert code == os.EX_CONFIG
    assert "the store is elsewhere (redis)" in capsys.readouterr().err


def test_serve_runs_until_told_to_stop_and_others_find_it(tmp_path: Path) -> None:
    state = tmp_path / "s"
    state.mkdir()
    command = [sys.executable, "-m", "smtpguard", "store", "serve", "--state", str(state)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        said = serving.stderr.readline()
        assert "the embedded store listens on" in said
        process = int(said.rsplit(" ", 1)[1])
        assert main(["store", "init", "--state", str(state)]) == 0
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(20) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)

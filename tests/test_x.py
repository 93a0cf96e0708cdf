"""The file ``x``: its words, its environment, and that nothing is skipped in silence."""

import hashlib
import os
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def x(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``x`` as a module, which runs the Python that runs the tests."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("x", str(ROOT / "x"))
    spec = spec_from_loader("x", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.delenv("CI", raising=False)
    return module


@pytest.fixture
def ran(x: Any, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been run; nothing is."""
    commands: list[list[str]] = []

    def run(*command: object) -> int:
        commands.append([str(word) for word in command])
        return 0

    monkeypatch.setattr(x, "run", run)
    return commands


@pytest.fixture
def checkout(x: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """An empty checkout around ``x``; what would have been run there."""
    (tmp_path / "requirements.lock").write_text("")
    monkeypatch.setattr(x, "ROOT", tmp_path)
    monkeypatch.setattr(x, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(x, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(x, "STAMP", tmp_path / ".venv" / "made-from")
    monkeypatch.setattr(x, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    commands: list[list[str]] = []

    def run(*command: object) -> int:
        words = [str(word) for word in command]
        commands.append(words)
        return 0 if "venv" not in words else subprocess.run(words, check=False).returncode

    monkeypatch.setattr(x, "run", run)
    return commands


def test_alone_it_lists_its_words() -> None:
    shown = subprocess.run([ROOT / "x"], capture_output=True, text=True, check=True).stdout
    source = (ROOT / "x").read_text()
    words = re.findall(r'^        "(\w+)": (\w+),$', source, re.MULTILINE)
    assert len(words) >= 6
    for word, function in words:
        assert word == function
        assert f"\n    ./x {word} " in shown


def test_an_unknown_word_is_a_usage_error() -> None:
    done = subprocess.run([ROOT / "x", "frobnicate"], capture_output=True, text=True, check=False)
    assert done.returncode == os.EX_USAGE
    assert "no word 'frobnicate'" in done.stderr


def test_an_old_python_is_told_so_or_replaced(tmp_path: Path) -> None:
    """The check stands behind nothing that an older Python cannot run."""
    source = (ROOT / "x").read_text().replace("0x030B0000", "0x7F000000")
    (tmp_path / "x").write_text(source)
    command = [sys.executable, str(tmp_path / "x")]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"PATH": str(tmp_path)}, check=False
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or later" in done.stderr


def test_the_environment_is_made_once(
    x: Any, checkout: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x.shutil, "which", lambda _: None)
    x.environment()
    assert any("--require-hashes" in command for command in checkout)
    assert x.PYTHON.exists()
    made = len(checkout)
    x.environment()
    assert len(checkout) == made
    command = [str(x.PYTHON), "-c", "import sys; print(sys.path)"]
    seen = subprocess.check_output(command, text=True)
    assert repr(str(x.ROOT)) in seen


def test_another_lock_is_another_environment(
    x: Any, checkout: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x.shutil, "which", lambda _: None)
    x.environment()
    made = len(checkout)
    x.LOCK.write_text("# another\n")
    x.environment()
    assert len(checkout) == made + 1, "the packages only: Python itself is still good"
    wanted = hashlib.sha256(b"# another\n" + str(x.ROOT).encode()).hexdigest()
    assert x.STAMP.read_text() == wanted


def test_a_failed_installation_leaves_no_stamp(
    x: Any, checkout: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not checkout
    monkeypatch.setattr(x, "with_uv", lambda: False)
    monkeypatch.setattr(x, "with_pip", lambda: False)
    with pytest.raises(SystemExit, match="could not be made"):
        x.environment()
    assert not x.STAMP.exists()


def test_uv_is_used_when_present(
    x: Any, checkout: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x.shutil, "which", {"uv": "/usr/bin/true"}.get)
    assert x.with_uv()
    assert ["venv" in checkout[0], "sync" in checkout[1]] == [True, True]


def test_the_lock_is_hashed_and_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    packages = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", lock, re.MULTILINE | re.DOTALL)
    assert len(packages) > 30
    assert [package for package in packages if "--hash=sha256:" not in package] == []


def test_the_lock_names_every_dependency() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    asked = set(re.findall(r'^    "([\w.-]+)(?:\[\w+\])?>=', project, re.MULTILINE))
    locked = set(
        re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    )
    assert len(asked) > 20
    assert {name.replace(".", "-") for name in asked} <= {n.replace(".", "-") for n in locked}


def test_strict_refuses_to_go_on_without_a_program(
    x: Any,
    ran: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(x, "missing", lambda: ["postfix"])
    assert x.test(["--strict"]) == 1
    assert "postfix" in capsys.readouterr().err
    monkeypatch.setenv("CI", "true")
    assert x.test([]) == 1
    assert not ran


def test_what_is_skipped_is_said(
    x: Any,
    ran: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(x, "missing", lambda: ["postfix"])
    assert x.test([]) == 0
    assert "SKIPPED" in capsys.readouterr().err
    passes = [command for command in ran if "pytest" in command]
    assert [command[-1] for command in passes] == ["not real"]


def test_everything_runs_when_nothing_is_missing(
    x: Any, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x, "missing", list)
    assert x.test([]) == 0
    assert [c[0] for c in ran if "pytest" not in c] == ["ruff", "ruff", "mypy"]
    assert [c[-1] for c in ran if "pytest" in c] == ["not real", "real"]


def test_one_failure_is_enough(x: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program ended by a signal has a negative code; that is a failure too."""
    monkeypatch.setattr(x, "missing", list)
    monkeypatch.setattr(x, "run", lambda *command: -9 if "mypy" in command else 0)
    assert x.test([]) == 1


@pytest.mark.parametrize(("strict", "code"), [(True, 1), (False, 0)])
def test_strict_counts_what_pytest_skipped(x: Any, tmp_path: Path, strict: bool, code: int) -> None:
    name = "importorskip"
    (tmp_path / "test_it.py").write_text(
        f"import pytest\ndef test_a(): pytest.{name}('no_such_module')\ndef test_b(): pass\n"
    )
    assert x.pytest([str(tmp_path), "-p", "no:cacheprovider"], strict=strict) == code


def test_installing_starts_no_service(
    x: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(x, "Path", lambda _: policy)
    with x.no_services():
        assert subprocess.run([policy], check=False).returncode == 101
    assert not policy.exists()
    policy.write_text("theirs")
    with x.no_services():
        pass
    assert policy.read_text() == "theirs"


def test_programs_are_installed_only_as_root(
    x: Any, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x.shutil, "which", lambda _: None)
    monkeypatch.setattr(x.os, "geteuid", lambda: 1000)
    assert x.missing() == list(x.PROGRAMS)
    assert not ran


def test_ci_runs_every_test_strictly() -> None:
    assert "CI=true exec ./x test" in (ROOT / ".ci" / "run").read_text()

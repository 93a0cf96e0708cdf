"""``smtpguard users``: a file that nobody else can read, changed whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smtpguard.cli import main
from smtpguard.smtp.sasl import Credentials
from smtpguard.smtp.users import parse

PASSWORD = "correct horse é"
Users = Callable[..., int]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users"


@pytest.fixture
def users(file: Path, monkeypatch: pytest.MonkeyPatch) -> Users:
    """Run a word of the command, with a line on standard input."""

    def run(*words: str, said: bytes = PASSWORD.encode() + b"\n") -> int:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(said)))
        return main(["users", *words, "--file", str(file)])

    return run


def test_who_was_added_is_admitted(
    users: Users, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert users("add", "crm") == os.EX_OK
    assert "crm was added; SIGHUP" in capsys.readouterr().err
    assert parse(file.read_bytes()).admits(Credentials("crm", PASSWORD))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD.encode() not in file.read_bytes()


def test_another_password_replaces_the_old_one_and_nothing_else(
    users: Users, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("crm", "crm2"):
        users("add", name)
    file.write_bytes(b"# programs, \xff\n\n" + file.read_bytes())
    file.chmod(0o640)
    before = file.read_bytes().splitlines()
    assert users("add", "crm", said=b"another one 42") == os.EX_OK
    assert "crm has another password" in capsys.readouterr().err
    after = file.read_bytes().splitlines()
    assert [n for n, line in enumerate(before) if line != after[n]] == [2]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(file.parent.iterdir()) == [file]


def test_names_are_listed_and_removed(
    users: Users, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("shop@acme.example", "crm"):
        users("add", name)
    assert users("list") == os.EX_OK
    assert capsys.readouterr().out == "crm\nshop@acme.example\n"
    assert users("remove", "crm") == os.EX_OK
    assert list(parse(file.read_bytes())) == ["shop@acme.example"]
    assert users("remove", "crm") == os.EX_DATAERR
    assert "there is no `crm`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "12 characters at least"),
        (b"too short\n", "12 characters at least"),
        (b"correct horse \x07\n", "a character that no name and no password may have"),
        (b"correct horse \xff\n", "not UTF-8"),
    ],
)
def test_a_password_that_is_none_changes_nothing(
    users: Users, file: Path, said: bytes, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert users("add", "crm", said=said) == os.EX_DATAERR
    told = capsys.readouterr().err
    assert why in told
    assert "correct" not in told
    assert not file.exists()


@pytest.mark.parametrize("name", ["c:rm", "c rm", "", "é", "x" * 129])
def test_a_name_that_is_none(users: Users, name: str) -> None:
    assert users("add", name) == os.EX_USAGE


def test_a_file_that_is_open_to_others_or_wrong_is_not_touched(
    users: Users, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    users("add", "crm")
    file.chmod(0o644)
    assert users("add", "shop") == os.EX_CONFIG
    assert "is open to others: `chmod 600" in capsys.readouterr().err
    file.chmod(0o600)
    file.write_text("crm:hunter2\n")
    assert users("add", "shop") == os.EX_CONFIG
    told = capsys.readouterr().err
    assert f"{file}:1:1: no scrypt hash" in told
    assert "hunter2" not in told
    assert file.read_text() == "crm:hunter2\n"


def test_a_link_stays_one(users: Users, file: Path) -> None:
    there = file.with_name("there")
    there.touch(0o600)
    file.symlink_to(there)
    assert users("add", "crm") == os.EX_OK
    assert file.is_symlink()
    assert list(parse(there.read_bytes())) == ["crm"]


def test_the_file_is_that_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "smtpguard.yaml"
    config.write_text(
        "listeners:\n"
        "- {name: a, listen: 'unix:a', auth: {users: one}}\n"
        "- {name: b, listen: 'unix:b', auth: {users: one}}\n"
        "- {name: c, listen: 'unix:c'}\n"
    )
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PASSWORD.encode())))
    assert main(["users", "add", "crm", "-c", str(config)]) == os.EX_OK
    assert (tmp_path / "one").exists()
    config.write_text(config.read_text().replace("users: one", "users: two", 1))
    assert main(["users", "list", "-c", str(config)]) == os.EX_USAGE
    assert f"say which file: --file ({tmp_path}/one, {tmp_path}/two)" in capsys.readouterr().err
    assert main(["users", "list"]) == os.EX_USAGE
    assert "no listener of the configuration has `auth`" in capsys.readouterr().err

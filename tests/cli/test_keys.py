"""``smtpguard keys``: whoever loses them loses every objection."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from smtpguard.cli.keys import app
from smtpguard.keys import Keyring
from smtpguard.store.keyfiles import load_ring
from tests.cli.conftest import Run


def ring(state: Path) -> Keyring:
    return load_ring(state / "keys")


def test_the_words_of_the_command() -> None:
    names = [each.callback.__name__ for each in app.registered_commands if each.callback]
    assert names == ["new", "backup", "verify"]


@pytest.mark.parametrize(
    ("words", "references", "links"),
    [((), 1, 1), (("--reference",), 1, 0), (("--link",), 0, 1), (("--reference", "--link"), 1, 1)],
)
def test_new_makes_what_was_asked_for(
    run: Run,
    state: Path,
    words: tuple[str, ...],
    references: int,
    links: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("keys", "new", *words, here=False) == 0
    made = ring(state)
    assert (len(made.references), len(made.links)) == (references, links)
    out = capsys.readouterr().out
    assert out.count("reference key ") == references
    assert out.count("link key ") == links
    for key in made.references:
        assert key.secret.hex() not in out
    for file in (state / "keys").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_new_key_stands_before_the_old_which_stay(run: Run, state: Path) -> None:
    run("keys", "new", here=False)
    old = ring(state)
    run("keys", "new", here=False)
    new = ring(state)
    assert new.references[1:] == old.references
    assert new.links[1:] == old.links
    assert len(list((state / "keys").iterdir())) == 2


def test_a_backup_restores_and_is_never_written_over(
    run: Run, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "keys.backup"
    assert run("keys", "backup", str(copy), here=False) == os.EX_NOINPUT
    run("keys", "new", here=False)
    run("keys", "new", here=False)
    assert run("keys", "backup", str(copy), here=False) == 0
    before = copy.read_bytes()
    assert run("keys", "backup", str(copy), here=False) == os.EX_CONFIG
    assert "never written over" in capsys.readouterr().err
    assert copy.read_bytes() == before
    had = ring(state)
    for file in (state / "keys").iterdir():
        file.unlink()
    copy.rename(state / "keys" / "restored.keys")
    assert ring(state) == had


def test_verify_needs_keys_and_a_store_that_knows_them(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (state / "keys").mkdir(parents=True)
    assert run("keys", "verify") == os.EX_CONFIG
    assert "there are no keys yet" in capsys.readouterr().err
    run("keys", "new", here=False)
    assert run("keys", "verify") == 0
    assert "the store knows them" in capsys.readouterr().out
    for file in (state / "keys").iterdir():
        file.unlink()
    run("keys", "new", here=False)
    assert run("keys", "verify") == os.EX_CONFIG
    assert re.search("key .* (not held here|not the one)", capsys.readouterr().err)


def test_verify_wants_the_whole_ring_in_the_backup(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "keys.backup"
    run("keys", "new", here=False)
    run("keys", "backup", str(copy), here=False)
    assert run("keys", "verify", str(copy)) == 0
    run("keys", "new", "--link", here=False)
    assert run("keys", "verify", str(copy)) == os.EX_DATAERR
    assert f"{copy} lacks link key 2: make a new backup" in capsys.readouterr().err


@pytest.mark.parametrize("harm", ["cut", "open", "other"])
def test_a_harmed_key_file_is_named_with_what_to_do(
    run: Run, state: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("keys", "new", here=False)
    (file,) = (state / "keys").iterdir()
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:-5])
    elif harm == "open":
        file.chmod(0o644)
    else:
        file.write_bytes(b"hello\n")
    assert run("keys", "new", here=False) == os.EX_CONFIG
    err = capsys.readouterr().err
    assert str(file) in err
    assert {"cut": "restore it", "open": "chmod 600", "other": "restore it"}[harm] in err

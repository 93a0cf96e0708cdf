"""``smtpguard suppress lists`` as an operator types it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]
Out = pytest.CaptureFixture[str]
HASH = hashlib.sha256(b"anna@client.example").hexdigest()


def test_imported_listed_purged_removed(run: Run, tmp_path: Path, capsys: Out) -> None:
    assert run("store", "init") == 0
    file = tmp_path / "optouts.csv"
    file.write_text(f"hash\n{HASH}\n{HASH[::-1]}\n")
    words = ("suppress", "lists")
    assert run(*words, "import", "partner", str(file), "--algorithm", "sha256") == 0
    assert "partner: 2 hashes, 0 bad rows" in capsys.readouterr().out
    assert run(*words, "list") == 0
    assert capsys.readouterr().out.startswith("partner\tsha256\t2\t")
    assert run(*words, "purge", "partner", HASH) == 0
    assert run(*words, "purge", "partner", HASH) == 1
    assert run(*words, "purge", "partner", "zz") == os.EX_DATAERR
    assert run(*words, "remove", "partner") == 0
    assert run(*words, "remove", "partner") == 1


def test_a_file_without_hashes_changes_nothing(run: Run, tmp_path: Path, capsys: Out) -> None:
    assert run("store", "init") == 0
    file = tmp_path / "list"
    file.write_text(f"{HASH}\nnobody\n")
    words = ("suppress", "lists", "import", "partner", str(file), "--algorithm")
    assert run(*words, "sha256") == os.EX_DATAERR
    assert "1 hashes, 1 bad rows" in capsys.readouterr().out
    assert run(*words, "md5") == os.EX_DATAERR
    assert "nothing was changed" in capsys.readouterr().err
    assert run("suppress", "lists", "import", "partner", "/nothing", "--algorithm", "md5") == 66
    assert run("suppress", "lists", "list") == 0
    assert "\tsha256\t1\t" in capsys.readouterr().out

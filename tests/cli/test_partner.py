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
    said = capsys.readouterr()
    assert "1 hashes, 1 bad rows" in said.out
    assert f"{file}:2: no sha256 hash" in said.err
    assert run(*words, "md5") == os.EX_DATAERR
    assert "nothing was changed" in capsys.readouterr().err
    assert run("suppress", "lists", "import", "partner", "/nothing", "--algorithm", "md5") == 66
    assert run("suppress", "lists", "list") == 0
    assert "\tsha256\t1\t" in capsys.readouterr().out


def test_a_list_that_was_cut_replaces_nothing(run: Run, tmp_path: Path, capsys: Out) -> None:
    assert run("store", "init") == 0
    file = tmp_path / "list"
    hashes = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(9)]
    words = ("suppress", "lists", "import", "partner", str(file), "--algorithm", "sha256")
    for size, code in ((9, 0), (4, os.EX_DATAERR), (5, 0)):
        file.write_text("\n".join(hashes[:size]))
        assert run(*words) == code
        said = capsys.readouterr()
        assert ("4 hashes would replace 9" in said.err) is bool(code)
    file.write_text(hashes[0])
    assert run(*words, "--add") == 0
    assert run(*words, "--force") == 0
    assert capsys.readouterr().out.endswith("partner: 1 hashes, 0 bad rows\n")


POLICY = """\
controller: acme
legal_name: Acme SAS
suppression_lists: [everywhere]
brands:
  acme: {from_domains: [acme.example]}
  shop: {from_domains: [shop.example], suppression_lists: [partner]}
streams:
  news: {match: {sender: news@acme.example}, class: marketing, brand: acme}
  offers: {match: {sender: news@shop.example}, class: marketing, brand: shop}
  invoices: {match: {sender: billing@shop.example}, class: transactional, brand: shop}
"""


@pytest.fixture
def listed(run: Run, tmp_path: Path, capsys: Out) -> tuple[str, str]:
    """Anna stands on the list of one brand; words for policies that name it."""
    policies, file = tmp_path / "acme.yaml", tmp_path / "optouts.csv"
    policies.write_text(POLICY)
    file.write_text(f"{HASH}\n")
    for name, hashed in (("partner", HASH), ("everywhere", HASH[::-1])):
        file.write_text(f"{hashed}\n")
        assert run("suppress", "lists", "import", name, str(file), "--algorithm", "sha256") == 0
    capsys.readouterr()
    return ("--policies", str(policies))


def test_check_looks_at_the_lists(run: Run, listed: tuple[str, str], capsys: Out) -> None:
    assert run("suppress", "check", "Anna+x@client.example", *listed) == 1
    assert capsys.readouterr().out == "manual: brand:shop (list:partner)\n"
    assert run("suppress", "check", "bob@client.example", *listed) == 0


@pytest.mark.parametrize(
    ("words", "kept", "partly"),
    [
        ((), True, True),
        (("--brand", "acme"), True, False),
        (("--brand", "shop"), False, False),
        (("--stream", "offers"), False, False),
        (("--stream", "invoices"), True, False),
    ],
)
def test_clean_looks_at_the_lists(
    run: Run,
    listed: tuple[str, str],
    tmp_path: Path,
    capsys: Out,
    words: tuple[str, ...],
    kept: bool,
    partly: bool,
) -> None:
    file = tmp_path / "crm.csv"
    file.write_text("anna@client.example\nbob@client.example\n")
    assert run("suppress", "clean", str(file), *listed, *words) == 0
    said = capsys.readouterr()
    assert f"{1 + kept} kept, {1 - kept} left out" in said.err
    assert ("1 of those kept have left" in said.err) is partly
    assert ("anna" in said.out) is kept


def test_clean_does_not_go_by_a_list_that_is_not_there(
    run: Run, listed: tuple[str, str], tmp_path: Path, capsys: Out
) -> None:
    file = tmp_path / "crm.csv"
    file.write_text("anna@client.example\n")
    assert run("suppress", "lists", "remove", "partner") == 0
    assert run("suppress", "clean", str(file), *listed, "--brand", "acme") == 0
    assert run("suppress", "clean", str(file), *listed) == os.EX_UNAVAILABLE
    assert "partner was not imported" in capsys.readouterr().err
    assert run("suppress", "check", "anna@client.example", *listed) == os.EX_UNAVAILABLE

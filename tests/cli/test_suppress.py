"""``suppress``, ``contact``, ``keys`` and ``store`` as an operator types them."""

import os
import stat
from pathlib import Path

import pytest

from smtpguard.cli import main
from smtpguard.store.embedded import Embedded
from tests.cli.conftest import Run
from tests.valkey import empty

LIST = """\
name;E-Mail;since
Anna;anna@example.com;2026-01-02
Bob;bob+news@example.org;2026-01-03
"Carl
the second";carl@example.net;soon
Dora;nobody;
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_bytes(LIST.replace("\n", "\r\n").encode("latin-1"))
    return path


ACME = ("--controller", "acme")


def test_add_check_remove(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("suppress", "check", "anna@example.com", *ACME) == 0
    assert "nothing stands" in capsys.readouterr().out
    assert run("suppress", "add", "anna@example.com", *ACME, "--reason", "objection") == 0
    assert run("suppress", "add", "ANNA@example.com", "bob@example.com", *ACME) == 0
    assert run("suppress", "check", "anna+x@example.com", *ACME) == 1
    out = capsys.readouterr().out
    assert "1 added, 0 known before (controller, objection)" in out
    assert "objection: controller, since 20" in out
    assert run("suppress", "remove", "anna@example.com", *ACME, "--because", "a slip") == 0
    assert run("suppress", "remove", "anna@example.com", *ACME, "--because", "a slip") == 1
    assert run("suppress", "check", "anna@example.com", *ACME) == 0
    assert "a slip" in capsys.readouterr().out


def test_adding_twice_is_once(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for said in ("1 added, 0 known", "0 added, 1 known"):
        assert run("suppress", "add", "anna@example.com", *ACME) == 0
        assert said in capsys.readouterr().out


def test_why_is_asked(run: Run) -> None:
    assert run("suppress", "remove", "anna@example.com", *ACME) == os.EX_USAGE
    assert run("suppress", "remove", "anna@example.com", *ACME, "--because", " ") == os.EX_USAGE


def test_domains(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("suppress", "add", "@rival.example", *ACME) == 0
    assert run("suppress", "add", "--domain", "other.example", *ACME) == 0
    assert run("suppress", "check", "anyone@mail.rival.example", *ACME) == 1
    assert "the whole domain" in capsys.readouterr().out
    assert run("suppress", "add", "@gmail.com", *ACME) == os.EX_DATAERR
    assert "--force" in capsys.readouterr().err
    assert run("suppress", "check", "anna@gmail.com", *ACME) == 0
    assert run("suppress", "add", "@gmail.com", *ACME, "--force") == 0
    assert run("suppress", "check", "anna@gmail.com", *ACME) == 1


def test_import_names_bad_rows_by_line_and_nobody_by_name(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("suppress", "import", str(file), *ACME) == os.EX_DATAERR
    said = capsys.readouterr()
    assert "4 rows: 3 new, 0 known before, 1 bad" in said.out
    assert f"{file}:6: not an address" in said.err
    assert "nobody" not in said.err
    assert run("suppress", "import", str(file), *ACME, "--fast") == os.EX_DATAERR
    assert "0 new, 3 known before" in capsys.readouterr().out
    assert run("suppress", "check", "carl@example.net", *ACME) == 1


def test_import_with_dates(run: Run, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("suppress", "import", str(file), *ACME, "--time-column", "Since") == os.EX_DATAERR
    said = capsys.readouterr()
    assert "2 new" in said.out
    assert f"{file}:4: the date" in said.err
    run("suppress", "check", "anna@example.com", *ACME)
    assert "since 2026-01-02 00:00 UTC (import)" in capsys.readouterr().out
    assert run("suppress", "import", str(file), *ACME, "--time-column", "when") == os.EX_DATAERR


def test_clean_gives_the_list_back_as_it_was(
    run: Run, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("suppress", "add", "bob@example.org", *ACME)
    run("suppress", "add", "anna@example.com", *ACME, "--stream", "news")
    capsys.readouterr()
    cleaned = tmp_path / "clean.csv"
    assert run("suppress", "clean", str(file), *ACME, "-o", str(cleaned)) == os.EX_DATAERR
    lines = file.read_bytes().splitlines(keepends=True)
    assert cleaned.read_bytes() == b"".join([*lines[:2], *lines[3:5]])
    assert cleaned.stat().st_mode & 0o777 == 0o600
    assert "2 kept, 1 left out, 1 bad" in capsys.readouterr().err
    words = ("--stream", "news", "-o", str(cleaned))
    assert run("suppress", "clean", str(file), *ACME, *words) == os.EX_DATAERR
    assert cleaned.read_bytes() == b"".join([lines[0], *lines[3:5]])


def test_a_failed_clean_leaves_the_old_file(run: Run, tmp_path: Path) -> None:
    source, old = tmp_path / "a.csv", tmp_path / "old.csv"
    source.write_text("x,y\n1,2\n")
    old.write_text("kept")
    words = ("suppress", "clean", str(source), *ACME, "-o", str(old))
    assert run(*words) == os.EX_NOINPUT
    assert old.read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "old.csv"]


def test_export_and_stats_name_nobody(
    run: Run, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("suppress", "import", str(file), *ACME, "--reason", "objection")
    run("suppress", "add", "@rival.example", "--controller", "other")
    capsys.readouterr()
    exported = tmp_path / "out.csv"
    assert run("suppress", "export", "-o", str(exported)) == 0
    lines = exported.read_text().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("controller,reference,what,reason")
    assert "@" not in exported.read_text()
    assert sum(",domain,objection," in line for line in lines) == 1
    assert run("suppress", "export", *ACME, "-o", str(exported)) == 0
    assert len(exported.read_text().splitlines()) == 4
    capsys.readouterr()
    assert run("suppress", "stats") == 0
    out = capsys.readouterr().out
    assert "acme\tsuppressed address objection controller\t3" in out
    assert "other\tsuppressed domain objection controller\t1" in out


def test_contacts_and_where_they_come_from(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(
        "email,source,origin,known_since\n"
        "anna@example.com,,,2025-05-01\n"
        "bob@example.com,Partner list,purchased,\n"
        "carl@example.com,,stolen,\n"
        "@example.org,,,\n"
        "dora@example.com,,,yesterday\n"
    )
    words = ("--source", "Salon Bati 2026", "--origin", "self")
    assert run("contact", "import", str(file), *ACME, *words) == os.EX_DATAERR
    said = capsys.readouterr()
    assert "5 rows: 2 new, 0 known before, 3 bad" in said.out
    assert f"{file}:4: origin is none of self" in said.err
    assert f"{file}:5: a domain" in said.err
    assert f"{file}:6: known_since" in said.err
    assert run("suppress", "stats") == 0
    assert "acme\tsource known\t2" in capsys.readouterr().out


def test_a_source_without_a_name_is_no_source(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text("anna@example.com\n")
    assert run("contact", "import", str(file), *ACME, "--origin", "self") == os.EX_DATAERR
    assert run("contact", "import", str(file), *ACME) == 0
    wrong = ("--known-since", "01/02/2026")
    assert run("contact", "import", str(file), *ACME, *wrong) == os.EX_USAGE


def test_keys_are_made_backed_up_and_verified(
    run: Run, tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "backup"
    assert main(["keys", "backup", str(copy), "--state", str(state)]) == os.EX_NOINPUT
    assert main(["keys", "new", "--state", str(state)]) == 0
    assert main(["keys", "backup", str(copy), "--state", str(state)]) == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert run("keys", "verify", str(copy)) == 0
    assert "the store knows them" in capsys.readouterr().out
    assert main(["keys", "new", "--reference", "--state", str(state)]) == 0
    assert run("keys", "verify", str(copy)) == os.EX_DATAERR
    assert "lacks reference key" in capsys.readouterr().err
    assert run("keys", "verify") == 0
    newest = max((state / "keys").iterdir())
    newest.unlink()
    assert run("keys", "verify") == os.EX_CONFIG
    assert "not held here" in capsys.readouterr().err
    copy.write_bytes(copy.read_bytes()[:-9])
    assert run("keys", "verify", str(copy)) == os.EX_CONFIG


def test_an_emptied_store_is_named_and_mended(
    run: Run, server: Embedded, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("store", "init") == 0
    assert run("store", "init") == 0
    assert run("store", "status") == 0
    out = capsys.readouterr().out
    assert "is ready" in out
    assert "was ready before" in out
    assert "noeviction" in out
    empty(server)
    assert run("store", "status") == os.EX_CONFIG
    assert "store init --force" in capsys.readouterr().err
    assert run("store", "init") == os.EX_CONFIG
    assert run("store", "init", "--force") == 0
    assert run("store", "status") == 0


def test_a_silent_store_is_unavailable(state: Path, tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/nothing"
    words = ["suppress", "check", "a@example.com", *ACME, "--state", str(state), "--url", url]
    assert main(["keys", "new", "--state", str(state)]) == 0
    assert main(words) == os.EX_UNAVAILABLE


POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
brands:
  acme: {from_domains: [acme.example]}
streams:
  newsletter: {match: {sender: news@acme.example}, class: marketing, brand: acme}
"""


def test_names_are_those_of_the_policies(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(POLICY)
    policies = ("--policies", str(file))
    add = ("suppress", "add", "anna@example.com", *policies)
    assert run(*add) == 0  # there is only one controller
    assert run(*add, "--stream", "newsletter") == 0
    capsys.readouterr()
    for wrong in (("--controller", "acm"), ("--stream", "newsleter"), ("--brand", "acmee")):
        assert run(*add, *wrong) == os.EX_USAGE
        assert "did you mean" in capsys.readouterr().err
    assert run(*add, "--controller", "acm", "--force") == 0
    file.write_text("controller: [")
    assert run(*add, *ACME) == 0
    assert "cannot be read" in capsys.readouterr().err


def test_a_stream_is_one_however_it_was_left(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page writes the brand down with the stream; whoever names the stream means that too."""
    file = tmp_path / "acme.yaml"
    file.write_text(POLICY)
    policies = ("--policies", str(file))
    one = ("anna@example.com", *policies, "--stream", "newsletter")
    assert run("suppress", "add", *one, "--brand", "acme") == 0
    assert run("suppress", "add", *one) == 0
    assert "0 added, 1 known before" in capsys.readouterr().out
    assert run("suppress", "remove", *one, "--because", "a slip") == 0
    assert run("suppress", "check", "anna@example.com", *policies) == 0
    # Whoever left a brand has left its streams.
    assert run("suppress", "add", "bob@example.com", *policies, "--brand", "acme") == 0
    crm = tmp_path / "crm.csv"
    crm.write_text("bob@example.com\n")
    capsys.readouterr()
    assert run("suppress", "clean", str(crm), *policies, "--stream", "newsletter") == 0
    assert capsys.readouterr().out == ""


def test_without_policies_the_controller_is_named(run: Run) -> None:
    assert run("suppress", "add", "anna@example.com") == os.EX_USAGE

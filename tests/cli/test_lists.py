"""Whole lists: read to the end, bad rows named by line, results whole or not there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from smtpguard.cli import lists
from smtpguard.mail.address import Address
from smtpguard.store.loading import BadRow, Tally
from smtpguard.store.table import Table
from tests.cli.conftest import Run

ACME = ("--controller", "acme")


@pytest.mark.parametrize(
    ("text", "domain", "one"),
    [
        ("Anna@Client.FR", False, Address(b"Anna", b"Client.FR")),
        ("@client.fr", False, "client.fr"),
        ("client.fr", True, "client.fr"),
        ("@client.fr", True, "client.fr"),
    ],
)
def test_a_cell_is_a_person_or_a_domain(text: str, domain: bool, one: Address | str) -> None:
    assert lists.who(text, domain=domain, force=False) == one


@pytest.mark.parametrize(
    ("text", "domain", "why"),
    [
        ("", False, "not an address"),
        ("anna", False, "not an address"),
        ("anna@", False, "not an address"),
        ("", True, "not a domain"),
        ("anna@client.fr", True, "not a domain"),
        ("@gmail.com", False, "--force suppresses it all the same"),
        ("gmail.com", True, "--force suppresses it all the same"),
    ],
)
def test_a_cell_that_is_neither_says_why(text: str, domain: bool, why: str) -> None:
    with pytest.raises(BadRow, match=why):
        lists.who(text, domain=domain, force=False)


def test_a_domain_of_strangers_can_be_forced() -> None:
    assert lists.who("@gmail.com", domain=False, force=True) == "gmail.com"


def test_a_written_file_is_whole_or_not_there(tmp_path: Path) -> None:
    place = tmp_path / "out.csv"
    place.write_bytes(b"old")
    place.chmod(0o644)

    def write(fails: bool) -> None:
        with lists.writing(place) as file:
            file.write(b"new")
            if fails:
                raise KeyError("half way")

    with pytest.raises(KeyError):
        write(True)
    assert place.read_bytes() == b"old"
    write(False)
    assert place.read_bytes() == b"new"
    assert place.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_without_a_file_standard_output_is_written(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with os.fdopen(os.dup(1), "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with lists.writing(None) as file:
            file.write(b"caf\xe9\r\n")
    assert capfdbinary.readouterr().out == b"caf\xe9\r\n"


def test_a_report_counts_and_bad_rows_are_65(capsys: pytest.CaptureFixture[str]) -> None:
    lists.report(Tally(rows=3, new=1))
    with pytest.raises(typer.Exit) as ended:
        lists.report(Tally(rows=3, new=1, bad=1))
    assert ended.value.exit_code == os.EX_DATAERR
    assert capsys.readouterr().out.splitlines() == [
        "3 rows: 1 new, 2 known before, 0 bad",
        "3 rows: 1 new, 1 known before, 1 bad",
    ]


async def test_rows_are_brought_in_batches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.csv"
    names = [f"reader{n}@client.fr" for n in range(1200)]
    file.write_text("\n".join(["email", *names, "nobody", ""]))
    sizes: list[int] = []
    seen: list[str] = []

    async def write(batch: Sequence[str]) -> int:
        sizes.append(len(batch))
        seen.extend(batch)
        return len(batch)

    table = Table.of(file, None)
    tally = await lists.bring(
        table,
        lambda row: str(lists.who(row.cell(table.column), domain=False, force=False)),
        write,
        fast=True,
    )
    assert (tally.rows, tally.new, tally.bad) == (1201, 1200, 1)
    assert len(seen) == len(set(seen)) == 1200
    assert 1 < len(sizes) <= 1200 // 100
    assert capsys.readouterr().err == f"smtpguard: {file}:1202: not an address\n"


def test_a_list_longer_than_a_batch_is_cleaned_to_the_end(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, cleaned, gone = (tmp_path / name for name in ("all.csv", "clean.csv", "gone.csv"))
    rows = [f'reader{n}@client.fr,"{n}; ""x"""\r\n' for n in range(507)]
    file.write_text("email,note\r\n" + "".join(rows), newline="")
    gone.write_text("".join(f"reader{n}@client.fr\n" for n in range(0, len(rows), 3)))
    assert run("suppress", "import", str(gone), *ACME, "--fast") == 0
    assert run("suppress", "clean", str(file), *ACME, "-o", str(cleaned)) == 0
    kept = [row for n, row in enumerate(rows) if n % 3]
    assert cleaned.read_bytes().decode() == "email,note\r\n" + "".join(kept)
    assert f"{len(kept)} kept, {len(rows) - len(kept)} left out, 0 bad" in capsys.readouterr().err


def test_who_left_only_a_brand_is_kept_elsewhere_and_told(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, cleaned = tmp_path / "all.csv", tmp_path / "clean.csv"
    file.write_text("a@client.fr\nb@client.fr\n")
    run("suppress", "add", "a@client.fr", *ACME, "--brand", "shop")
    words = ("suppress", "clean", str(file), *ACME, "-o", str(cleaned))
    assert run(*words) == 0
    assert cleaned.read_text() == "a@client.fr\nb@client.fr\n"
    assert "1 of those kept have left a brand or a stream" in capsys.readouterr().err
    assert run(*words, "--brand", "shop") == 0
    assert cleaned.read_text() == "b@client.fr\n"
    assert run(*words, "--brand", "other") == 0
    assert cleaned.read_text() == "a@client.fr\nb@client.fr\n"


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("1970-01-01", 0),
        ("1969-12-31", os.EX_DATAERR),
        ("0001-01-01T00:00:00+14:00", os.EX_DATAERR),
        ("2126-03-31", os.EX_DATAERR),
        ("9999-12-31T23:59:59-14:00", os.EX_DATAERR),
    ],
)
def test_nobody_left_before_they_could_or_will_have_left(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], day: str, code: int
) -> None:
    """A slip in a year would stand against every later consent, or be shown to nobody."""
    file = tmp_path / "left.csv"
    file.write_text(f"email;date\na@client.fr;{day}\n")
    assert run("suppress", "import", str(file), *ACME, "--time-column", "date") == code
    assert ("left.csv:2: the date has not been yet" in capsys.readouterr().err) is bool(code)
    assert run("suppress", "check", "a@client.fr", *ACME) == (not code)

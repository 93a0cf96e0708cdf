"""``smtpguard contact import``: where everybody comes from, so that a notice can say it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smtpguard.cli.contact import LONGEST_NAME
from smtpguard.cli.reach import Place
from smtpguard.mail.address import Address
from smtpguard.person import Person, Source
from smtpguard.store.embedded import Embedded
from tests.cli.conftest import Run

if TYPE_CHECKING:
    from smtpguard.store.store import Store

ACME = ("--controller", "acme")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "contacts.csv"


def known(server: Embedded, state: Path, *names: str) -> list[Person]:
    """What the store says of people at client.fr."""
    place = Place.of(None, state, f"embedded:{server.directory}")
    addresses = [Address(name.encode(), b"client.fr") for name in names]

    async def work(store: Store) -> list[Person]:
        return await store.look_up("acme", addresses)

    return place.run(work)


def test_a_rows_own_words_count_more_than_the_options(
    run: Run, server: Embedded, state: Path, file: Path
) -> None:
    file.write_text(
        "email,origin,source,source_id,known_since\n"
        "anna@client.fr,,,,\n"
        "bob@client.fr,Rented,Annuaire du BTP,btp-7,2025-05-01\n"
    )
    words = ("--source", "Salon Bati 2026", "--source-id", "salon", "--origin", "self")
    assert run("contact", "import", str(file), *ACME, *words, "--known-since", "2026-03-31") == 0
    anna, bob = known(server, state, "anna", "bob")
    assert anna.source == Source("salon", "Salon Bati 2026", "self")
    assert anna.known_since == 1774915200
    assert bob.source == Source("btp-7", "Annuaire du BTP", "rented")
    assert bob.known_since == 1746057600
    assert anna.contact is None, "being known is not being informed"


def test_a_day_that_is_named_counts_and_else_the_first_import_does(
    run: Run, server: Embedded, state: Path, file: Path
) -> None:
    file.write_text("anna@client.fr\n")
    for words in (("--known-since", "2026-03-31"), ("--known-since", "2025-05-01"), ()):
        assert run("contact", "import", str(file), *ACME, *words) == 0
    (anna,) = known(server, state, "anna")
    assert anna.known_since == 1746057600
    assert anna.source is None


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("@client.fr,,", "a domain, not an address"),
        ("nobody,,", "not an address"),
        ("a@client.fr,X,stolen", "origin is none of self, purchased, rented, public, partner"),
        ("a@client.fr,,self", "the source has no name"),
        (f"a@client.fr,{'x' * (LONGEST_NAME + 1)},", "too long or not printable"),
        ("a@client.fr,bell\x07,", "too long or not printable"),
    ],
)
def test_bad_rows_are_named_by_line_and_the_others_are_read(
    run: Run, file: Path, row: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(f"email,source,origin\n{row}\nb@client.fr,Y,public\n")
    assert run("contact", "import", str(file), *ACME) == os.EX_DATAERR
    said = capsys.readouterr()
    assert f"{file}:2: {why}" in said.err or (f"{file}:2:" in said.err and why in said.err)
    assert "2 rows: 1 new, 0 known before, 1 bad" in said.out
    assert "a@client.fr" not in said.err


def test_a_day_that_is_none_is_usage(run: Run, file: Path) -> None:
    file.write_text("a@client.fr\n")
    words = ("contact", "import", str(file), *ACME, "--known-since", "31/03/2026")
    assert run(*words) == os.EX_USAGE

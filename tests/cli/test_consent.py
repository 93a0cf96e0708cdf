"""``smtpguard consent`` as an operator types it: what it opens again, and what it leaves shut."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ACME = ("--controller", "acme")
FORM = ("--proof", "form 12, entry 8812", "--source", "the shop")
LATER, EARLIER = ("--given", "2026-06-01T10:00:00+02:00"), ("--given", "2026-01-01")
POLICY = """\
controller: acme
legal_name: Acme SAS
webhooks: [{url: "https://crm.example/hook", secret: "file:secret"}]
brands:
  acme: {from_domains: [acme.example]}
streams:
  news: {class: marketing, match: {sender: news@acme.example}, brand: acme}
"""


@pytest.fixture
def gone(run: Run, tmp_path: Path) -> Path:
    """Anna left in March, Bob complained."""
    file = tmp_path / "gone.csv"
    file.write_text("email,since\nanna@client.fr,2026-03-31\n")
    words = ("--reason", "objection", "--time-column", "since")
    assert run("suppress", "import", str(file), *ACME, *words) == 0
    file.write_text("email,since\nbob@client.fr,2026-03-31\n")
    words = ("--reason", "complaint", "--time-column", "since")
    assert run("suppress", "import", str(file), *ACME, *words) == 0
    return file


def test_a_later_consent_opens_again(
    run: Run, gone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("consent", "add", "Anna@client.fr", *ACME, *FORM, *LATER, "--by", "jo") == 0
    assert capsys.readouterr().out == "1 recorded, 0 known before, 1 opened again (controller)\n"
    assert run("suppress", "check", "anna@client.fr", *ACME) == 0
    assert "lifted" in capsys.readouterr().out
    assert run("consent", "add", "anna@client.fr", *ACME, *FORM, *LATER) == 0
    assert "0 recorded, 1 known before, 0 opened" in capsys.readouterr().out
    assert run("consent", "show", "anna@client.fr", *ACME) == 0
    said = capsys.readouterr().out
    assert "consent: controller, given 2026-06-01 08:00 UTC, the shop: form 12, entry 8812" in said
    assert re.search(r"\(recorded \d{4}-\d\d-\d\d \d\d:\d\d UTC by jo\)", said)


def test_an_earlier_one_is_a_conflict(
    run: Run, gone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("consent", "add", "anna@client.fr", *ACME, *FORM, *EARLIER) == 0
    out = capsys.readouterr().out
    assert "1 recorded, 0 known before, 0 opened again" in out
    assert "still stands (old-consent): objection, controller, said 2026-03-31" in out
    assert run("suppress", "check", "anna@client.fr", *ACME) == 1
    assert run("consent", "show", "anna@client.fr", *ACME) == 0
    assert "conflict (old-consent): objection, controller" in capsys.readouterr().out


def test_a_complaint_is_opened_on_the_operators_word_alone(
    run: Run, gone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = ("consent", "add", "anna@client.fr", "bob@client.fr", *ACME, *FORM)
    assert run(*two, *LATER) == 0
    assert "2: still stands (stronger-reason): complaint" in capsys.readouterr().out
    assert run("suppress", "check", "bob@client.fr", *ACME) == 1
    assert run(*two, "--given", "2026-06-02", "--also", "complaint") == 0
    assert run("suppress", "check", "bob@client.fr", *ACME) == 0
    assert run(*two, *LATER, "--also", "hard-bounce") == os.EX_USAGE


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--given", "yesterday", "--proof", "x"), "is not of the form"),
        (("--given", "9998-01-01", "--proof", "x"), "in the future"),
        (("--given", "1969-01-01", "--proof", "x"), "before 1970"),
        (("--given", "2026-01-01", "--proof", " "), "no proof"),
        (("--given", "2026-01-01", "--proof", "x" * 201), "too long"),
        (("--given", "2026-01-01", "--proof", "mail of jo@client.fr"), "holds an address"),
        ((*EARLIER, *FORM, "--by", "a\x1bb"), "not printable"),
    ],
)
def test_what_proves_nothing_is_not_recorded(
    run: Run, words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("consent", "add", "anna@client.fr", *ACME, *words) == os.EX_DATAERR
    assert why in capsys.readouterr().err
    assert run("consent", "show", "anna@client.fr", *ACME) == 1
    assert "no consent" in capsys.readouterr().out


def test_a_domain_consents_to_nothing(run: Run) -> None:
    assert run("consent", "add", "@client.fr", *ACME, *FORM, *LATER) == os.EX_DATAERR
    assert run("consent", "show", "nobody", *ACME) == os.EX_DATAERR


def test_a_list(run: Run, gone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "consents.csv"
    file.write_text(
        "email,given,proof\nanna@client.fr,2026-06-01,\nbob@client.fr,2026-06-01,entry 7\n"
        "zoe@client.fr,,entry 8\n@client.fr,2026-06-01,entry 9\n"
    )
    capsys.readouterr()
    words = ("consent", "import", str(file), *ACME, "--proof", "form 12")
    assert run(*words) == os.EX_DATAERR
    said = capsys.readouterr()
    assert said.out == "4 rows: 2 new, 0 known before, 2 bad\n"
    assert f"{file}:4: when it was given" in said.err
    assert f"{file}:5: a domain" in said.err
    assert "1 opened again (controller)" in said.err
    assert "1 contradict what stands" in said.err
    assert run(*words, "--fast", "--given", "2026-06-01") == os.EX_DATAERR
    assert "4 rows: 1 new, 2 known before, 1 bad" in capsys.readouterr().out
    assert run("consent", "show", "bob@client.fr", "zoe@client.fr", *ACME) == 0
    out = capsys.readouterr().out
    assert "1: consent: controller, given 2026-06-01 00:00 UTC: entry 7" in out
    assert "2: consent: controller, given 2026-06-01 00:00 UTC: entry 8" in out


def test_the_companys_other_systems_hear_of_it(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(POLICY)
    here = ("--policies", str(file))
    assert run("suppress", "add", "anna@client.fr", *here, "--stream", "news") == 0
    assert run("suppress", "add", "bob@client.fr", *here, "--reason", "complaint") == 0
    given = datetime.fromtimestamp(time.time() + 30, UTC).isoformat()
    words = ("anna@client.fr", "bob@client.fr", *here, *FORM, "--given", given)
    assert run("consent", "add", *words, "--stream", "news") == 0
    assert "1 opened again (stream:news)" in capsys.readouterr().out
    assert run("webhooks", "list") == 0
    events = re.findall(r"suppression\.\w+", capsys.readouterr().out)
    assert sorted(events) == [
        "suppression.conflict",
        *["suppression.created"] * 2,
        "suppression.lifted",
    ]

"""The exports of sending tools, as ``suppress import`` takes them.

listmonk's columns are those of its source; Mailchimp, Brevo and Mautic let their users choose, and
name the address as it is named here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ACME = ("--controller", "acme", "--force", "--fast")
WHO = ("--controller", "acme")

LISTMONK = (
    "uuid,email,name,attributes,status,created_at,updated_at\n"
    '1e2f,on@client.fr,On,"{""city"": ""Lyon""}",enabled,2026-01-02 03:04:05.678901 +0000 UTC,'
    "2026-01-02 03:04:05.678901 +0000 UTC\n"
    "2e3f,off@client.fr,Off,{},blocklisted,2026-01-02 03:04:05.678901 +0000 UTC,"
    "2026-11-20 10:00:00.5 +0100 CET\n"
    "3e4f,out@client.fr,Out,{},disabled,2026-01-02 03:04:05.678901 +0000 UTC,"
    "2026-11-20 10:00:00.5 +0100 CET\n"
)
MAILCHIMP = (
    '"Email Address","First Name",MEMBER_RATING,OPTIN_TIME,UNSUB_TIME,UNSUB_REASON,TAGS\n'
    'off@client.fr,Off,2,"2026-01-02 03:04:05","2026-11-20 09:00:00","NORMAL","""a"",""b"""\n'
)
BREVO = "CONTACT ID;EMAIL;FIRSTNAME;SMS;ADDED_TIME\n7;off@client.fr;Off;33612345678;20-11-2026\n"
MAUTIC = '"id","title","firstname","email","company"\n"7","","Off","off@client.fr","Client SA"\n'


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (LISTMONK, ("--only", "status=blocklisted", "--time-column", "updated_at")),
        (MAILCHIMP, ("--time-column", "UNSUB_TIME")),
        (BREVO, ()),
        (MAUTIC, ()),
    ],
    ids=["listmonk", "mailchimp", "brevo", "mautic"],
)
def test_what_a_tool_exports_is_imported(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    options: Sequence[str],
) -> None:
    assert run("store", "init") == 0
    (tmp_path / "left.csv").write_text(text)
    reason = ("--reason", "objection", *ACME)
    assert run("suppress", "import", str(tmp_path / "left.csv"), *reason, *options) == 0
    assert "1 rows: 1 new" in capsys.readouterr().out
    assert run("suppress", "check", "off@client.fr", *WHO) == 1
    said = capsys.readouterr().out
    assert not options or "since 2026-11-20 09:00 UTC" in said
    assert run("suppress", "check", "on@client.fr", *WHO) == 0


def test_those_who_are_written_to_are_not_taken_for_those_who_left(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("store", "init") == 0
    (tmp_path / "all.csv").write_text(LISTMONK)
    assert run("suppress", "import", str(tmp_path / "all.csv"), *ACME) == os.EX_USAGE
    assert "--only status=blocklisted" in capsys.readouterr().err
    for only in ("left=yes", "status"):
        code = run("suppress", "import", str(tmp_path / "all.csv"), "--only", only, *ACME)
        assert code == os.EX_DATAERR
    both = ("--only", "status=Blocklisted, disabled", *ACME)
    assert run("suppress", "import", str(tmp_path / "all.csv"), *both) == 0
    assert "2 rows: 2 new" in capsys.readouterr().out
    assert run("suppress", "check", "on@client.fr", *WHO) == 0

"""The exports of sending tools, as `suppress import` takes them."""

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]
EXPORTS = {
    "listmonk": "uuid,email,name,attributes,status,created_at,updated_at\n"
    'b1,jo@reader.example,Jo,"{""city"": ""Lyon""}",blocklisted,2026-01-01,2026-02-01\n',
    "mautic": '"id","email","firstname","dnc"\n"30","jo@reader.example","Jo","1"\n',
    "brevo": "CONTACT ID;EMAIL;FIRSTNAME;LASTNAME;EMAIL_BLOCKLISTED\n7;jo@reader.example;Jo;;Yes\n",
    "mailchimp": '"Email Address","First Name","UNSUB_TIME","UNSUB_REASON"\n'
    '"jo@reader.example","Jo","2026-11-23 21:40:57","N/A"\n',
}


@pytest.mark.parametrize("tool", EXPORTS)
def test_an_export_is_read(
    run: Run, tmp_path: Path, tool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("store", "init") == 0
    file = tmp_path / f"{tool}.csv"
    file.write_text(EXPORTS[tool])
    words = ("--controller", "acme", "--force", "--fast")
    assert run("suppress", "import", str(file), "--reason", "objection", *words) == 0
    capsys.readouterr()
    assert run("suppress", "check", "jo@reader.example", "--controller", "acme") == 1
    assert "objection: controller" in capsys.readouterr().out

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smtpguard import __version__
from smtpguard.cli import COMMANDS, load, main

ROOT = Path(__file__).parents[2]
SAMPLE = str(ROOT / "config" / "smtpguard.yaml")
EXAMPLES = str(ROOT / "policies" / "examples")

Out = pytest.CaptureFixture[str]


def test_help_lists_every_command_and_loads_none() -> None:
    code = (
        "import sys; from smtpguard.cli import main; main(['--help']);"
        "heavy = {'pydantic', 'ruamel', 'redis', 'cryptography', 'smtpguard.cli.check', 'rich'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert all(entry.help in done.stdout for entry in COMMANDS.values())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_of_the_table_exists_and_has_help(name: str, capsys: Out) -> None:
    assert load(name).name == name
    assert main([name, "--help"]) == os.EX_OK
    assert "Usage: smtpguard" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["frobnicate"], ["check", "--frobnicate"], ["schema", "nothing"], ["check", "-c"], ["--no"]],
)
def test_wrong_usage_is_64(arguments: list[str], capsys: Out) -> None:
    assert main(arguments) == os.EX_USAGE
    assert "Error: " in capsys.readouterr().err


def test_version(capsys: Out) -> None:
    assert main(["--version"]) == os.EX_OK
    assert capsys.readouterr().out == f"smtpguard {__version__}\n"


def test_an_exception_is_a_bug_and_70(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    def broken(*_: object) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr("smtpguard.config.load", broken)
    assert main(["config"]) == os.EX_SOFTWARE
    assert "unforeseen" in capsys.readouterr().err


def test_the_samples_are_right(capsys: Out) -> None:
    assert main(["check", "-c", SAMPLE, "--policies", EXAMPLES]) == os.EX_OK
    said = capsys.readouterr()
    assert "1 controller, 4 streams" in said.out
    assert "acme.yaml:48:13: streams.newsletter.packs.0: pack fr-b2b is a draft" in said.out
    assert said.err == ""


def test_addresses_without_a_feedback_listener_are_warned_of(tmp_path: Path, capsys: Out) -> None:
    config = tmp_path / "smtpguard.yaml"
    listeners = [
        {"name": "smtp", "listen": "127.0.0.1:10025"},
        {"name": "lmtp", "listen": "127.0.0.1:10024", "protocol": "lmtp"},
    ]
    config.write_text(json.dumps({"listeners": listeners}))
    assert main(["check", "-c", str(config), "--policies", EXAMPLES]) == os.EX_OK
    said = capsys.readouterr().out
    assert "unsubscribe.mailto: no listener here is of `kind: feedback`" in said
    listeners.append({"name": "feedback", "listen": "127.0.0.1:10027", "kind": "feedback"})
    config.write_text(json.dumps({"listeners": listeners}))
    assert main(["check", "-c", str(config), "--policies", EXAMPLES]) == os.EX_OK
    assert "kind: feedback" not in capsys.readouterr().out


def test_verbose_lists_exceptions_and_planned_rules(capsys: Out) -> None:
    assert main(["check", "-v", "--policies", EXAMPLES]) == os.EX_OK
    said = capsys.readouterr().out
    assert "acme/newsletter: marketing, observe, packs fr-b2b, mailbox-providers" in said
    assert "exception: tracked-links is `allow` until 2027-03-31" in said
    assert "planned, not judged yet: " in said


def test_all_that_is_wrong_is_on_stderr_and_78(tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "a.yaml").write_text("controler: acme\nlegal_name: 3\n")
    assert main(["check", "--policies", str(tmp_path)]) == os.EX_CONFIG
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.rsplit("/", 1)[1] for line in said.err.splitlines()] == [
        "a.yaml:1:1: `controler` is not known here; did you mean `controller`?",
        "a.yaml:1:1: controller: missing",
        'a.yaml:2:13: legal_name: expected text, not `3`; write it in quotes: "..."',
    ]


def test_a_configuration_that_is_not_there_is_78(capsys: Out) -> None:
    assert main(["check", "-c", "/nowhere/x.yaml"]) == os.EX_CONFIG
    assert capsys.readouterr().err == "/nowhere/x.yaml: cannot be read: No such file or directory\n"


def test_a_pack_of_the_operators_own_hides_ours(tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "packs").mkdir()
    pack = (ROOT / "policies" / "packs" / "it.yaml").read_text("utf-8")
    reviewed = pack.replace("status: draft", "status: reviewed\nreviewed_by: A. Lawyer")
    (tmp_path / "packs" / "it.yaml").write_text(reviewed, "utf-8")
    policy = "controller: a\nlegal_name: A\nstreams: {s: {class: marketing, packs: [it, de]}}\n"
    (tmp_path / "a.yaml").write_text(policy)
    assert main(["check", "--policies", str(tmp_path)]) == os.EX_OK
    said = capsys.readouterr().out
    assert "pack de is a draft" in said
    assert "pack it is a draft" not in said


def test_the_effective_configuration_can_be_read_back(tmp_path: Path, capsys: Out) -> None:
    assert main(["config", "--effective", "-c", SAMPLE]) == os.EX_OK
    first = capsys.readouterr().out
    (tmp_path / "again.yaml").write_text(first, "utf-8")
    assert main(["config", "--effective", "-c", str(tmp_path / "again.yaml")]) == os.EX_OK
    assert capsys.readouterr().out == first
    assert "dot: 10m" in first


def test_without_effective_only_what_was_written_is_shown(tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "c.yaml").write_text("workers: 4\nlimits: {size: 10 MiB}\n")
    assert main(["config", "-c", str(tmp_path / "c.yaml")]) == os.EX_OK
    said = capsys.readouterr().out
    assert "workers: 4\n" in said
    assert "size: 10 MiB\n" in said
    assert "upstream" not in said


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("config", "config/smtpguard.schema.json"),
        ("policy", "policies/schema/policy.json"),
        ("pack", "policies/schema/pack.json"),
    ],
)
def test_the_schemas_in_the_tree_are_those_printed(kind: str, file: str, capsys: Out) -> None:
    assert main(["schema", kind]) == os.EX_OK
    printed = capsys.readouterr().out
    assert json.loads(printed)["additionalProperties"] is False
    assert (ROOT / file).read_text("utf-8") == printed


@pytest.mark.parametrize(
    "file",
    ["config/smtpguard.yaml", "policies/examples/acme.yaml"]
    + [f"policies/packs/{path.name}" for path in (ROOT / "policies" / "packs").glob("*.yaml")],
)
def test_every_sample_names_its_schema_in_its_first_line(file: str) -> None:
    first = (ROOT / file).read_text("utf-8").splitlines()[0]
    prefix, schema = first.split("=")
    assert prefix == "# yaml-language-server: $schema"
    assert ((ROOT / file).parent / schema).is_file()

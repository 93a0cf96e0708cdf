"""What README and docs/ say is so: commands, options, links, YAML, tables, Postfix's parameters.

README's table of rules is held against the rules in ``test_house_pairs.py``.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smtpguard import config as configuration
from smtpguard.cli import COMMANDS, load
from smtpguard.mail.message import Message
from smtpguard.policy import pack, shape
from smtpguard.policy.model import Model
from smtpguard.policy.stream import Kind
from smtpguard.policy.suppression import MATRIX, blocks
from smtpguard.proxy.facts import said_in
from smtpguard.rules import BY_ID
from smtpguard.rules.rule import Said
from smtpguard.service.build import policy

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(page: str, kind: str) -> list[str]:
    """The fenced blocks of a page whose first line says ``kind``."""
    return [body for said, body in FENCE.findall(TEXTS[page]) if said == kind]


def everywhere(kind: str) -> list[tuple[str, str]]:
    return [(page, body) for page in TEXTS for body in blocks_of(page, kind)]


def code(page: str) -> list[str]:
    """What stands between backticks in running text, on one line each."""
    text = FENCE.sub("", TEXTS[page])
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", text)]


def cells(page: str, heading: str) -> list[list[str]]:
    """The rows of the tables whose first heading is ``heading``."""
    pattern = rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)"
    tables = re.findall(pattern, TEXTS[page], re.MULTILINE)
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for table in tables
        for line in table.splitlines()
    ]


# --- commands ------------------------------------------------------------------------------------


def subcommands(command: Any) -> dict[str, Any]:
    """Those of a group, by name."""
    found: dict[str, Any] = getattr(command, "commands", {})
    return found


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Everything an operator is told to type that begins with our own name."""
    for page in TEXTS:
        typed = [word for word in code(page) if word.startswith("smtpguard ")]
        for console in blocks_of(page, "console"):
            lines = console.replace("\\\n", " ").splitlines()
            typed += [line[2:] for line in lines if line[:2] in ("$ ", "# ")]
        for line in typed:
            words = shlex.split(line, comments=True)
            for start in (i for i, word in enumerate(words) if word == "smtpguard"):
                if words[start + 1 :]:
                    yield page, words[start + 1 :]


@pytest.mark.parametrize(("page", "words"), list(command_lines()))
def test_a_command_line_is_one(page: str, words: list[str]) -> None:
    if words == ["--version"]:
        return
    assert words[0] in COMMANDS
    command = load(words[0])
    rest = words[1:]
    while (below := subcommands(command)) and rest and not rest[0].startswith("-"):
        assert rest[0] in below
        command, rest = below[rest[0]], rest[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if re.match("--?[a-z]", word)} <= known


@pytest.mark.parametrize("page", TEXTS)
def test_an_option_exists(page: str) -> None:
    commands = [load(name) for name in COMMANDS]
    for command in commands:  # it grows while it is read
        commands += subcommands(command).values()
    known = {option for each in commands for parameter in each.params for option in parameter.opts}
    ours = [word for word in code(page) if not re.match(r"(\./x|systemd-run|\.venv)", word)]
    said = {word for text in ours for word in re.findall(r"(?<!\S)--[a-z-]+", text)}
    assert said <= known | {"--version"}


def test_the_words_of_x_exist() -> None:
    words = set(re.findall(r'^        "(\w+)": \w+,$', (ROOT / "x").read_text(), re.MULTILINE))
    said = {word for text in TEXTS.values() for word in re.findall(r"\./x (\w+)", text)}
    assert {"demo", "test", "bench"} <= said <= words


# --- files ---------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The ids that headings get."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading.casefold()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", TEXTS)
def test_a_link_leads_somewhere(page: str) -> None:
    here = ROOT / page
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", TEXTS[page])):
        path, _, anchor = target.partition("#")
        there = (here.parent / path).resolve() if path else here
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text()), target


def test_every_page_is_reached_from_readme() -> None:
    linked = {
        target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", TEXTS["README.md"])
    }
    assert {page for page in TEXTS if page != "README.md"} <= linked


@pytest.mark.parametrize(("page", "text"), everywhere("yaml policy"))
def test_a_policy_is_one(page: str, text: str) -> None:
    found = policy(configuration.load(None), {page: text.encode()}, {}, 0)
    assert found.streams


@pytest.mark.parametrize(("page", "text"), everywhere("yaml config"))
def test_a_configuration_is_one(page: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "smtpguard.yaml"
    file.write_text(text)
    assert configuration.load(file).listeners


def test_every_block_of_yaml_is_tried() -> None:
    kinds = {said for text in TEXTS.values() for said, _ in FENCE.findall(text) if "yaml" in said}
    assert kinds == {"yaml policy", "yaml config"}


# --- tables --------------------------------------------------------------------------------------


def names(of: type[Model]) -> set[str]:
    return {field.alias or name for name, field in of.model_fields.items()}


def test_every_key_of_a_policy_is_explained() -> None:
    keys = {
        word
        for row in [*cells("docs/policies.md", "Key"), *cells("docs/policies.md", "`match`")]
        for word in re.findall(r"`([\w.]+)`", row[0])
    }
    nested = {f"unsubscribe.{name}" for name in names(shape.UnsubscribeShape)}
    nested |= {"tracking.hosts", "audience.professions"}
    shapes = (shape.PolicyShape, shape.BrandShape, shape.StreamShape, shape.MatchShape)
    plain = {name for one in shapes for name in names(one)}
    assert keys == plain - {"unsubscribe", "tracking", "audience"} | nested


def test_the_table_of_reasons_is_the_matrix() -> None:
    words = {True: "refused", False: "passes"}
    classes = (Kind.MARKETING, Kind.TRANSACTIONAL)
    expected = [[f"`{r.value}`", *(words[blocks(r, kind)] for kind in classes)] for r in MATRIX]
    assert cells("docs/policies.md", "Reason") == expected


def test_the_packs_are_those_that_are_shipped() -> None:
    said = re.search(r"Shipped are ((?:`[\w-]+`[\s.]+)+)", TEXTS["docs/policies.md"])
    assert said
    assert re.findall(r"[\w-]+", said[1]) == sorted(pack.names(pack.SHIPPED))


def test_the_rules_named_exist() -> None:
    like = re.compile(r"(?:missing|suppressed|unavailable|protected|deceptive|malformed)-[a-z-]+")
    said = {word for page in TEXTS for word in code(page) if like.fullmatch(word)}
    assert said
    assert said <= BY_ID.keys()


def test_rules_that_always_act_are_named() -> None:
    always = sorted(rule.id for rule in BY_ID.values() if rule.invariant)
    said = re.search(r"Some rules always act.*?\.(?:\n|\s)", TEXTS["docs/policies.md"], re.DOTALL)
    assert said
    assert sorted(re.findall(r"`([\w-]+)`", said[0])) == always


def test_what_a_trusted_client_may_say_is_read() -> None:
    said = set(re.findall(r"X-SmtpGuard-([A-Z][a-z]+)", TEXTS["README.md"]))
    assert said == {"Stream", *(field.name.title() for field in dataclasses.fields(Said))}
    raw = "".join(f"X-SmtpGuard-{name}: it; partner; Fair\r\n" for name in sorted(said))
    heard, stream = said_in(Message(raw.encode() + b"\r\n"))
    assert stream
    assert all(getattr(heard, field.name) for field in dataclasses.fields(Said))
    assert heard.source
    assert heard.source.name == "Fair"


def test_what_an_untrusted_store_says_is_quoted() -> None:
    source = "".join(path.read_text() for path in sorted((ROOT / "smtpguard").rglob("*.py")))
    source = re.sub(r'"\s*\n\s*f?"', "", source)
    for row in cells("docs/operations.md", "It says"):
        for quoted in re.findall(r"`([^`]+)`", row[0]):
            pieces = [piece.strip() for piece in quoted.split("...")]
            assert all(piece in source for piece in pieces), quoted


# --- Postfix -------------------------------------------------------------------------------------

TRANSPORT = "guard"
"""Our name for the transport in master.cf; parameters may begin with it."""


def postconf(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("postconf", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert program
    return subprocess.run([program, *words], capture_output=True, text=True, check=True)


@pytest.mark.real
def test_parameters_of_postfix_exist() -> None:
    known = {line.partition(" =")[0] for line in postconf("-d").stdout.splitlines()}
    said: set[str] = set()
    for page in TEXTS:
        said.update(re.findall(r"^  -o (\w+)=", TEXTS[page], re.MULTILINE))
        said.update(re.findall(r"^(\w+) = ", "".join(blocks_of(page, "main.cf")), re.MULTILINE))
        like = re.compile(r"((?:smtpd?|lmtp|default|disable|minimal|always)_\w+)(?: = .*)?")
        said.update(found[1] for word in code(page) if (found := like.fullmatch(word)))
    assert "smtpd_proxy_timeout" in said
    renamed = {re.sub(f"^{TRANSPORT}_", "default_", name) for name in said}
    assert renamed <= known, sorted(renamed - known)


@pytest.mark.real
@pytest.mark.parametrize(
    ("page", "section"),
    [
        (page, section)
        for page in TEXTS
        for section in re.split(r"^## ", TEXTS[page], flags=re.MULTILINE)
        if re.search(r"^```(?:main|master)\.cf$", section, re.MULTILINE)
    ],
    ids=lambda text: text.partition("\n")[0],
)
def test_postfix_reads_a_wiring_as_it_is_written(page: str, section: str, tmp_path: Path) -> None:
    """It complains of services that are not whole, and of parameters that nothing uses."""
    files = dict(FENCE.findall(section))
    (tmp_path / "main.cf").write_text(files.get("main.cf", ""))
    # What is in every master.cf already, so that its parameters are used.
    usual = "smtp unix - - n - - smtp\n"
    (tmp_path / "master.cf").write_text(files.get("master.cf", "") + usual)
    for asked in ("-n", "-M", "-P"):
        assert postconf("-c", str(tmp_path), asked).stderr == ""
    if "master.cf" in files:
        assert f"{TRANSPORT}:[127.0.0.1]:1002" in section or "smtpd_proxy_filter=127" in section

"""What exists in pairs: a module and its test, a rule and its manual, its cases and its row in
README, a unit's command line and the command.

As in ``test_house.py``, each law is a function from a tree to what breaks it, and is tried on a
small tree that breaks it on purpose.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from smtpguard.edit.fix import Change
from smtpguard.rules import ALL, BY_ID
from smtpguard.rules.rule import Rule

ROOT = Path(__file__).parent.parent

ELSEWHERE = {
    f"{room}/{module}": f"tests/{test}"
    for room, modules, test in (
        (
            "mail",
            "anchor colour declaration gather href markup quotation reading sheet style",
            "mail/test_text.py",
        ),
        ("mail", "move nesting selector written", "mail/test_tidy.py"),
        ("edit", "plan", "edit/test_compose.py"),
        ("policy", "shape warn", "policy/test_parse.py"),
        (
            "smtp",
            "command connection conversation delivery introduction lmtp",
            "dialogues/test_dialogues.py",
        ),
        ("service", "build supervisor", "service/test_serve.py"),
        ("feedback", "act complaint forward", "feedback/test_receiver.py"),
    )
    for module in modules.split()
}
"""Modules that are tested through another one: ``room/module`` and the file that does."""

HEADINGS = ["Fault", "Why", "Fix", "References"]

FIXES = {Change.NONE: "none", Change.HEADERS: "header fields", Change.BODY: "body"}
"""The third column of README's table."""


# --- the laws ------------------------------------------------------------------------------------


def without_test(root: Path, elsewhere: Mapping[str, str]) -> list[str]:
    """Modules without a test; names that lead nowhere.

    A test is a file of the same name, another one of the same room that imports the module, or
    one that is named here. Modules of values alone need none; rules have their case folders.
    """
    found = []
    package = root / "smtpguard"
    modules = set()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        module = str(name.with_suffix(""))
        modules.add(module)
        if module in elsewhere:
            if not (root / elsewhere[module]).exists():
                found.append(f"{module}: {elsewhere[module]} does not exist")
        elif acts(path) and not is_rule(path):
            mirror = Path("tests") / name.with_name(f"test_{name.name}")
            if not (root / mirror).exists() and not imported(module, root / mirror.parent):
                found.append(f"{module}: {mirror} does not exist")
    return found + [f"{name}: no such module" for name in sorted(elsewhere.keys() - modules)]


def imported(module: str, tests: Path) -> bool:
    """Whether a test file of that folder, or below it, imports the module itself."""
    dotted = f"smtpguard/{module.removesuffix('/__init__')}".replace("/", ".")
    package, _, name = dotted.rpartition(".")
    asks = re.compile(rf"from {package}\.{name} import|from {package} import [^\n]*\b{name}\b")
    return any(asks.search(path.read_text()) for path in tests.rglob("test_*.py"))


def acts(path: Path) -> bool:
    """Whether a module does something; what a protocol only declares is not done."""
    tree = ast.parse(path.read_text())
    declared = {
        method
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.dump(b) for b in node.bases)
        for method in ast.walk(node)
    }
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node not in declared
        for node in ast.walk(tree)
    )


def is_rule(path: Path) -> bool:
    """Whether a module of ``rules`` binds ``RULE``."""
    return "rules" in path.parts and bool(re.search(r"^RULE = ", path.read_text(), re.MULTILINE))


def odd_manual(rule: Rule) -> list[str]:
    """What is wrong with a rule's id, manual page and sentences."""
    found = []
    if not re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.id):
        found.append(f"{rule.id}: not <adjective>-<thing>")
    if not rule.summary.endswith(".") or not 0 < len(rule.summary) <= 80:
        found.append(f"{rule.id}: the first line is not one short sentence")
    sections = re.split(r"^([A-Z]\w+)$\n", rule.manual, flags=re.MULTILINE)
    if sections[1::2] != HEADINGS:
        found.append(f"{rule.id}: headings {sections[1::2]}")
    else:
        texts = dict(zip(sections[1::2], sections[2::2], strict=True))
        found += [f"{rule.id}: {head} is empty" for head, t in texts.items() if not t.strip()]
        if texts["Fix"].strip().startswith("None") is not (rule.change is Change.NONE):
            found.append(f"{rule.id}: Fix and change={rule.change.name} do not agree")
    if sorted(rule.says) != ["en", "fr", "it"]:
        found.append(f"{rule.id}: speaks {sorted(rule.says)}")
    found += [f"{rule.id}: {k} is not ASCII" for k, text in rule.says.items() if not text.isascii()]
    return found


def odd_cases(folder: Path, rules: Sequence[Rule]) -> list[str]:
    """Rules without a valid, an invalid or a fixed message; folders without a rule."""
    found = []
    for rule in rules:
        for kind in ("valid", "invalid"):
            messages = [p.name for p in (folder / rule.id / kind).glob("*.eml")]
            if not [name for name in messages if not name.endswith(".fixed.eml")]:
                found.append(f"{rule.id}/{kind}: no message")
        fixed = list((folder / rule.id / "invalid").glob("*.fixed.eml"))
        if bool(fixed) is (rule.change is Change.NONE):
            found.append(f"{rule.id}/invalid: {len(fixed)} fixed, and change={rule.change.name}")
        orphans = (p for p in fixed if not p.with_name(p.name.replace(".fixed", "")).exists())
        found += [f"{rule.id}/invalid/{path.name}: the fix of no message" for path in orphans]
    ids = {rule.id for rule in rules}
    cases = {path.parent.name for path in folder.glob("*/*valid") if path.is_dir()}
    return found + [f"{name}: cases of no rule" for name in sorted(cases - ids)]


def rows(readme: str) -> list[list[str]]:
    """The cells of README's table of rules, the one whose first heading is ``Rule``."""
    table = re.search(r"^\| Rule +\|.*\n\|[-| :]+\|\n((?:\|.*\n)+)", readme, re.MULTILINE)
    lines = table[1].splitlines() if table else []
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def unit_commands(root: Path) -> Iterator[list[str]]:
    """The command lines of the units, without the program itself."""
    for unit in sorted((root / "systemd").glob("*.service")):
        text = re.sub(r"\\\n\s*", " ", unit.read_text())
        for line in re.findall(r"^Exec\w+=[-@:+!]*(.*)$", text, re.MULTILINE):
            program, *words = line.split()
            if program.endswith("/smtpguard"):
                yield words


# --- the product obeys them ----------------------------------------------------------------------


def obeyed(broken: Sequence[str]) -> None:
    assert not broken, "\n" + "\n".join(broken)


def test_every_module_has_its_test() -> None:
    obeyed(without_test(ROOT, ELSEWHERE))


def test_every_rule_is_registered() -> None:
    folder = ROOT / "smtpguard" / "rules"
    files = {path.stem for path in folder.rglob("*.py") if is_rule(path)}
    assert sorted(files) == sorted(rule.module.rpartition(".")[2] for rule in ALL)
    assert {rule.id: rule for rule in ALL} == BY_ID
    assert len(BY_ID) == len(ALL)


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_a_rule_has_its_manual(rule: Rule) -> None:
    obeyed(odd_manual(rule))


def test_a_rule_has_its_cases() -> None:
    obeyed(odd_cases(ROOT / "tests" / "rules", ALL))


def test_readme_lists_every_rule() -> None:
    listed = [" | ".join(cells) for cells in rows((ROOT / "README.md").read_text())]
    expected = [f"`{rule.id}` | {rule.summary} | {FIXES[rule.change]}" for rule in ALL]
    assert listed == expected, "\n" + "\n".join(f"| {row} |" for row in expected)


def test_units_say_words_that_the_command_knows() -> None:
    commands = list(unit_commands(ROOT))
    assert commands
    for words in commands:
        plain = [word for word in words if not word.startswith("-")]
        shown = subprocess.run(
            [sys.executable, "-m", "smtpguard", *plain, "--help"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"},
        )
        assert shown.returncode == 0, shown.stderr
        for option in words:
            if option.startswith("--"):
                assert option.partition("=")[0] in shown.stdout


# --- the laws find what breaks them --------------------------------------------------------------


def write(root: Path, name: str, text: str = "") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_a_module_without_a_test_is_found(tmp_path: Path) -> None:
    write(tmp_path, "smtpguard/mail/field.py", "def f(): pass")
    write(tmp_path, "smtpguard/mail/values.py", "x = 1")
    write(tmp_path, "smtpguard/mail/asked.py", "class A(Protocol):\n    def f(self): ...")
    write(tmp_path, "smtpguard/rules/mail_loop.py", "RULE = 1\ndef check(): pass")
    missing = "mail/field: tests/mail/test_field.py does not exist"
    assert without_test(tmp_path, {}) == [missing]
    assert without_test(tmp_path, {"mail/field": "tests/test_all.py"}) == [
        "mail/field: tests/test_all.py does not exist"
    ]
    write(tmp_path, "tests/test_all.py")
    assert without_test(tmp_path, {"mail/field": "tests/test_all.py"}) == []
    assert without_test(tmp_path, {"mail/gone": "tests/test_all.py"})[1:] == [
        "mail/gone: no such module"
    ]
    write(tmp_path, "tests/mail/test_all.py", "from smtpguard.mail.fields import a")
    assert without_test(tmp_path, {}) == [missing]
    write(tmp_path, "tests/mail/test_all.py", "from smtpguard.mail.field import a")
    assert without_test(tmp_path, {}) == []
    write(tmp_path, "tests/mail/test_all.py", "from smtpguard.mail import a, field")
    assert without_test(tmp_path, {}) == []
    write(tmp_path, "tests/mail/test_all.py")
    write(tmp_path, "tests/mail/test_field.py")
    assert without_test(tmp_path, {}) == []


MANUAL = (
    "A loop.\n\nFault\n    One.\nWhy\n    Two.\nFix\n    None.\nReferences\n    RFC 5321 §6.3\n"
)


def rule(manual: str, monkeypatch: pytest.MonkeyPatch, change: Change = Change.NONE) -> Rule:
    """A rule whose module has that manual page."""
    monkeypatch.setitem(sys.modules, "invented.mail_loop", ModuleType("mail_loop", manual))
    says = {"en": "Loop.", "fr": "Boucle.", "it": "Ciclo."}
    return Rule("invented.mail_loop", lambda _: (), says, change=change)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", None),
        ("Why", "Because", "headings"),
        ("    Two.\n", "", "Why is empty"),
        ("None.", "A field.", "do not agree"),
        ("A loop.", "A loop", "one short sentence"),
        ("Fault\n    One.\n", "", "headings"),
    ],
)
def test_an_odd_manual_is_found(
    old: str, new: str, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = odd_manual(rule(MANUAL.replace(old, new, 1), monkeypatch))
    assert said in found[0] if said else not found


def test_an_odd_case_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = rule(MANUAL, monkeypatch)
    assert len(odd_cases(tmp_path, [plain])) == 2
    write(tmp_path, "mail-loop/valid/a.eml")
    write(tmp_path, "mail-loop/invalid/b.eml")
    assert odd_cases(tmp_path, [plain]) == []
    assert "0 fixed" in odd_cases(tmp_path, [rule(MANUAL, monkeypatch, Change.BODY)])[0]
    write(tmp_path, "mail-loop/invalid/b.fixed.eml")
    assert odd_cases(tmp_path, [rule(MANUAL, monkeypatch, Change.BODY)]) == []
    write(tmp_path, "mail-loop/invalid/c.fixed.eml")
    assert "c.fixed.eml" in odd_cases(tmp_path, [rule(MANUAL, monkeypatch, Change.BODY)])[0]
    write(tmp_path, "mail-gone/valid/a.eml")
    assert odd_cases(tmp_path, [plain])[-1] == "mail-gone: cases of no rule"


def test_readme_rows_are_read() -> None:
    other = "| Word | x |\n|---|---|\n| `a` | b |\n"
    text = f"{other}\n| Rule | Fault |\n|---|:-:|\n| `a-b` | C. |\n\n{other}"
    assert rows(text) == [["`a-b`", "C."]]
    assert rows("no table") == []


def test_command_lines_of_units_are_read(tmp_path: Path) -> None:
    unit = "ExecStartPre=-/usr/bin/smtpguard check \\\n  -v\nExecReload=/bin/kill -HUP 1\n"
    write(tmp_path, "systemd/a.service", unit)
    assert list(unit_commands(tmp_path)) == [["check", "-v"]]

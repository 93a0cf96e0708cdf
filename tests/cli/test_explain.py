"""The manual pages, as a terminal and as a pipe get them."""

import pytest
import typer
from typer.testing import CliRunner

from smtpguard.cli.explain import UNKNOWN, explain
from smtpguard.rules import ALL
from smtpguard.rules.rule import Rule

app = typer.Typer()
app.command()(explain)


def run(*words: str, terminal: bool = False) -> str:
    env = {"FORCE_COLOR": "1", "TERM": "xterm-256color"} if terminal else {"NO_COLOR": "1"}
    result = CliRunner().invoke(app, [*words], env={"COLUMNS": "200", **env})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_a_page_has_the_whole_manual(rule: Rule) -> None:
    page = run(rule.id)
    assert rule.manual.strip() in page
    assert "\x1b" not in page
    for text in (rule.id, *rule.says.values(), f"{rule.code} {rule.code // 100}.{rule.status}"):
        assert text in page


def test_a_terminal_gets_headings() -> None:
    page = run("mail-loop", terminal=True)
    assert "\x1b[1mFault\x1b[0m" in page


def test_brackets_in_a_manual_are_text() -> None:
    assert "[[...]]" in run("unrendered-placeholder", terminal=True)


def test_the_name_of_a_finding_is_enough() -> None:
    assert run("hidden-unsubscribe-link.contrast") == run("hidden-unsubscribe-link")


def test_the_list_is_a_line_for_each_rule() -> None:
    lines = run().splitlines()
    assert [line.split("\t") for line in lines] == [[rule.id, rule.summary] for rule in ALL]


def test_a_terminal_gets_a_table() -> None:
    table = run(terminal=True)
    assert all(rule.id in table and rule.summary in table for rule in ALL)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("missing-one-clic", "Did you mean missing-one-click?"),
        ("zzz", "smtpguard explain lists them all."),
    ],
)
def test_an_unknown_rule_is_guessed_at(asked: str, hint: str) -> None:
    result = CliRunner().invoke(app, [asked])
    assert result.exit_code == UNKNOWN
    assert result.output == f"There is no rule {asked!r}. {hint}\n"

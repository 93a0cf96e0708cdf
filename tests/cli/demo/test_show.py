"""What is shown is what happened."""

import io

import pytest
from rich.console import Console

from smtpguard.cli.demo import show
from smtpguard.cli.demo.letters import PROSPECT
from smtpguard.cli.demo.pages import Answer
from smtpguard.cli.demo.wire import Told
from smtpguard.edit.edit import Edit
from smtpguard.sign import Verified


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=60, highlight=False)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_edits_are_the_journals_spans_with_what_arrived() -> None:
    spans = [(0, 0, 2, "trace"), (1, 3, 1, "rule"), (6, 6, 2, "other")]
    found = show.edits(b"abcdef", b"TTaXdefYY", spans)
    assert found == [
        Edit(0, 0, b"TT", "trace"),
        Edit(1, 3, b"X", "rule"),
        Edit(6, 6, b"YY", "other"),
    ]


@pytest.mark.parametrize("received", [b"TTabcdeF", b"TTabcde", b"TTabcdefg"])
def test_what_the_journal_does_not_say_is_noticed(received: bytes) -> None:
    with pytest.raises(ValueError, match="more changed"):
        show.edits(b"abcdef", received, [(0, 0, 2, "trace")])


@pytest.mark.parametrize(
    ("why", "word"), [("trace", "UNTOUCHED"), ("trusted-fields", "UNTOUCHED"), ("rule", "REPAIRED")]
)
def test_only_our_own_edits_are_no_repair(console: Console, why: str, word: str) -> None:
    show.done(console, PROSPECT, Told(250, "ok", "end of DATA"), [Edit(0, 0, b"x", why)])
    assert word in said(console)


def test_long_lines_are_broken_where_the_terminal_ends(console: Console) -> None:
    changes = [Edit(0, 0, b"X: " + b"y" * 100 + b"\r\n", "rule")]
    show.changed(console, PROSPECT, changes, brief=False)
    lines = said(console).splitlines()
    assert max(map(len, lines)) <= 60
    assert "".join(line[show.INDENT :] for line in lines).count("y") == 100


def test_what_every_message_gets_may_be_named_only(console: Console) -> None:
    changes = [Edit(0, 0, b"Received: x\r\n", "trace"), Edit(3, 3, b"Z", "rule")]
    show.changed(console, PROSPECT, changes, brief=True)
    assert "Received" not in said(console)
    assert "trace 13 octets" in said(console)
    assert "+ Z" in said(console)


def test_a_signature_that_fails_is_said_so(console: Console) -> None:
    good, bad = (Verified("a.example", "s", "rsa-sha256", ok, "bad hash") for ok in (True, False))
    show.signatures(console, [good, bad])
    assert "verified" in said(console)
    assert "FAILED: bad hash" in said(console)


@pytest.mark.parametrize("status", [200, 404])
def test_what_the_pages_answered(console: Console, status: int) -> None:
    show.asked(console, "GET", "https://u.acme.example/u/AQx", Answer(status, "[b]Words"))
    assert "GET https://u.acme.example/u/AQx" in said(console)
    assert f"answered with {status}" in said(console)
    assert "[b]Words" in said(console)


def test_an_observed_finding_would_be(console: Console) -> None:
    findings = [
        {"rule": "a-b", "outcome": "fixed", "observed": True, "where": "Subject"},
        {"rule": "c-d", "outcome": "mendable"},
        {"rule": "e-f", "outcome": "allowed"},
    ]
    show.spoke(console, {"recipients": [{"stream": "acme/news", "findings": findings}]})
    assert "a-b would be fixed in Subject" in said(console)
    assert "c-d could be fixed" in said(console)
    assert "e-f" not in said(console)

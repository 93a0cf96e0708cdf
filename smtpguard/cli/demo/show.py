"""How the demonstration looks in a terminal, and what it looks like piped: words and lines."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from smtpguard.cli.demo.letters import Letter
from smtpguard.cli.demo.pages import Answer
from smtpguard.cli.demo.wire import Told
from smtpguard.cli.diff import diff
from smtpguard.edit.edit import Edit, apply
from smtpguard.mail.message import Message
from smtpguard.sign import Verified

COLOURS = {
    "fixed": "green",
    "warned": "yellow",
    "refused": "red",
    "deferred": "red",
    "mendable": "yellow",
}
OURS = frozenset({"trace", "dkim"})
"""Edits made to every message: our Received field and the signatures."""

ALWAYS = OURS | {"trusted-fields"}
"""And what a trusted client said to us alone, which is taken out in every mode."""

LABEL = 9
"""Columns of the words on the left."""
INDENT = 2
"""Columns before a line of a diff."""

Entry = dict[str, Any]
"""One line of the journal."""


def heading(console: Console, text: str) -> None:
    """A new act."""
    console.print()
    console.print(Rule(Text(text, "bold"), style="blue"))


def came(console: Console, letter: Letter, number: int) -> None:
    """The message as it was handed in."""
    message = Message(letter.octets)
    heading(console, f"{number}. {letter.title}")
    for label, key in (("From", "from"), ("To", "to"), ("Subject", "subject")):
        field = message.first(key)
        console.print(Text.assemble((f"{label:>{LABEL}} ", "dim"), field.text if field else "-"))
    kinds = ", ".join(part.type for part in message.parts if not part.children)
    facts = f"{len(letter.octets)} octets: {kinds}"
    console.print(Text.assemble((f"{'Holds':>{LABEL}} ", "dim"), facts))


def spoke(console: Console, entry: Entry) -> None:
    """Which rules found something, and what came of it."""
    person = entry["recipients"][0]
    stream = person.get("stream", "none: personal, so nobody reads it")
    console.print(Text.assemble((f"{'Stream':>{LABEL}} ", "dim"), stream))
    for finding in person.get("findings", ()):
        if finding["outcome"] == "allowed":
            continue
        line = Text()
        line.append(finding["rule"], "bold")
        line.append(f" {outcome(finding)}", COLOURS[finding["outcome"]])
        for key, form in (("where", " in {}"), ("blocked", ", {}")):
            if key in finding:
                line.append(form.format(finding[key]), "dim")
        _indented(console, line, LABEL + 1)


def outcome(finding: Entry) -> str:
    """What came of a finding, in words."""
    word = "could be fixed" if finding["outcome"] == "mendable" else str(finding["outcome"])
    return f"would be {word}" if finding.get("observed") else word


def edits(raw: bytes, received: bytes, spans: Sequence[tuple[int, int, int, str]]) -> list[Edit]:
    """The journal's spans, with the octets that the next hop received in their places.

    ``ValueError`` when that is not all that changed.
    """
    found: list[Edit] = []
    at = there = 0
    for start, end, length, why in spans:
        there += start - at
        found.append(Edit(start, end, received[there : there + length], why))
        at, there = end, there + length
    if apply(raw, found) != received:
        raise ValueError("more changed than the journal says")
    return found


def done(console: Console, letter: Letter, told: Told, changes: Sequence[Edit]) -> None:
    """Relayed untouched, repaired, or refused with what the sender reads."""
    label = f"{'Done':>{LABEL}} "
    if not told.accepted:
        when = "before any content was sent" if told.after == "RCPT TO" else "after the dot"
        console.print(Text.assemble((label, "dim"), ("REFUSED", "bold red"), f" {when}"))
        text = Text(f"<{letter.recipient}>: {told.bounce}")
        console.print(Panel(text, title="what the sender's mail server writes back", style="red"))
        return
    mended = [edit for edit in changes if edit.why not in ALWAYS]
    word = ("REPAIRED", "bold green") if mended else ("RELAYED UNTOUCHED", "bold green")
    console.print(Text.assemble((label, "dim"), word, f": {told.code} {told.text}"))


def changed(console: Console, letter: Letter, changes: Sequence[Edit], *, brief: bool) -> None:
    """Exactly the octets that changed; with ``brief`` what every message gets is only named."""
    shown = [edit for edit in changes if not brief or edit.why not in OURS]
    for line in diff(letter.octets, shown):
        _indented(console, line)
    rest = [edit for edit in changes if edit not in shown]
    if rest:
        sizes = ", ".join(f"{edit.why} {len(edit.new)} octets" for edit in rest)
        _indented(console, Text(f"+ on top, as above: {sizes}", "dim"))
    _indented(console, Text("nothing else changed: checked octet for octet", "dim"))


def signatures(console: Console, verified: Sequence[Verified]) -> None:
    """What a receiver finds when it checks the signatures."""
    label = f"{'DKIM':>{LABEL}} "
    if not verified:
        console.print(Text.assemble((label, "dim"), "not signed"))
    for one in verified:
        word = ("verified", "green") if one.ok else (f"FAILED: {one.why}", "bold red")
        name = f"{one.domain}, {one.selector}, {one.algorithm}: "
        console.print(Text.assemble((label, "dim"), name, word))


def asked(console: Console, what: str, link: str, answer: Answer) -> None:
    """One request to the exit pages, and what whoever sent it was shown."""
    _indented(console, Text.assemble((what, "bold"), f" {link}"))
    style = "green" if answer.status == HTTPStatus.OK else "red"
    console.print(Panel(Text(answer.words), title=f"answered with {answer.status}", style=style))


def side_by_side(console: Console, left: bytes, right: bytes) -> None:
    """What the reader sees in two copies."""
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    old = _visible(right).splitlines()
    table.add_row(
        Panel(Group(*(_line(line, old) for line in _visible(left).splitlines())), title="first"),
        Panel(_visible(right), title="second"),
    )
    console.print(table)


def _indented(console: Console, line: Text, by: int = INDENT) -> None:
    """Print a line of any length, broken where the terminal ends."""
    line.expand_tabs(INDENT)
    room = console.width - by
    for piece in line.divide(range(room, len(line), room)):
        console.print(Padding(piece, (0, 0, 0, by), expand=False))


def _visible(raw: bytes) -> str:
    return "\n\n".join(reading.visible for reading in Message(raw).readings)


def _line(line: str, old: Sequence[str]) -> Text:
    return Text(line, "" if line in old else "green")


def summary(console: Console, rows: Sequence[tuple[Letter, Told, Entry, Sequence[Edit]]]) -> None:
    """What ``observe`` did with each message, and what it would have done."""
    table = Table(expand=True, show_lines=False)
    for name, ratio in (("message", 5), ("observed", 4), ("would have been", 6)):
        table.add_column(name, ratio=ratio)
    for letter, told, entry, changes in rows:
        findings = entry["recipients"][0].get("findings", ())
        would = [f"{f['rule']} {f['outcome']}" for f in findings if f.get("observed")]
        untouched = all(edit.why in ALWAYS for edit in changes)
        did = "relayed untouched" if untouched else "relayed, altered"
        if not told.accepted:
            refusing = (f["rule"] for f in findings if f["outcome"] == "refused")
            did = f"refused: {', '.join(refusing)}"
        table.add_row(letter.title, did, "\n".join(would) or "-")
    console.print(table)

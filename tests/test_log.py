"""Every form of a log line tells the same facts, and no more of a person than was asked for."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from smtpguard import log
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Action, Kind, Stream
from smtpguard.rules.rule import Finding
from smtpguard.verdict.decision import Answer, Decision, Relay, Ruling
from smtpguard.verdict.weigh import Outcome, Weighed

STREAM = Stream("news", Controller("acme", "Acme"), Brand("acme", ("Acme",)), Kind.MARKETING)
READER = Recipient(Address(b"a", b"client.fr"))
WEIGHED = (
    Weighed(Finding("missing-postal-address"), Action.WARN, Outcome.WARNED),
    Weighed(Finding("missing-one-click"), Action.FIX_OR_WARN, Outcome.FIXED, observed=True),
)
TAKEN = Decision(
    reference="7F3A9C",
    at=0.0,
    phase="dot",
    policy="v1",
    envelope=Envelope(
        Session("smtp", peer="127.0.0.1", forwarded=(("IDENT", "4XYZ"), ("ADDR", "192.0.2.7"))),
        Address(b"news", b"acme.fr"),
        recipients=(READER,),
    ),
    rulings=(Ruling(READER, STREAM, Relay(), WEIGHED),),
    answers=(Answer(b"250-2.0.0 Ok:\r\n250 2.0.0 queued as 4F2\r\n", upstream=True),),
    size=1234,
    timings={"store": 0.001, "total": 0.0123},
)


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    written = io.StringIO()
    yield written
    log.configure()


def test_a_decision_as_postfix_would_write_it(out: io.StringIO) -> None:
    log.configure("postfix", out=out)
    log.decision(TAKEN)
    assert out.getvalue() == (
        "7F3A9C: client=192.0.2.7, from=<news@acme.fr>, orig_queue_id=4XYZ, size=1234,"
        " to=<a@client.fr>, stream=acme/news, action=relay, would_be_fixed=missing-one-click,"
        " warned=missing-postal-address, delay=0.012, delays=0.001/0.012 (store/total),"
        " status=sent, (250-2.0.0 Ok: 250 2.0.0 queued as 4F2)\n"
    )


@pytest.mark.parametrize(
    ("user", "clear", "hidden"),
    [("", None, None), ("crm", "crm", "crm"), ("a@acme.fr", "a@acme.fr", "...@acme.fr")],
)
def test_a_user_is_named(user: str, clear: str, hidden: str, out: io.StringIO) -> None:
    session = replace(TAKEN.envelope.session, user=user)
    taken = replace(TAKEN, envelope=replace(TAKEN.envelope, session=session))
    for pseudonym in (None, lambda *_: "person"):
        log.configure("json", pseudonym=pseudonym, out=out)
        log.decision(taken)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line.get("user") for line in lines] == [clear, hidden]


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_the_other_forms_have_the_same_facts(form: str, out: io.StringIO) -> None:
    log.configure(form, out=out)
    log.decision(TAKEN)
    (line,) = out.getvalue().splitlines()
    for fact in ("7F3A9C", "4XYZ", "a@client.fr", "acme/news", "missing-one-click", "sent"):
        assert fact in line
    if form == "json":
        assert json.loads(line)["size"] == 1234


def test_addresses_are_replaced_where_asked(out: io.StringIO) -> None:
    log.configure("json", pseudonym=lambda controller, key: f"{controller}-person", out=out)
    log.decision(TAKEN)
    assert "client.fr" not in out.getvalue()
    assert json.loads(out.getvalue())["to"] == "<acme-person>"


def test_a_line_stays_one_line(out: io.StringIO) -> None:
    log.configure("postfix", out=out)
    log.incident("7F3A9C", "Traceback\n  File\nValueError: x\n")
    assert out.getvalue() == "7F3A9C: error: incident: trace=Traceback |   File | ValueError: x\n"


def test_the_journal_of_systemd_gets_priorities(
    out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    log.configure("postfix", out=out)
    log.incident("1", "trace")
    log.reloaded("v2")
    first, second = out.getvalue().splitlines()
    assert first.startswith("<3>1: error: incident")
    assert second == "<6>reloaded: policy=v2"


def test_levels_are_kept(out: io.StringIO) -> None:
    log.configure("postfix", level="error", out=out)
    log.decision(TAKEN)
    log.warned("nobody reads this")
    assert out.getvalue() == ""


def test_what_libraries_say_comes_out_the_same_way(out: io.StringIO) -> None:
    log.configure("postfix", out=out)
    logging.getLogger("asyncio").error("socket.send() raised exception")
    assert out.getvalue() == ("error: notice: logger=asyncio, socket.send() raised exception\n")


def test_an_ambiguous_end_is_told(out: io.StringIO) -> None:
    log.configure("json", out=out)
    lost = Answer(b"451 4.4.2 upstream closed the connection\r\n", ambiguous=True)
    log.decision(replace(TAKEN, answers=(lost,)))
    line = json.loads(out.getvalue())
    assert (line["status"], line["ambiguous"]) == ("deferred", 1)


def test_where_addresses_are_hidden_no_reply_and_no_sender_tells_them(out: io.StringIO) -> None:
    log.configure(pseudonym=lambda *_: "REF", out=out)
    told = Answer(b"550 5.1.1 <a@client.fr>: unknown, not even a@client.fr\r\n", upstream=True)
    verp = replace(TAKEN.envelope, sender=Address(b"bounce+a=client.fr", b"acme.fr"))
    log.decision(replace(TAKEN, envelope=verp, answers=(told,)))
    assert "from=<...@acme.fr>" in out.getvalue()
    assert "550 5.1.1 <...> unknown" in out.getvalue()
    assert "client.fr" not in out.getvalue()


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_stops_nothing(out: io.StringIO) -> None:
    log.configure(out=Full())
    log.decision(TAKEN)
    logging.getLogger("smtpguard.smtp").error("lost as well")


def test_lines_that_nobody_read_are_not_left_for_the_exit(out: io.StringIO) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as unread:
        log.configure(out=unread)
        log.decision(TAKEN)

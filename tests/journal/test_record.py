"""A decision as the journal keeps it: what was decided, about whom, and nobody's address."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from smtpguard.edit.edit import Edit
from smtpguard.journal.record import record
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Action, Kind, Mode, Stream
from smtpguard.reply import Reply
from smtpguard.rules.rule import Finding
from smtpguard.verdict.decision import (
    Answer,
    Copy,
    Decision,
    Defer,
    Refuse,
    Relay,
    Ruling,
    Verdict,
)
from smtpguard.verdict.weigh import Outcome, Weighed

READER = Recipient(Address(b"Anna.Reader+x", b"Client.FR"))
STREAM = Stream(
    "news",
    Controller("acme", "Acme SAS"),
    Brand("acme", ("Acme",)),
    Kind.MARKETING,
    mode=Mode.ENFORCE,
)
FOUND = Weighed(
    Finding(
        "dead-unsubscribe-link", "empty", found="a link of anna.reader@client.fr to #", where="1.2"
    ),
    Action.FIX_OR_REJECT,
    Outcome.REFUSED,
    blocked="S/MIME signed",
)
OK = Answer(b"250 2.0.0 Ok: queued as 4F2 for anna.reader@client.fr\r\n", upstream=True)
NO = Reply(550, "7.1", ("suppressed-recipient: ...",))
LATER = Reply(451, "3.0", ("unavailable-suppressions: ...",))


def pseudonym(controller: str, key: str) -> str:
    return f"<{controller}|{len(key)}>"


def decision(*rulings: Ruling, answers: tuple[Answer, ...] = (OK,), **changes: Any) -> Decision:
    return Decision(
        reference="7F3A9C",
        at=1_800_000_000.1234,
        phase="dot",
        policy="v1",
        envelope=Envelope(
            Session("lmtp", "LMTP", forwarded=(("IDENT", "4F2A"),)),
            Address(b"bounce+anna.reader=client.fr", b"acme.fr"),
            recipients=(READER,),
        ),
        rulings=rulings,
        answers=answers,
        **changes,
    )


def ruling(
    verdict: Verdict | None = None, stream: Stream | None = STREAM, **changes: Any
) -> Ruling:
    return Ruling(READER, stream, verdict or Relay(), **changes)


def written(taken: Decision) -> dict[str, Any]:
    """The record, as it can be read back."""
    entry: dict[str, Any] = json.loads(json.dumps(record(taken, pseudonym)))
    return entry


def test_the_whole_line() -> None:
    copy = Copy((0,), b"x" * 83, (Edit(0, 0, b"Received: y\r\n", "trace"), Edit(3, 9, b"", "r")))
    taken = decision(
        ruling(weighed=(FOUND,), informs="abc"),
        copies=(copy,),
        signed=("acme.fr",),
        size=77,
        message_id="<1@acme.fr>",
        timings={"store": 0.00123456789, "total": 0.5},
    )
    assert written(taken) == {
        "id": "7F3A9C",
        "at": "2027-01-15T08:00:00.123+00:00",
        "phase": "dot",
        "policy": "v1",
        "listener": "lmtp",
        "queue_id": "4F2A",
        "size": 77,
        "recipients": [
            {
                "verdict": "relayed",
                "code": 250,
                "by": "upstream",
                "person": "<acme|23>",
                "stream": "acme/news",
                "mode": "enforce",
                "findings": [
                    {
                        "rule": "dead-unsubscribe-link.empty",
                        "asked": "fix-or-reject",
                        "outcome": "refused",
                        "where": "1.2",
                        "blocked": "S/MIME signed",
                    }
                ],
                "informed": "abc",
            }
        ],
        "copies": [{"recipients": [0], "size": 90, "edits": [[0, 0, 13, "trace"], [3, 9, 0, "r"]]}],
        "signed": ["acme.fr"],
        "seconds": {"store": 0.001235, "total": 0.5},
        "message_id": "61619de08cb3d3c7bca302c4b84cbf48",
    }


def test_nobody_is_named_and_nothing_is_quoted() -> None:
    line = json.dumps(record(decision(ruling(weighed=(FOUND,))), pseudonym)).lower()
    assert "anna" not in line
    assert "client.fr" not in line


@pytest.mark.parametrize(
    ("verdict", "word"), [(Relay(), "relayed"), (Refuse(NO), "refused"), (Defer(LATER), "deferred")]
)
def test_each_verdict_has_its_word(verdict: Verdict, word: str) -> None:
    (entry,) = written(decision(ruling(verdict)))["recipients"]
    assert entry["verdict"] == word


def test_our_own_answer_is_told_from_the_upstreams() -> None:
    own = Answer(bytes(NO))
    unsure = Answer(b"451 4.4.2 gone\r\n", upstream=True, ambiguous=True)
    entries = written(decision(ruling(Refuse(NO)), ruling(), ruling(), answers=(own, unsure, OK)))[
        "recipients"
    ]
    assert [(e["code"], e["by"], e.get("ambiguous")) for e in entries] == [
        (550, "smtpguard", None),
        (451, "upstream", True),
        (250, "upstream", None),
    ]


@pytest.mark.parametrize(("answer", "informed"), [(OK, True), (Answer(bytes(LATER)), False)])
def test_only_a_notice_that_was_taken_was_given(answer: Answer, informed: bool) -> None:
    (entry,) = written(decision(ruling(informs="abc"), answers=(answer,)))["recipients"]
    assert ("informed" in entry) is informed


def test_what_is_only_observed_says_so() -> None:
    watched = replace(FOUND, observed=True)
    (entry,) = written(decision(ruling(weighed=(watched,))))["recipients"]
    assert entry["findings"][0]["observed"] is True


@pytest.mark.parametrize("stream", [None, replace(STREAM, kind=Kind.PERSONAL)])
def test_of_correspondence_only_counts_are_kept(stream: Stream | None) -> None:
    taken = decision(ruling(stream=stream), size=77, message_id="<1@acme.fr>")
    entry = written(taken)
    assert entry["recipients"] == [{"verdict": "relayed", "code": 250, "by": "upstream"}]
    assert "message_id" not in entry
    assert entry["size"] == 77


def test_a_mail_of_both_kinds_keeps_each_apart() -> None:
    taken = decision(ruling(stream=None), ruling(), answers=(OK, OK), message_id="<1@acme.fr>")
    personal, judged = written(taken)["recipients"]
    assert "person" not in personal
    assert judged["person"] == "<acme|23>"

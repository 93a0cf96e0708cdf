"""Streams, mails and questions that the tests of the verdict put."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from smtpguard.edit.edit import apply, invert
from smtpguard.edit.fix import Change
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.person import Person, Reason, Source, Suppression
from smtpguard.policy.controller import Brand, Controller, Unsubscribe
from smtpguard.policy.stream import Action, Asked, Kind, Mode, Stream
from smtpguard.unsubscribe.link import Exit
from smtpguard.verdict.decision import Copy, Defer, Deliberation, Refuse
from smtpguard.verdict.deliberate import Question, deliberate
from smtpguard.verdict.weigh import Outcome

HEADER = (
    b"From: Acme <news@acme.fr>\r\nTo: a@client.fr\r\nSubject: Nouvelles\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@acme.fr>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
)
NEWSLETTER = HEADER + b"\r\nBonjour, nos prix du mois.\r\n\r\nAcme SAS\r\n"
LEFT = Person((Suppression(Reason.OBJECTION),))
SALON, ANNUAIRE = Source("s", "Salon Bati 2026", "purchased"), Source("a", "Annuaire", "rented")
NOTICES = ("missing-data-source", "missing-rights-notice")


def asked(action: Action, *rules: str) -> dict[str, Asked]:
    return {rule: Asked(action, "test") for rule in rules}


STREAM = Stream(
    "news",
    Controller("acme", "Acme SAS", "12 rue des Lilas, 69003 Lyon", rights_contact="dpo@acme.fr"),
    Brand(
        "acme",
        ("Acme",),
        frozenset({"acme.fr"}),
        unsubscribe=Unsubscribe("https://u.acme.fr", "unsubscribe@acme.fr"),
        languages=("fr",),
    ),
    Kind.MARKETING,
    mode=Mode.ENFORCE,
    edits=Change.BODY,
    rules=asked(Action.FIX_OR_REJECT, "missing-unsubscribe-link"),
)
RESETS = replace(STREAM, name="resets", kind=Kind.TRANSACTIONAL)


def question(
    raw: bytes = NEWSLETTER,
    *streams: Stream | None,
    protocol: str = "LMTP",
    people: Sequence[Person | None] = (),
    exits: Mapping[int, Exit] | None = None,
    **changes: Any,
) -> Question:
    streams = streams or (STREAM,)
    recipients = tuple(
        Recipient(Address(b"reader%d" % index, b"client.fr")) for index in range(len(streams))
    )
    own = {i: Exit(f"https://u.acme.fr/u/{'ABCDEF'[i]}Q") for i in range(len(streams))}
    return Question(
        Envelope(Session("in", protocol), None, recipients=recipients),
        raw,
        streams,
        tuple(people) or (Person(),) * len(streams),
        own if exits is None else exits,
        host="0a1b2c3d",
        now=1_800_000_000,
        reference="7F3A9C",
        **changes,
    )


def decide(*given: Any, **changes: Any) -> Deliberation:
    return deliberate(question(*given, **changes))


def reply(decided: Deliberation, index: int = 0) -> str:
    verdict = decided.rulings[index].verdict
    assert isinstance(verdict, Refuse | Defer)
    return bytes(verdict.reply).decode("ascii")


def outcomes(decided: Deliberation, index: int = 0) -> dict[str, Outcome]:
    return {w.finding.rule: w.outcome for w in decided.rulings[index].weighed}


def check_copies(asked: Question, copies: Sequence[Copy]) -> None:
    for copy in copies:
        assert apply(asked.raw, copy.edits) == copy.raw
        assert apply(copy.raw, invert(asked.raw, copy.edits)) == asked.raw


UNDECODABLE = HEADER.replace(b"utf-8", b"utf-7") + b"\r\nBonjour.\r\n"

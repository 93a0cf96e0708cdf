"""Mail that nobody here wrote goes through every room, and nothing breaks, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email import message_from_bytes
from hashlib import sha256
from pathlib import Path

import pytest

from smtpguard.cli import main
from smtpguard.edit.compose import Mended, Unmendable, compose
from smtpguard.edit.edit import apply, invert
from smtpguard.edit.fix import (
    AddField,
    Change,
    Fix,
    OfferExit,
    Paragraph,
    Place,
    Reencode,
    RemoveImage,
)
from smtpguard.keys import SigningKey
from smtpguard.mail import reference
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.person import Person
from smtpguard.policy.controller import Brand, Controller, Unsubscribe
from smtpguard.policy.stream import Action, Asked, Kind, Mode, Stream
from smtpguard.rules import ALL
from smtpguard.sign import Signer, sign, unsignable, verify
from smtpguard.unsubscribe.link import Exit
from smtpguard.verdict.decision import Relay
from smtpguard.verdict.deliberate import Question, deliberate
from smtpguard.verdict.weigh import Outcome

Corpus = Mapping[str, bytes]

STREAM = Stream(
    "news",
    Controller("acme", "Acme SAS", "12 rue des Lilas, 69003 Lyon", rights_contact="dpo@acme.fr"),
    Brand(
        "acme",
        ("Acme",),
        frozenset({"acme.fr"}),
        unsubscribe=Unsubscribe("https://u.acme.fr", "unsubscribe@acme.fr"),
        languages=("fr", "en"),
    ),
    Kind.MARKETING,
    mode=Mode.ENFORCE,
    edits=Change.BODY,
    rules={rule.id: Asked(Action.FIX_OR_WARN, "test") for rule in ALL},
)
WAY_OUT = Exit("https://u.acme.fr/u/AQ", "mailto:unsubscribe@acme.fr?subject=unsubscribe%20AQ")
ED25519 = Signer("acme.fr", "g2026", SigningKey.load(b"p" * 43 + b"="))


def question(raw: bytes) -> Question:
    return Question(
        Envelope(
            Session("lmtp", "LMTP"),
            None,
            recipients=(Recipient(Address(b"reader", b"client.fr")),),
        ),
        raw,
        (STREAM,),
        (Person(),),
        {0: WAY_OUT},
        host="0a1b2c3d",
        now=1_800_000_000,
    )


def every_fix(message: Message) -> Iterator[tuple[str, Fix]]:
    """Whatever a rule could ask for, asked of all the parts of which it could be asked."""
    yield "test", AddField("X-Added", "août")
    yield "test", OfferExit(replace=True)
    # An AMP part is never mended (its documents are checked by the reader's mail program).
    parts = [p for p in message.readable if p.type != "text/x-amp-html"]
    numbers = frozenset(part.number for part in parts)
    if numbers:
        yield "test", Paragraph(Place.ADDRESS, "Acme SAS, 12 rue des Lilas, 69003 Lyon", numbers)
        text = "Vous ne voulez plus de nos messages\xa0? Désabonnez-vous\xa0: {exit}"
        yield "test", Paragraph(Place.UNSUBSCRIBE, text, numbers, "se désabonner")
    for part in parts:
        yield "test", Reencode(part.number)
    for reading in message.readings:
        for image in reading.images[:1]:
            yield "test", RemoveImage(reading.part.number, image.source)


def attached(message: Message) -> list[tuple[str, bytes]]:
    read = {part.number for part in message.readable}
    return [
        (part.number, sha256(part.content).digest())
        for part in message.parts
        if not part.children and part.number not in read
    ]


def none(faults: list[str]) -> None:
    assert not faults, f"{len(faults)}:\n" + "\n".join(faults)


def test_there_is_enough_of_it(corpus: Corpus) -> None:
    assert len(corpus) >= 240
    assert sum(b"text/html" in raw.lower() for raw in corpus.values()) >= 40
    assert all(
        raw.endswith(b"\r\n") and b"\n" not in raw.replace(b"\r\n", b"") for raw in corpus.values()
    )


def test_it_is_read_to_the_end(corpus: Corpus) -> None:
    faults = []
    for name, raw in corpus.items():
        message = Message(raw)
        spans = b"".join(raw[f.start : f.end] for f in message.fields)
        if not raw.startswith(spans) or raw[len(spans) : message.body_start] not in (b"", b"\r\n"):
            faults.append(f"{name}: the fields are not the header")
        for part in message.parts:
            _ = part.content, part.text, part.filename
        assert len(message.readings) == len(message.readable)
        _ = message.protection, message.dkim_domains, message.attachments
    none(faults)


def test_the_standard_parser_finds_the_same_fields(corpus: Corpus) -> None:
    faults = []
    for name, raw in corpus.items():
        theirs = [field.lower() for field in message_from_bytes(raw).keys()]  # noqa: SIM118
        ours = [field.key for field in Message(raw).fields]
        if all(ours) and ours != theirs:
            faults.append(f"{name}: {ours} is not {theirs}")
    none(faults)


def test_all_the_rules_judge_it(corpus: Corpus) -> None:
    faults, found, relayed = [], set(), 0
    for name, raw in corpus.items():
        decided = deliberate(question(raw))
        faults += [f"{name}: {failure.trace}" for failure in decided.failures]
        (ruling,) = decided.rulings
        found |= {weighed.finding.rule for weighed in ruling.weighed}
        relayed += isinstance(ruling.verdict, Relay)
        for copy in decided.copies:
            if apply(raw, copy.edits) != copy.raw:
                faults.append(f"{name}: edits that were not announced")
            if apply(copy.raw, invert(raw, copy.edits)) != raw:
                faults.append(f"{name}: the way back leads elsewhere")
            again = deliberate(question(copy.raw))
            if again.copies[0].raw != copy.raw:
                faults.append(f"{name}: mended twice is not mended once")
            healed = {w.finding.rule for w in ruling.weighed if w.outcome is Outcome.FIXED}
            ill = {w.finding.rule for w in again.rulings[0].weighed if w.outcome is Outcome.FIXED}
            if healed & ill:
                faults.append(f"{name}: {healed & ill} is found again")
    none(faults)
    assert relayed > 0.9 * len(corpus)
    assert len(found) >= 10


@pytest.mark.parametrize("eight_bit", [True, False])
def test_every_fix_is_made_or_declined(corpus: Corpus, eight_bit: bool) -> None:
    faults, declined = [], []
    for name, raw in corpus.items():
        message = Message(raw)
        fixes = list(every_fix(message))
        made = compose(message, fixes, exit=WAY_OUT, language="fr", eight_bit=eight_bit)
        if isinstance(made, Unmendable):
            declined.append(f"{name}: {made.why}")
            continue
        assert isinstance(made, Mended)
        if apply(raw, made.edits) != made.raw:
            faults.append(f"{name}: edits that were not announced")
        if apply(made.raw, invert(raw, made.edits)) != raw:
            faults.append(f"{name}: the way back leads elsewhere")
        if not eight_bit and any(not edit.new.isascii() for edit in made.edits):
            faults.append(f"{name}: eight bits where seven are")
        mended = Message(made.raw)
        if attached(mended) != attached(message):
            faults.append(f"{name}: attachments")
        again = compose(mended, fixes, exit=WAY_OUT, language="fr", eight_bit=eight_bit)
        if again != Mended(made.raw, (), again.place if isinstance(again, Mended) else 0):
            faults.append(f"{name}: twice is not once")
    none(faults)
    assert len(declined) < 0.2 * len(corpus), "\n".join(declined)


def test_what_we_sign_dkimpy_verifies(corpus: Corpus) -> None:
    faults, signed = [], 0
    record = {ED25519.record_name: ED25519.key.record}
    for name, raw in corpus.items():
        signature = sign(raw, [ED25519], 1_700_000_000)
        assert bool(signature) != bool(unsignable(raw))
        if signature and len(raw) < 250_000:
            signed += 1
            first, *_ = verify(signature + raw, record)
            if not first.ok:
                faults.append(f"{name}: {first.why}")
    none(faults)
    assert signed > 0.8 * len(corpus)


def test_the_two_readers_agree(corpus: Corpus) -> None:
    read, differ = 0, []
    for name, raw in corpus.items():
        for reading in Message(raw).readings:
            if reading.part.type == "text/html":
                read += 1
                said = reference.differences(reading, reference.read(reading.part))
                if said:
                    differ.append(f"{name} part {reading.part.number or '1'}: {', '.join(said)}")
    assert read >= 40
    assert len(differ) <= 0.05 * read, f"{len(differ)} of {read}:\n" + "\n".join(differ)


def test_lint_reads_it(corpus: Corpus, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    faults, codes = [], set()
    for number, (name, raw) in enumerate(corpus.items()):
        file = tmp_path / f"{number}.eml"
        file.write_bytes(raw)
        code = main(["lint", str(file), "--diff"])
        codes.add(code)
        if code not in (0, 1, 65):
            faults.append(f"{name}: {code} {capfd.readouterr().err[-300:]}")
    none(faults)
    assert 1 in codes
    assert str(tmp_path) in capfd.readouterr().out

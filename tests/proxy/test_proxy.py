"""What outlives a transaction: the regime, what repeats, what is still to be done."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from smtpguard import log
from smtpguard.inspector import InspectionFailed
from smtpguard.journal.journal import Journal
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Parameter, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.person import Person
from smtpguard.policy.stream import Action, Asked, Kind, Match, Stream
from smtpguard.proxy.proxy import LARGE, House
from smtpguard.reply import Reply
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.verdict.decision import Answer, Decision, Deliberation, Relay, Ruling
from smtpguard.verdict.deliberate import Question, deliberate

if TYPE_CHECKING:
    from tests.proxy.conftest import Bench

HEADER = (
    b"From: Acme <news@acme.fr>\r\nSubject: x\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@acme.fr>\r\nMIME-Version: 1.0\r\n"
)
TEXT = b"Content-Type: text/plain\r\n\r\n" + b"Hello, nothing more to say today.\r\n" * 4000
PICTURE = (
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
    b"Hello.\r\n--b\r\nContent-Type: image/png\r\n\r\n" + b"x" * 70 * 4000 + b"\r\n--b--\r\n"
)
READER = Recipient(Address(b"a", b"client.fr"))


@dataclass
class Inspector:
    """Notes what it was asked; answers, or fails as it is told."""

    asked: list[Question] = field(default_factory=list)
    failure: InspectionFailed | None = None
    closed: bool = False

    async def deliberate(self, question: Question) -> Deliberation:
        self.asked.append(question)
        if self.failure:
            raise self.failure
        return deliberate(question)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def inspector(bench: Bench) -> Inspector:
    made: Any = Inspector()
    bench.proxy.inspector = made
    return made  # type: ignore[no-any-return]


def question(bench: Bench, raw: bytes, stream: Stream | None = None) -> Question:
    return Question(
        Envelope(Session(protocol="LMTP"), None, recipients=(READER,)),
        raw,
        (stream or bench.streams[0],),
        (Person(),),
        message=Message(raw),
        reference="1",
    )


@pytest.mark.parametrize(
    ("body", "kind", "elsewhere"),
    [
        (TEXT, Kind.MARKETING, True),
        (TEXT, Kind.TRANSACTIONAL, True),
        (TEXT, Kind.PERSONAL, False),
        (PICTURE, Kind.MARKETING, False),
        (b"Content-Type: text/plain\r\n\r\nHello.\r\n", Kind.MARKETING, False),
    ],
)
async def test_only_much_text_to_judge_goes_to_the_inspector(
    bench: Bench, inspector: Inspector, body: bytes, kind: Kind, elsewhere: bool
) -> None:
    assert len(TEXT) > LARGE < len(PICTURE)
    stream = replace(bench.streams[0], kind=kind)
    asked = question(bench, HEADER + body, stream)
    decided = await bench.proxy.decide(asked)
    assert decided == deliberate(asked)
    assert len(inspector.asked) == elsewhere
    assert all(one.message is None for one in inspector.asked), "a message travels as its octets"


async def test_what_the_inspector_cannot_judge_waits_then_is_poison(
    bench: Bench, inspector: Inspector
) -> None:
    inspector.failure = InspectionFailed("TimeoutError")
    codes = []
    for _ in range(4):
        decided = await bench.proxy.decide(question(bench, HEADER + TEXT))
        verdict = decided.rulings[0].verdict
        assert not isinstance(verdict, Relay)
        codes.append(verdict.reply.code)
    assert codes == [451, 451, 554, 554]
    other = await bench.proxy.decide(question(bench, HEADER + b"X: 1\r\n" + TEXT))
    assert not isinstance(other.rulings[0].verdict, Relay)
    assert other.rulings[0].verdict.reply.code == 451, "another message begins anew"


async def test_a_host_that_has_no_inspector_is_no_fault_of_the_mail(
    bench: Bench, inspector: Inspector
) -> None:
    inspector.failure = InspectionFailed("no process", by_mail=False)
    for _ in range(5):
        decided = await bench.proxy.decide(question(bench, HEADER + TEXT))
        verdict = decided.rulings[0].verdict
        assert not isinstance(verdict, Relay)
        assert verdict.reply.code == 451


async def test_what_the_upstream_offers_is_what_we_offer(bench: Bench) -> None:
    bench.upstream.offered = Capabilities(size=77, dsn=True)
    assert await bench.proxy.capabilities() == Capabilities(size=77, dsn=True)


async def test_smtputf8_needs_an_upstream_that_takes_it(bench: Bench) -> None:
    asked = (Parameter(b"smtputf8"),)
    refused = await bench.proxy.mail(Session(), None, asked)
    assert isinstance(refused, Reply)
    assert refused.code == 553
    bench.upstream.offered = replace(bench.upstream.offered, smtputf8=True)
    assert not isinstance(await bench.proxy.mail(Session(), None, asked), Reply)


async def test_each_transaction_has_an_id_of_its_own(bench: Bench) -> None:
    ids = set()
    for _ in range(50):
        begun = await bench.proxy.mail(Session(), None, ())
        assert not isinstance(begun, Reply)
        ids.add(begun.reference)
    assert len(ids) == 50


def test_our_deadline_is_below_the_clients() -> None:
    house = House("guard.acme.fr", "0a1b2c3d", deadlines={"slow": 7.0})
    assert house.deadline("smtp", "ESMTP") == 100.0
    assert house.deadline("lmtp", "LMTP") == 600.0
    assert house.deadline("slow", "LMTP") == 7.0


def decision(bench: Bench) -> Decision:
    ruling = Ruling(READER, bench.streams[0], Relay())
    envelope = Envelope(Session(), None)
    return Decision("7F3A", 1.8e9, "dot", "v1", envelope, (ruling,), (Answer(b"250 2.0.0 ok\r\n"),))


async def test_a_decision_is_written_before_it_is_told(bench: Bench) -> None:
    bench.proxy.conclude(decision(bench))
    (entry,) = bench.journalled()
    assert entry["id"] == "7F3A"
    reference = bench.ring.references[0].reference("acme", "a@client.fr")
    assert entry["recipients"][0]["person"] == reference


@pytest.mark.parametrize("failure", [OSError(28, "disk full"), TypeError("no such thing")])
async def test_a_journal_that_fails_does_not_keep_the_answer_back(
    bench: Bench, failure: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(_: object) -> None:
        raise failure

    log.configure(level="error")
    bench.proxy.journal.append = failing  # type: ignore[method-assign, union-attr]
    bench.proxy.conclude(decision(bench))
    assert "7F3A: error: " in capsys.readouterr().out


async def test_nothing_is_begun_that_could_not_be_written_down(bench: Bench) -> None:
    path = bench.journal.path.with_name("full")
    path.symlink_to("/dev/full")
    bench.proxy.journal = Journal(path, rotate_size=10**6, keep=1)
    bench.proxy.conclude(decision(bench))
    assert await bench.send(b"", "a@client.fr") == [
        b"452 4.3.1 The journal cannot be written, try again later.\r\n"
    ]
    path.unlink()
    bench.proxy.journal.reopen()
    bench.proxy.conclude(decision(bench))
    assert (await bench.send(b"", "a@client.fr"))[0].startswith(b"250")
    assert len(path.read_text().splitlines()) >= 2
    bench.proxy.journal.close()


async def test_the_journal_may_be_off(bench: Bench) -> None:
    bench.proxy.journal = None
    bench.proxy.conclude(decision(bench))
    assert bench.journalled() == []


async def test_closing_finishes_what_no_reply_waited_for(
    bench: Bench, inspector: Inspector
) -> None:
    done: list[str] = []
    gate = asyncio.Event()

    async def settle() -> None:
        await gate.wait()
        done.append("settled")

    bench.proxy.afterwards(settle())
    asyncio.get_running_loop().call_soon(gate.set)
    await bench.proxy.close()
    assert done == ["settled"]
    assert inspector.closed


async def test_a_new_regime_is_for_new_transactions(bench: Bench) -> None:
    news = bench.streams[0]
    old = await bench.proxy.mail(Session(), None, ())
    strict = {"missing-unsubscribe-link": Asked(Action.REJECT, "test")}
    bench.streams = (replace(news, name="renamed", match=Match(), rules=strict),)
    bench.proxy.regime = bench.regime()
    new = await bench.proxy.mail(Session(), None, ())
    assert not isinstance(old, Reply)
    assert not isinstance(new, Reply)
    assert [one.regime.policy.streams[0].name for one in (old, new)] == ["news", "renamed"]


async def test_breakages_are_those_of_the_very_same_octets(bench: Bench) -> None:
    assert [await bench.proxy._breaks(b"one") for _ in range(3)] == [0, 1, 2]
    assert await bench.proxy._breaks(b"two") == 0
    assert bench.proxy.breakages.of(hashlib.sha256(b"one").digest()) == 3

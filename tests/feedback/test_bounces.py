"""Reports that come back: bounces of every form, complaints, and forgeries of both."""

from __future__ import annotations

from binascii import b2a_base64
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smtpguard.feedback import bounce, report
from smtpguard.feedback.desk import Desk
from smtpguard.feedback.report import Kind
from smtpguard.mail.message import Message
from smtpguard.policy.controller import Bounces
from smtpguard.policy.policy import Policy
from smtpguard.store.returns import KEPT
from tests.feedback.conftest import NEWS, NOW, RING, address, token
from tests.growth import STEEP, growth

if TYPE_CHECKING:
    from tests.feedback.conftest import Bench

READER = "reader@client.fr"


def dsn(
    *failed: tuple[str, str],
    message_id: str = "n1@acme.fr",
    listed: str = "",
    action: str = "failed",
    returned: str = "message/rfc822",
    original: str = "",
    diagnosis: str = "",
) -> str:
    """A report as Postfix writes it; ``failed``: final recipient and status."""
    blocks = "".join(
        f"\nFinal-Recipient: rfc822; {who}\n"
        + (f"Original-Recipient: rfc822;{original}\n" if original else "")
        + f"Action: {action}\nStatus: {status}\n"
        + (f"Diagnostic-Code: smtp; {diagnosis}\n" if diagnosis else "")
        for who, status in failed
    )
    field = f"List-Unsubscribe: <https://u.acme.fr/u/{listed}>\n" if listed else ""
    name = f"Message-ID: <{message_id}>\n" if message_id else ""
    return (
        "From: MAILER-DAEMON@mx.test\nTo: bounces@acme.fr\nSubject: Undelivered\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nI am sorry. STOP\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.test\n"
        f"{blocks}\n"
        f"--b\nContent-Type: {returned}\n\nFrom: news@acme.fr\nTo: x@y.z\n{name}{field}\n"
        "Bonjour\n\n--b--\n"
    )


def arf(
    kind: str = "abuse", to: str = READER, message_id: str = "n1@acme.fr", listed: str = ""
) -> str:
    field = f"List-Unsubscribe: <mailto:u@acme.fr?subject=unsubscribe%20{listed}>\n" * bool(listed)
    return (
        "From: fbl@provider.test\nTo: abuse@acme.fr\nSubject: FW: Nouvelles\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n"
        f"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\n"
        f"User-Agent: X/1\nVersion: 1\nOriginal-Rcpt-To: <{to}>\n\n"
        f"--b\nContent-Type: message/rfc822\n\nFrom: news@acme.fr\nMessage-ID: <{message_id}>\n"
        f"{field}\nBonjour\n\n--b--\n"
    )


async def bounced(bench: Bench, mail: str, to: str = "bounces@acme.fr") -> str:
    return (await bench.send(mail, to, sender=""))[-1]


# -- whose bounce it is ----------------------------------------------------------------------------


@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers", "message/global"])
async def test_a_hard_bounce_of_a_message_that_we_sent(bench: Bench, returned: str) -> None:
    await bench.sent("n1@acme.fr", READER)
    assert (await bounced(bench, dsn((READER, "5.1.1"), returned=returned))).startswith("250 ")
    assert await bench.left() == ["hard-bounce controller by bounce"]
    assert not bench.passed_on()
    assert bench.journalled()[0]["did"] == ["hard 1/1 5.1.1", "suppressed hard-bounce controller"]


async def test_a_hard_bounce_by_the_token_in_what_is_returned(bench: Bench) -> None:
    await bounced(bench, dsn((READER, "5.1.1"), listed=token(), message_id=""))
    assert await bench.left() == ["hard-bounce controller by bounce"]


async def test_a_hard_bounce_by_the_tag_of_its_address(bench: Bench) -> None:
    await bounced(bench, dsn((READER, "5.1.10")), f"bounces+{token()}@acme.fr")
    assert await bench.left() == ["hard-bounce controller by bounce"]


async def test_who_has_mail_forwarded_is_the_one_we_wrote_to(bench: Bench) -> None:
    await bench.sent("n1@acme.fr", READER)
    await bounced(bench, dsn(("other@else.fr", "5.1.1"), original=READER))
    assert await bench.left()
    assert not await bench.left("other@else.fr")
    await bounced(bench, dsn(("b@else.fr", "5.1.1"), listed=token("c@client.fr"), message_id=""))
    assert await bench.left("c@client.fr")


async def test_of_two_recipients_each_has_their_own_answer(bench: Bench) -> None:
    await bench.sent("n1@acme.fr", "a@client.fr")
    both = dsn(("a@client.fr", "5.1.1"), ("b@client.fr", "5.1.1"))
    await bounced(bench, both)
    assert await bench.left("a@client.fr")
    assert not await bench.left("b@client.fr")
    assert len(bench.passed_on()) == 1, "what is not proven is for the operator"
    await bounced(
        bench, dsn(("c@client.fr", "5.1.1"), ("d@client.fr", "4.2.2"), listed=token("d@client.fr"))
    )
    assert not await bench.left("c@client.fr")
    assert not await bench.left("d@client.fr")


async def test_a_forged_report_about_somebody_else(bench: Bench) -> None:
    """A stranger may know an address, or have a Message-ID or token: none is another's."""
    await bench.sent("mine@acme.fr", "stranger@client.fr")
    await bench.sent("shared@acme.fr", "stranger@client.fr", READER, "third@client.fr")
    for forged in (
        dsn((READER, "5.1.1"), message_id="guessed@acme.fr"),
        dsn((READER, "5.1.1"), message_id="mine@acme.fr"),
        dsn((READER, "5.1.1"), message_id="shared@acme.fr"),
        dsn((READER, "5.1.1"), message_id=""),
        dsn((READER, "5.1.1"), ("x@client.fr", "5.1.1"), listed=token("stranger@client.fr")),
        arf(message_id="mine@acme.fr"),
        arf(message_id="shared@acme.fr"),
    ):
        assert (await bounced(bench, forged)).startswith("250 ")
    assert not await bench.left()
    assert len(bench.passed_on()) == 7


async def test_a_message_is_remembered_for_a_month_and_no_address_with_it(bench: Bench) -> None:
    from smtpguard.store.wire import command

    await bench.sent("n1@acme.fr", READER)
    ask = bench.store._ask
    ((_, keys),) = await ask([command("SCAN", "0", "MATCH", "sg-sent:*", "COUNT", "100000")])
    (key,) = keys
    ttl, row = await ask([command("TTL", key), command("HGETALL", key)])
    assert 30 * 86_400 <= ttl <= 32 * 86_400
    assert b"client.fr" not in b"".join([key, *row])
    assert [row async for row in bench.store.rows()] == [], "it is no person's record"


# -- how bad it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "diagnosis", "kind"),
    [
        ("5.1.1", "", Kind.HARD),
        ("5.1.10", "", Kind.HARD),
        ("5.1.2", "", Kind.HARD),
        ("5.1.6", "", Kind.HARD),
        ("5.2.1", "", Kind.HARD),
        ("5.0.0", "550 5.1.1 User unknown", Kind.HARD),
        ("5.0.0", "550 No such user here", Kind.HARD),
        ("", "550 Recipient address rejected: user unknown in virtual table", Kind.HARD),
        ("5.1.0", "550 sender rejected", Kind.SOFT),
        ("5.2.2", "552 mailbox full", Kind.SOFT),
        ("4.4.1", "connection timed out", Kind.SOFT),
        ("4.1.1", "450 user unknown for now", Kind.SOFT),
        ("5.0.0", "554 no", Kind.SOFT),
        ("5.7.1", "550 5.7.1 blocked: user unknown to us", Kind.REFUSED),
        ("5.6.0", "", Kind.REFUSED),
        ("5.3.4", "too big", Kind.REFUSED),
        ("nonsense", "", Kind.SOFT),
    ],
)
def test_the_gravity_of_a_failure(status: str, diagnosis: str, kind: Kind) -> None:
    assert report.gravity(status, diagnosis)[0] is kind


async def test_soft_bounces_are_counted_and_lapse(bench: Bench) -> None:
    for number in range(2):
        await bounced(bench, dsn((READER, "5.2.2"), listed=token(at=NOW - number)))
        await bounced(bench, dsn((READER, "5.2.2"), listed=token(at=NOW - number)))
    assert not await bench.left(), "the same report counts once"
    bench.now = NOW + 86_401
    await bounced(bench, dsn((READER, "4.4.1"), listed=token(at=NOW + 2)))
    assert not await bench.left(), "the first two are out of the window"
    for number in (3, 4):
        await bounced(bench, dsn((READER, "4.4.1"), listed=token(at=NOW + number)))
    assert await bench.left() == ["hard-bounce controller by bounce"]


async def test_one_message_bounces_once_whatever_its_reports_name(bench: Bench) -> None:
    """Who was shown one newsletter cannot make many bounces of it."""
    await bench.sent("n1@acme.fr", READER)
    for number in range(9):
        named = f"{number}@x>\nMessage-ID: <n1@acme.fr"
        await bounced(bench, dsn((READER, "5.2.2"), message_id=f"{number}@x", listed=token()))
        await bounced(bench, dsn((READER, "5.2.2"), message_id=named))
    assert not await bench.left()


async def test_by_default_one_message_alone_stops_nobody(bench: Bench) -> None:
    """Whoever was forwarded one newsletter holds its token, and can forge its bounce."""
    stream = replace(NEWS, brand=replace(NEWS.brand, bounces=Bounces()))
    bench.feedback.desk = Desk(Policy("v2", {"acme": stream.controller}, (stream,)), RING)
    for number in range(5):
        await bounced(bench, dsn((READER, "5.1.1"), message_id=f"{number}@x", listed=token()))
    assert bench.journalled()[-1]["did"] == ["hard 1/2 5.1.1"]
    assert not await bench.left()
    await bounced(bench, dsn((READER, "5.1.1"), listed=token(at=NOW - 86_400)))
    assert await bench.left() == ["hard-bounce controller by bounce"]


async def test_an_old_token_proves_no_bounce(bench: Bench) -> None:
    """It would also stop invoices to somebody whose newsletter was passed around once."""
    old = token(at=NOW - KEPT)
    await bounced(bench, dsn((READER, "5.1.1"), listed=old, message_id=""))
    await bounced(bench, dsn((READER, "5.1.1"), message_id=""), f"bounces+{old}@acme.fr")
    assert not await bench.left()
    assert len(bench.passed_on()) == 2
    await bounced(bench, arf(listed=old))
    assert await bench.left() == ["complaint brand:acme by complaint"]


async def test_erasure_forgets_the_bounces_too(bench: Bench) -> None:
    for number in range(2):
        await bounced(bench, dsn((READER, "5.2.2"), listed=token(at=NOW - number)))
    assert await bench.store.erase("acme", address(READER))
    await bounced(bench, dsn((READER, "5.2.2"), message_id="3@x", listed=token()))
    assert bench.journalled()[-1]["did"] == ["soft 1/3 5.2.2"]


@pytest.mark.parametrize("status", ["5.7.1", "5.6.0"])
async def test_mail_that_was_refused_says_nothing_of_the_mailbox(bench: Bench, status: str) -> None:
    for number in range(9):
        await bounced(bench, dsn((READER, status), message_id=f"{number}@x", listed=token()))
    assert not await bench.left()


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
async def test_delays_and_successes_are_nothing(bench: Bench, action: str) -> None:
    await bounced(bench, dsn((READER, "5.1.1"), action=action, listed=token()))
    assert not await bench.left()
    assert not bench.passed_on()
    assert bench.journalled()[0]["what"] == "nothing"


async def test_a_letter_with_a_report_on_delay_is_read_by_a_person(bench: Bench) -> None:
    await bounced(
        bench,
        dsn((READER, "4.4.7"), action="delayed").replace("multipart/report", "multipart/mixed"),
    )
    assert len(bench.passed_on()) == 1


async def test_a_notice_that_bounced_was_not_given(bench: Bench) -> None:
    who = address(READER)
    await bench.store.reserve("acme", who, "T1", "v1")
    assert await bench.store.commit("acme", who, "T1")
    (before,) = await bench.store.look_up("acme", [who])
    assert before.contact
    assert before.contact.informed
    bench.now = at = before.contact.at
    await bounced(bench, dsn((READER, "4.2.2"), listed=token(at=at - 5000)))
    (same,) = await bench.store.look_up("acme", [who])
    assert same.contact, "that was another message"
    await bounced(bench, dsn((READER, "4.2.2"), message_id="2@x", listed=token(at=at - 2)))
    (after,) = await bench.store.look_up("acme", [who])
    assert after.contact is None


# -- bounces of no standard form -------------------------------------------------------------------

QMAIL = (
    "From: MAILER-DAEMON@mx.test\nTo: bounces@acme.fr\nSubject: failure notice\n\n"
    "Hi. This is the qmail-send program at mx.test.\n"
    "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
    "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
    "<reader@client.fr>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
    "--- Below this line is a copy of the message.\n\n"
    "From: news@acme.fr\nMessage-ID: <n1@acme.fr>\nSubject: Nouvelles\n\nBonjour\n"
)


async def test_a_bounce_in_words(bench: Bench) -> None:
    await bounced(bench, QMAIL)
    assert not await bench.left()
    assert len(bench.passed_on()) == 1
    await bench.sent("n1@acme.fr", READER)
    await bounced(bench, QMAIL)
    assert await bench.left() == ["hard-bounce controller by bounce"]


async def test_a_person_who_quotes_a_bounce_is_no_bounce(bench: Bench) -> None:
    await bench.sent("n1@acme.fr", READER)
    mail = QMAIL.replace("MAILER-DAEMON@mx.test", "colleague@client.fr")
    await bench.send(mail, "news@acme.fr", sender="colleague@client.fr")
    assert not await bench.left()
    assert len(bench.passed_on()) == 1


def test_what_the_parser_cannot_read_is_no_bounce() -> None:
    nested = b"Content-Type: message/rfc822\r\n\r\n" * 5000
    assert bounce.failures(Message(nested)) == ()


@pytest.mark.parametrize("octet", [b" ", b"\t", b"<", b"a", b"@", b"a@"])
@pytest.mark.parametrize("encoding", [b"7bit", b"base64", b"quoted-printable"])
def test_long_lines_do_not_take_long(octet: bytes, encoding: bytes) -> None:
    """flufl's patterns need minutes for these, and nobody else is served meanwhile."""
    words = b"Failed addresses follow:\r\nA message that you sent could not be delivered\r\n"
    head = b"From: mailer-daemon@mx.test\r\nContent-Transfer-Encoding: " + encoding

    def mail(octets: int) -> Message:
        body = words + octet * (octets // len(octet))
        if encoding == b"base64":
            body = b2a_base64(body)
        return Message(head + b"\r\n\r\n" + body)

    def read(message: Message) -> None:
        assert bounce.failures(message) == ()

    assert growth(mail, read, bounce.BEGINNING // 2) < STEEP


def test_a_bounce_before_a_long_mail_is_read() -> None:
    mail = QMAIL.replace("\n", "\r\n").encode() + b"x" * 300_000
    assert [bytes(f.recipients[0]) for f in bounce.failures(Message(mail))] == [READER.encode()]


# -- complaints ------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [READER, "redacted@provider.test", "xxxxx", ""])
async def test_a_complaint_by_its_token_though_addresses_are_redacted(
    bench: Bench, to: str
) -> None:
    await bench.send(arf(to=to, listed=token()), "abuse@acme.fr", sender="fbl@provider.test")
    assert await bench.left() == ["complaint brand:acme by complaint"]
    assert not bench.passed_on()


async def test_a_complaint_by_the_message_that_we_sent(bench: Bench) -> None:
    await bench.sent("n1@acme.fr", READER)
    await bench.send(arf(), "abuse@acme.fr", sender="fbl@provider.test")
    assert await bench.left() == ["complaint brand:acme by complaint"]


async def test_a_complaint_by_its_feedback_id(bench: Bench) -> None:
    mail = (
        arf(to="", message_id="x@y")
        .replace("Bonjour", "Bonjour", 1)
        .replace("Message-ID: <x@y>", f"Message-ID: <x@y>\nCFBL-Feedback-ID: {token()}")
    )
    await bench.send(mail, "abuse@acme.fr", sender="fbl@provider.test")
    assert await bench.left() == ["complaint brand:acme by complaint"]


async def test_a_redacted_complaint_without_a_token_is_for_the_operator(bench: Bench) -> None:
    await bench.sent("n1@acme.fr", READER)
    await bench.send(arf(to="redacted@x.test"), "abuse@acme.fr", sender="fbl@provider.test")
    assert not await bench.left()
    assert len(bench.passed_on()) == 1


@pytest.mark.parametrize("kind", ["not-spam", "fraud", "virus", "auth-failure", "dmarc"])
async def test_other_reports_speak_for_no_reader(bench: Bench, kind: str) -> None:
    await bench.send(arf(kind, listed=token()), "abuse@acme.fr", sender="fbl@provider.test")
    assert not await bench.left()
    assert len(bench.passed_on()) == 1


async def test_a_report_within_a_forwarded_mail_is_no_report(bench: Bench) -> None:
    for inner in (dsn((READER, "5.1.1"), listed=token()), arf(listed=token())):
        outer = (
            "From: colleague@client.fr\nSubject: look at this\nMIME-Version: 1.0\n"
            "Content-Type: multipart/mixed; boundary=o\n\n--o\n\nWhat is this?\n"
            f"--o\nContent-Type: message/rfc822\n\n{inner}\n--o--\n"
        )
        await bench.send(outer, "news@acme.fr", sender="colleague@client.fr")
    assert not await bench.left()
    assert len(bench.passed_on()) == 2

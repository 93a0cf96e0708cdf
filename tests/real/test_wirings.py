"""The four ways to wire Postfix: mail is mended, refused with our words, or arrives later."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable

import pytest

from tests.processes import until
from tests.real.guard import Guard
from tests.real.mta import Postfix, message, send
from tests.real.wiring import CONTENT_FILTER, LMTP, NAMES, PROXY_FILTER, RELAYHOST, Wiring, wire

pytestmark = pytest.mark.real

LINK = re.compile(rb"https://u\.acme\.fr/u/([\w-]+)")
GONE = "gone@client.fr"
READERS = tuple(f"r{number}@client.fr" for number in range(10))
LEFT = READERS[2:5]


@pytest.fixture(scope="module", params=NAMES)
def wired(
    request: pytest.FixtureRequest,
    postfix: Callable[..., Postfix],
    guard: Callable[..., Guard],
    behind: Postfix,
) -> Wiring:
    """Front, guard, behind; some readers have opted out."""
    return wire(request.param, postfix, guard, behind, GONE, *LEFT)


def test_a_newsletter_is_mended_and_arrives(wired: Wiring) -> None:
    number = wired.number("mended")
    send(wired.submission, message(number))
    mail = wired.arrival(number)
    assert LINK.search(mail)
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in mail
    assert b"prix du mois" in mail
    assert b"(smtpguard " in mail


def test_a_fault_that_cannot_be_mended_reaches_its_sender(wired: Wiring) -> None:
    number = wired.number("broken")
    told = wired.refusal(number, message(number, Subject="Bonjour {{ first_name }}"))
    assert "unrendered-placeholder" in told
    assert "stream=acme/newsletter" in told
    assert "marketing@acme.fr" in told
    assert not wired.behind.mails(number)


def test_who_opted_out_is_refused_and_still_gets_the_password_reset(wired: Wiring) -> None:
    news, reset = wired.number("news"), wired.number("reset")
    told = wired.refusal(news, message(news), GONE)
    assert "suppressed-recipient" in told
    send(
        wired.submission,
        message(reset, "Voici votre lien.", From="no-reply@acme.fr"),
        GONE,
        sender="no-reply@acme.fr",
    )
    mail = wired.arrival(reset)
    assert b"Voici votre lien." in mail
    assert not LINK.search(mail)
    assert not wired.behind.mails(news)


def test_what_nobody_takes_arrives_later(wired: Wiring) -> None:
    number = wired.number("later")
    wired.cut()
    try:
        if wired.before_queue:
            with pytest.raises(smtplib.SMTPRecipientsRefused) as deferred:
                send(wired.submission, message(number))
            assert [code for code, _ in deferred.value.recipients.values()] == [451]
        else:
            send(wired.submission, message(number))
            until(lambda: wired.front.lines("status=deferred"), "the mail to be kept", wired.front)
    finally:
        wired.join()
    if wired.before_queue:
        send(wired.submission, message(number))  # it was the client that kept it
    assert LINK.search(wired.arrival(number))
    assert not wired.bounces(number)


def test_lmtp_answers_each_of_ten_recipients(wired: Wiring) -> None:
    if wired.name != LMTP:
        told = wired.refusal(wired.number("shared"), message(wired.number("shared")), *READERS)
        assert "missing-unsubscribe-link" in told
        assert "left unmended: one copy goes to several" in told, "it can carry nobody's own link"
        return
    number = wired.number("ten")
    send(wired.submission, message(number), *READERS)
    mails = seven_arrive(wired, number)
    links = [found[1] for mail in mails if (found := LINK.search(mail))]
    assert len(set(links)) == 7, "each reader has a link of their own"
    one_bounce_names_the_three(wired, number)


def test_smtp_refuses_at_rcpt_where_the_envelope_tells_the_stream(wired: Wiring) -> None:
    number = wired.number("digest")
    mail = message(number, From="digest@acme.fr")
    refused = send(wired.submission, mail, *READERS, sender="digest@acme.fr")
    seven_arrive(wired, number)
    if wired.before_queue:
        assert sorted(refused) == sorted(LEFT)
        assert all(b"suppressed-recipient" in text for _, text in refused.values())
    else:
        one_bounce_names_the_three(wired, number)


def seven_arrive(wired: Wiring, number: str) -> list[bytes]:
    def seven() -> list[bytes]:
        mails = wired.behind.mails(number)
        return mails if len(mails) >= 7 else []

    mails = until(seven, "seven mails", wired.guard, wired.front)
    assert len(mails) == 7
    return mails


def one_bounce_names_the_three(wired: Wiring, number: str) -> None:
    (bounce,) = until(lambda: wired.bounces(number), "the bounce", wired.guard, wired.front)
    named = re.findall(rb"^Final-Recipient: rfc822; ?(\S+)", bounce, re.MULTILINE)
    assert sorted(named) == [reader.encode() for reader in LEFT]
    assert b"suppressed-recipient" in bounce


def test_personal_mail_passes_byte_for_byte(wired: Wiring) -> None:
    number = wired.number("personal")
    mail = message(number, From="Jeanne <jeanne@acme.fr>", Subject="Déjeuner ?")
    head, _, _ = mail.partition(b"\r\n\r\n")
    body = (
        "Ça te dit, jeudi ?\n.un point\n..deux\n\n \n\tété \u20ac\n".encode()
        + "é".encode("latin-1")
        + b"\n"
        + b"x" * 1500
        + b"\n"
        + "à".encode() * 3000
        + b"\n{{ first_name }}\n"
    )
    send(wired.submission, head + b"\r\n\r\n" + body.replace(b"\n", b"\r\n"), sender="j@acme.fr")
    arrived = wired.arrival(number)
    assert arrived.endswith(head.replace(b"\r\n", b"\n") + b"\n\n" + body)


def test_the_null_sender_passes(wired: Wiring) -> None:
    number = wired.number("null")
    send(wired.submission, message(number, From="postmaster@acme.fr"), sender="")
    assert wired.arrival(number).startswith(b"Return-Path: <>")


def test_delivery_status_is_asked_of_the_last_hop(wired: Wiring) -> None:
    number = wired.number("dsn")
    send(
        wired.submission,
        message(number),
        mail_options=["RET=HDRS", "ENVID=QQ-314159"],
        rcpt_options=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Reader+40client.fr"],
    )
    reports = until(
        lambda: [m for m in wired.behind.mails(number) if b"delivery-status" in m],
        "the report",
        wired.guard,
        wired.front,
        wired.behind,
    )
    assert b"Original-Envelope-Id: QQ-314159" in reports[0]
    assert b"Original-Recipient: rfc822;Reader@client.fr" in reports[0]
    assert b"Action: delivered" in reports[0]


def test_the_queue_id_of_the_front_is_in_our_log(wired: Wiring) -> None:
    number = wired.number("queue-id")
    send(wired.submission, message(number))
    wired.arrival(number)
    (line,) = wired.front.lines(f"message-id=<{number}@acme.fr>")[:1]
    queue_id = line.split()[5].rstrip(":")
    ours = wired.guard.lines(f"orig_queue_id={queue_id}")
    if wired.name in (RELAYHOST, PROXY_FILTER):
        assert not ours  # a relayhost is told nothing, and before the queue there is no id
    else:
        (line,) = ours
        assert "status=sent" in line
    if wired.name == CONTENT_FILTER:
        assert wired.front.lines(f"orig_queue_id={queue_id}"), "it is told to the next hop, too"

"""The four ways to wire Postfix: mail is mended, refused with our words, or arrives later."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable

import pytest

from tests.real.mta import Guard, Postfix, free_port, message, send, until

pytestmark = pytest.mark.real

LINK = re.compile(rb"https://u\.acme\.fr/u/([\w-]+)")
BROKEN = "Bonjour {{ first_name }}, voici nos prix.\n\nhttps://www.acme.fr/unsubscribe?u={{ id }}\n"

Start = Callable[..., Postfix]
StartGuard = Callable[..., Guard]


def bounces(front: Postfix) -> list[bytes]:
    return [mail for mail in front.delivered() if b"multipart/report" in mail]


def reinjected(port: int) -> tuple[str, ...]:
    """How Postfix's own documentation takes filtered mail back."""
    return (
        "content_filter=",
        "smtpd_proxy_filter=",
        "receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters",
        "smtpd_authorized_xforward_hosts=127.0.0.0/8",
    )


@pytest.fixture(params=["relayhost", "content filter", "proxy filter"])
def wired(
    request: pytest.FixtureRequest, postfix: Start, guard: StartGuard, behind: Postfix
) -> tuple[Postfix, Guard, Postfix]:
    """Front, guard, behind."""
    submission, back = free_port(), free_port()
    onward = {"relayhost": f"[127.0.0.1]:{behind.ports[0]}"}
    if request.param == "relayhost":
        one = guard(behind.ports[0])
        front = postfix(
            "front",
            ports={submission: ()},
            mailboxes=["acme.fr"],
            relayhost=f"[127.0.0.1]:{one.port}",
            smtp_destination_recipient_limit=1,
        )
        return front, one, behind
    one = guard(back)
    if request.param == "content filter":
        options = (
            f"content_filter=scan:[127.0.0.1]:{one.port}",
            "receive_override_options=no_address_mappings",
        )
        services = (
            "scan unix - - n - 10 smtp\n  -o smtp_send_xforward_command=yes\n"
            "  -o disable_dns_lookups=yes\n"
        )
    else:
        options, services = (f"smtpd_proxy_filter=127.0.0.1:{one.port}",), ""
    front = postfix(
        "front",
        ports={submission: options, back: reinjected(back)},
        mailboxes=["acme.fr"],
        services=services,
        scan_destination_recipient_limit=1,
        **onward,
    )
    return front, one, behind


def test_a_newsletter_is_mended_and_arrives(wired: tuple[Postfix, Guard, Postfix]) -> None:
    front, one, behind = wired
    send(front.ports[0], message("mended"))
    (mail,) = until(behind.delivered, "the mail", one, front, behind)
    assert LINK.search(mail)
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in mail
    assert b"prix du mois" in mail
    assert b"(smtpguard " in mail


def test_a_fault_that_cannot_be_mended_reaches_its_sender(
    wired: tuple[Postfix, Guard, Postfix],
) -> None:
    front, one, behind = wired
    try:
        send(front.ports[0], message("broken", BROKEN))
    except smtplib.SMTPDataError as refused:
        told = refused.smtp_error  # the before-queue filter tells the client itself
    else:
        (told,) = until(lambda: bounces(front), "the bounce", one, front)
    text = b" ".join(told.split())
    assert b"unrendered-placeholder" in text
    assert b"stream=acme/newsletter" in text
    assert b"marketing@acme.fr" in text
    assert not behind.delivered()


def test_who_opted_out_is_refused_and_still_gets_the_password_reset(
    wired: tuple[Postfix, Guard, Postfix],
) -> None:
    front, one, behind = wired
    one.run("suppress", "add", "reader@client.fr", "--controller", "acme")
    try:
        send(front.ports[0], message("newsletter"))
    except (smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused) as refused:
        told = str(refused).encode()
    else:
        (told,) = until(lambda: bounces(front), "the bounce", one, front)
    assert b"suppressed-recipient" in told
    send(front.ports[0], message("reset", "Voici votre lien."), sender="no-reply@acme.fr")
    (mail,) = until(behind.delivered, "the mail", one, front, behind)
    assert b"Voici votre lien." in mail
    assert not LINK.search(mail)


def test_what_the_upstream_defers_arrives_later(wired: tuple[Postfix, Guard, Postfix]) -> None:
    front, one, behind = wired
    behind.stop()
    try:
        send(front.ports[0], message("later"))
    except smtplib.SMTPResponseException as deferred:
        assert deferred.smtp_code // 100 == 4  # before the queue, the client keeps it
        behind.start()
        until(lambda: _sent(front, message("later")), "the mail to be taken", one)
    else:
        until(front.queued, "the mail to be kept")
        behind.start()
    (mail,) = until(behind.delivered, "the mail", one, front)
    assert b"<later@acme.fr>" in mail
    assert not bounces(front)


def _sent(front: Postfix, mail: object) -> bool:
    try:
        send(front.ports[0], mail)  # type: ignore[arg-type]
    except smtplib.SMTPException:
        return False
    return True


def test_lmtp_answers_each_of_ten_recipients(
    postfix: Start, guard: StartGuard, behind: Postfix
) -> None:
    lmtp = free_port()
    one = guard(behind.ports[0], "--lmtp", f"127.0.0.1:{lmtp}")
    submission = free_port()
    front = postfix(
        "front",
        ports={submission: (f"content_filter=lmtp:[127.0.0.1]:{lmtp}",)},
        mailboxes=["acme.fr"],
    )
    readers = [f"r{number}@client.fr" for number in range(10)]
    for reader in readers[2:5]:
        one.run("suppress", "add", reader, "--controller", "acme")
    send(submission, message("ten"), *readers)
    until(lambda: len(behind.delivered()) >= 7, "seven mails", one, front)
    mails = behind.delivered()
    assert len(mails) == 7
    links = {found[1] for mail in mails if (found := LINK.search(mail))}
    assert len(links) == 7, "each reader has a link of their own"
    (bounce,) = until(lambda: bounces(front), "the bounce", one, front)
    for reader in readers:
        assert (f"Final-Recipient: rfc822; {reader}".encode() in bounce) == (reader in readers[2:5])
    assert b"suppressed-recipient" in bounce
    assert one.stop() == 0

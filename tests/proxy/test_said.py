"""What a trusted client calls list, reader and campaign: into the link, the log and the journal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from smtpguard import log
from smtpguard.unsubscribe.link import Ticket, read

if TYPE_CHECKING:
    from tests.proxy.conftest import Bench

MAIL = (
    b"From: Acme <news@acme.fr>\r\nTo: a@client.fr\r\nSubject: Nouvelles\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@acme.fr>\r\n"
    b"X-SmtpGuard-Recipient: %b\r\nX-SmtpGuard-Campaign: spring 26\r\nX-SmtpGuard-List: vip\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"\r\nBonjour, nos prix du mois.\r\n\r\nAcme SAS\r\n"
)


def ticket_in(bench: Bench) -> Ticket:
    """The ticket of the one link that was sent."""
    ((_, _, sent),) = bench.upstream.heard
    assert b"X-SmtpGuard" not in sent
    tokens = set(re.findall(rb"https://u\.acme\.fr/u/([\w-]+)", sent.replace(b"=\r\n", b"")))
    (token,) = tokens
    assert max(map(len, sent.split(b"\r\n"))) <= 998
    ticket = read(bench.ring, token.decode())
    assert ticket is not None
    return ticket


async def test_from_a_trusted_client(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    await bench.send(MAIL % b"4711", "a@client.fr", protocol="LMTP")
    assert ticket_in(bench).ids == {"recipient_id": "4711", "campaign": "spring 26"}
    (entry,) = bench.journalled()
    assert (entry["list"], entry["campaign"]) == ("vip", "spring 26")
    assert "list=vip, campaign=spring 26" in capsys.readouterr().out
    assert "4711" not in bench.journal.path.read_text()


async def test_from_anybody_else(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    bench.trusted = False
    await bench.send(MAIL % b"4711", "a@client.fr", protocol="LMTP")
    assert ticket_in(bench).ids == {}
    (entry,) = bench.journalled()
    assert not entry.keys() & {"list", "campaign", "recipient_id"}
    assert "campaign" not in capsys.readouterr().out


async def test_what_does_not_fit_is_said_in_the_log(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    await bench.send(MAIL % (b"4" * 65), "a@client.fr", protocol="LMTP")
    assert ticket_in(bench).ids == {"campaign": "spring 26"}
    assert "ignored=x-smtpguard-recipient" in capsys.readouterr().out


async def test_the_longest_that_fits_makes_no_overlong_line(bench: Bench) -> None:
    await bench.send(MAIL % (b"4" * 64), "a@client.fr", protocol="LMTP")
    assert ticket_in(bench).recipient_id == "4" * 64


async def test_one_copy_for_two_carries_nobodys_id(bench: Bench) -> None:
    """Each has a link of their own, over LMTP; an id that was said once is nobody's of them."""
    await bench.send(MAIL % b"4711", "a@client.fr", "b@client.fr", protocol="LMTP")
    for _, _, sent in bench.upstream.heard:
        token = re.search(rb"https://u\.acme\.fr/u/([\w-]+)", sent.replace(b"=\r\n", b""))
        assert token
        ticket = read(bench.ring, token[1].decode())
        assert ticket
        assert ticket.ids == {"campaign": "spring 26"}
    assert len(bench.upstream.heard) == 2

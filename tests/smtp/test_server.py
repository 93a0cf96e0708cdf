"""Sessions from outside: rights, limits, TLS, faults of ours, draining."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme

from smtpguard.smtp.server import Occupancy
from smtpguard.smtp.settings import Deadlines, Limits

ENVELOPE = (b"MAIL FROM:<a@c.example>", b"RCPT TO:<b@d.example>")


async def test_a_message_arrives_as_it_was_sent(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver))
    replies = await client.ask(*ENVELOPE, b"DATA")
    assert replies[-1].startswith(b"354 ")
    assert await client.ask(b"Subject: x\r\n\r\n..\r\n...\xff\r\n.") == [b"250 2.0.0 Kept"]
    assert receiver.messages == [b"Subject: x\r\n\r\n.\r\n..\xff\r\n"]
    assert receiver.abandoned == 0
    (session,) = receiver.sessions
    assert (session.listener, session.protocol, session.peer) == ("test", "ESMTP", "127.0.0.1")
    assert (session.helo, session.tls, session.trusted) == ("c", False, False)


async def test_a_large_message_arrives_whole(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver))
    await client.ask(*ENVELOPE, b"DATA")
    content = b"".join(b"%d .\r\n" % n for n in range(300_000))
    assert await client.ask(content + b".") == [b"250 2.0.0 Kept"]
    assert receiver.messages == [content]


async def test_a_unix_socket_may_relay(house: Any, box: Any, tmp_path: Path) -> None:
    receiver = box()
    where = await house.open(receiver, str(tmp_path / "s"), relay_from=(), trusted_unix=True)
    client = await house.visit(where)
    assert (await client.ask(*ENVELOPE))[-1] == b"250 2.1.5 Ok"
    assert receiver.sessions[0].peer == ""
    assert receiver.sessions[0].trusted


async def test_lmtp_answers_each_recipient_as_its_turn_comes(house: Any, box: Any) -> None:
    receiver = box(replies=[b"250 2.0.0 One\r\n", b"550 5.7.1 Two\r\n"])
    client = await house.visit(await house.open(receiver, lmtp=True), b"LHLO c")
    await client.ask(*ENVELOPE, ENVELOPE[1], b"DATA")
    assert await client.ask(b"x", b".") == [b"250 2.0.0 One", b"550 5.7.1 Two"]
    assert receiver.sessions[0].protocol == "LMTP"


async def test_helo_is_plain_smtp(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver), b"HELO c")
    await client.ask(*ENVELOPE)
    assert receiver.sessions[0].protocol == "SMTP"


@pytest.mark.parametrize("at", ["capabilities", "mail", "rcpt", "data"])
async def test_a_fault_of_ours_is_451_and_a_number(
    house: Any, box: Any, at: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await house.visit(await house.open(box(fails_at=at)), b"HELO c")
    step = {"capabilities": b"EHLO c", "mail": ENVELOPE[0], "rcpt": ENVELOPE[1], "data": b"."}[at]
    with caplog.at_level(logging.ERROR):
        for line in (b"EHLO c", *ENVELOPE, b"DATA", b"."):
            (reply,) = await client.ask(line)
            if line == step:
                break
    assert reply.startswith(b"451 4.3.0 internal error, incident ")
    number = reply.split()[5].rstrip(b";").decode()
    assert number in caplog.text
    assert "secret" in caplog.text
    assert b"secret" not in reply
    assert await client.ask(b"NOOP") == [b"250 2.0.0 Ok"]


async def test_replies_that_a_fault_left_out_are_451(house: Any, box: Any) -> None:
    receiver = box(fails_at="after data")
    client = await house.visit(await house.open(receiver, lmtp=True), b"LHLO c")
    await client.ask(*ENVELOPE, ENVELOPE[1], b"DATA")
    kept, failed = await client.ask(b"x", b".")
    assert kept == b"250 2.0.0 Kept"
    assert failed.startswith(b"451 4.3.0 internal error")


async def test_missing_replies_are_451_and_surplus_ones_dropped(house: Any, box: Any) -> None:
    receiver = box(replies=[])
    client = await house.visit(await house.open(receiver))
    await client.ask(*ENVELOPE, b"DATA")
    assert await client.ask(b".") == [b"451 4.3.0 no answer was found; try again later"]
    receiver.replies = [b"250 2.0.0 One\r\n", b"250 2.0.0 Two\r\n"]
    await client.ask(*ENVELOPE, b"DATA")
    assert await client.ask(b".", b"NOOP") == [b"250 2.0.0 One", b"250 2.0.0 Ok"]


async def test_a_fault_in_abandoning_is_not_the_clients_business(house: Any, box: Any) -> None:
    receiver = box(fails_at="abandon")
    client = await house.visit(await house.open(receiver))
    assert (await client.ask(*ENVELOPE, b"RSET"))[-1] == b"250 2.0.0 Ok"


async def test_who_vanishes_after_the_dot_cancels_nothing(house: Any, box: Any) -> None:
    receiver = box()
    receiver.gate.clear()
    client = await house.visit(await house.open(receiver))
    await client.ask(*ENVELOPE, b"DATA")
    await client.say(b"x", b".")
    await receiver.reached.wait()
    client.writer.transport.abort()
    await asyncio.sleep(0)
    receiver.gate.set()
    assert await house.servers[0].drain(5) == 0
    assert receiver.finished == 1
    assert receiver.abandoned == 0


async def test_who_vanishes_before_the_dot_abandons(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver))
    await client.ask(*ENVELOPE, b"DATA")
    await client.say(b"half")
    client.writer.transport.abort()
    await asyncio.wait_for(receiver.reached.wait(), 5)
    assert (receiver.messages, receiver.abandoned) == ([], 1)


async def test_quitting_in_a_transaction_abandons_it(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver))
    assert (await client.ask(*ENVELOPE, b"QUIT"))[-1] == b"221 2.0.0 Bye"
    assert receiver.abandoned == 1


async def test_octets_in_flight_are_counted_out(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver))
    occupancy = house.servers[0].occupancy
    receiver.gate.clear()
    await client.ask(*ENVELOPE, b"DATA")
    await client.say(b"x" * 100, b".")
    await receiver.reached.wait()
    assert occupancy.octets >= 100
    receiver.gate.set()
    await client.hear()
    await client.ask(b"NOOP")
    assert occupancy.octets == 0


async def test_sessions_of_one_client_are_limited(house: Any, box: Any) -> None:
    where = await house.open(box(), limits=Limits(sessions_per_client=1))
    first = await house.visit(where)
    second = await house.visit(where, None)
    assert await second.hear() == b"421 4.7.0 too many sessions from your address, try again later"
    assert await second.hear() == b""
    await first.ask(b"QUIT")
    assert await first.hear() == b""
    await house.visit(where)


async def test_a_flood_of_commands_is_held_back(house: Any, box: Any) -> None:
    receiver = box()
    receiver.gate.clear()
    limits = Limits(command=100, junk=10**6)
    client = await house.visit(await house.open(receiver, limits=limits))
    await client.ask(*ENVELOPE, b"DATA")
    await client.say(b"x", b".")
    await receiver.reached.wait()
    client.writer.write(b"NOOP\r\n" * 20_000)
    for _ in range(50):
        await asyncio.sleep(0)
    (conversation,) = house.servers[0]._sessions
    assert len(conversation._inbox) < 300_000
    receiver.gate.set()
    assert await client.hear() == b"250 2.0.0 Kept"
    for _ in range(20_000):
        assert await client.hear() == b"250 2.0.0 Ok"


async def test_rights_follow_the_address(house: Any, box: Any) -> None:
    await house.open(box(), trusted=(ip_network("192.0.2.0/24"),), relay_from=())
    identify = house.servers[0].identify
    assert identify(("::ffff:192.0.2.1", 1, 0, 0)) == identify(("192.0.2.1", 1))
    peer, rights = identify(("192.0.2.1", 1))
    assert peer == "192.0.2.1"
    assert (rights.relay, rights.trusted, rights.xforward) == (False, True, False)
    assert identify(("fe80::1%eth0", 1, 0, 0))[0] == "fe80::1"
    assert identify("")[1].relay


async def test_draining_ends_idle_sessions_and_finishes_transactions(house: Any, box: Any) -> None:
    receiver = box()
    receiver.gate.clear()
    where = await house.open(receiver)
    idle, busy = await house.visit(where), await house.visit(where)
    await busy.ask(*ENVELOPE, b"DATA")
    await busy.say(b"x", b".")
    await receiver.reached.wait()
    draining = asyncio.create_task(house.servers[0].drain(5))
    assert (await idle.hear()).startswith(b"421 4.3.2 ")
    assert await idle.hear() == b""
    receiver.gate.set()
    assert await busy.hear() == b"250 2.0.0 Kept"
    assert (await busy.hear()).startswith(b"421 4.3.2 ")
    assert await draining == 0
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(*where)


async def test_draining_cuts_who_does_not_come_to_the_dot(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver))
    await client.ask(*ENVELOPE, b"DATA")
    assert await house.servers[0].drain(0.02) == 1
    assert (await client.hear()).startswith(b"421 4.3.2 ")
    assert receiver.abandoned == 1


async def test_draining_cuts_a_delivery_at_last(house: Any, box: Any) -> None:
    receiver = box()
    receiver.gate.clear()
    client = await house.visit(await house.open(receiver))
    await client.ask(*ENVELOPE, b"DATA")
    await client.say(b"x", b".")
    await receiver.reached.wait()
    assert await house.servers[0].drain(0.02) == 1
    assert receiver.finished == 0
    assert await client.hear() == b""


async def test_who_does_not_read_is_left(house: Any, box: Any) -> None:
    receiver = box()
    limits, deadlines = Limits(junk=10**9), Deadlines(command=0.2)
    where = await house.open(receiver, limits=limits, deadlines=deadlines)
    client = await house.visit(where, None)
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.reader._transport.pause_reading()
    client.writer.write(b"NOOP\r\n" * 500_000)
    async with asyncio.timeout(10):
        while not house.servers[0]._sessions:
            await asyncio.sleep(0.01)
        while house.servers[0]._sessions:
            await asyncio.sleep(0.01)


def contexts(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("guard.example").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    return server, client


async def test_starttls_begins_anew(house: Any, box: Any, authority: trustme.CA) -> None:
    receiver = box()
    behind, before = contexts(authority)
    client = await house.visit(await house.open(receiver, tls=behind), None)
    await client.hear()
    await client.say(b"EHLO c")
    offered = [await client.reader.readline() for _ in range(8)]
    assert offered[-1] == b"250 STARTTLS\r\n"
    # What comes in clear behind STARTTLS must not be obeyed under TLS.
    await client.say(b"STARTTLS", b"MAIL FROM:<injected@c.example>", b"NOOP")
    assert await client.hear() == b"220 2.0.0 Ready to start TLS"
    await client.writer.start_tls(before, server_hostname="guard.example")
    assert await client.ask(b"MAIL FROM:<a@c.example>") == [b"503 5.5.1 say EHLO first"]
    await client.say(b"EHLO c")
    offered = [await client.reader.readline() for _ in range(7)]
    assert offered[-1] == b"250 DSN\r\n"
    assert await client.ask(b"STARTTLS") == [b"503 5.5.1 TLS is on already"]
    await client.ask(*ENVELOPE, b"DATA")
    assert await client.ask(b"x", b".", b"QUIT") == [b"250 2.0.0 Kept", b"221 2.0.0 Bye", b""]
    assert receiver.messages == [b"x\r\n"]
    assert [session.tls for session in receiver.sessions] == [True]


async def test_mail_is_taken_over_tls_alone_where_it_is_required(
    house: Any, box: Any, authority: trustme.CA
) -> None:
    receiver = box()
    behind, before = contexts(authority)
    client = await house.visit(await house.open(receiver, tls=behind, tls_required=True))
    assert await client.ask(b"MAIL FROM:<a@c.example>") == [b"530 5.7.0 say STARTTLS first"]
    await client.ask(b"STARTTLS")
    await client.writer.start_tls(before, server_hostname="guard.example")
    await client.ask(b"EHLO c")
    assert await client.ask(b"MAIL FROM:<a@c.example>") == [b"250 2.1.0 Ok"]


async def test_each_listener_has_a_limit_of_its_own(house: Any, box: Any) -> None:
    few = await house.open(box(), limits=Limits(sessions=1))
    many = await house.open(box(), limits=Limits(sessions=2))
    house.servers[1].occupancy = house.servers[0].occupancy = Occupancy(Limits(sessions=3))
    for where in (few, many, many):
        await house.visit(where)
    for where in (few, many):
        late = await house.visit(where, None)
        assert (await late.hear()).startswith(b"421 4.3.2 ")


async def test_a_failed_handshake_ends_the_session(
    house: Any, box: Any, authority: trustme.CA
) -> None:
    behind, _ = contexts(authority)
    client = await house.visit(await house.open(box(), tls=behind))
    assert (await client.ask(b"STARTTLS")) == [b"220 2.0.0 Ready to start TLS"]
    await client.say(b"this is no TLS record, not even nearly")
    await client.close()
    assert await house.servers[0].drain(5) == 0


async def test_who_leaves_in_the_handshake_is_forgotten(
    house: Any, box: Any, authority: trustme.CA
) -> None:
    behind, _ = contexts(authority)
    client = await house.visit(await house.open(box(), tls=behind))
    await client.ask(b"STARTTLS")
    await client.close()
    assert await house.servers[0].drain(5) == 0

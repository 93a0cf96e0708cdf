"""AUTH from outside: rights, TLS, what stays secret, and that nobody else waits for a hash."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import ssl
import threading
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme

from smtpguard.smtp import auth as room
from smtpguard.smtp.auth import Auth, Busy
from smtpguard.smtp.sasl import Credentials
from smtpguard.smtp.settings import Limits
from smtpguard.smtp.users import Hash, Users
from tests.smtp.test_server import ENVELOPE, contexts

PASSWORD = "correct horse"
HASHES = {name: Hash.new(PASSWORD, (10, 1, 1)) for name in ("crm", "boss")}
ELSEWHERE = (ip_network("192.0.2.0/24"),)


def offered(**said: Any) -> Auth:
    """AUTH in the clear on loopback, refusing at once."""
    return Auth(Users(HASHES), **{"trusted": ["boss"], "without_tls": True, "delay": 0, **said})


def plain(name: str, password: str = PASSWORD) -> bytes:
    return b"AUTH PLAIN " + base64.b64encode(f"\0{name}\0{password}".encode())


GOOD = b"235 2.7.0 Authentication successful"
BAD = b"535 5.7.8 authentication credentials invalid"


async def test_a_user_may_relay_and_is_named(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver, auth=offered(), relay_from=ELSEWHERE))
    replies = await client.ask(ENVELOPE[0], plain("crm"), *ENVELOPE)
    assert replies == [
        b"530 5.7.0 authentication required",
        GOOD,
        b"250 2.1.0 Ok",
        b"250 2.1.5 Ok",
    ]
    (session,) = receiver.sessions
    assert (session.user, session.trusted) == ("crm", False)


async def test_a_user_is_trusted_where_listed(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver, auth=offered()))
    await client.ask(plain("boss"), ENVELOPE[0])
    assert [(s.user, s.trusted) for s in receiver.sessions] == [("boss", True)]


async def test_an_address_that_is_trusted_stays_so(house: Any, box: Any) -> None:
    receiver = box()
    networks = (ip_network("127.0.0.0/8"),)
    client = await house.visit(await house.open(receiver, auth=offered(), trusted=networks))
    await client.ask(plain("crm"), ENVELOPE[0])
    assert [(s.user, s.trusted) for s in receiver.sessions] == [("crm", True)]


async def test_a_failure_grants_nothing(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver, auth=offered()))
    assert await client.ask(plain("boss", "wrong horse"), ENVELOPE[0]) == [BAD, b"250 2.1.0 Ok"]
    assert [(s.user, s.trusted) for s in receiver.sessions] == [("", False)]


async def test_a_user_stays_one_through_rset_and_ehlo(house: Any, box: Any) -> None:
    receiver = box()
    client = await house.visit(await house.open(receiver, auth=offered()))
    await client.ask(plain("crm"), ENVELOPE[0], b"RSET", b"EHLO c", ENVELOPE[0])
    assert [session.user for session in receiver.sessions] == ["crm", "crm"]


async def secured(client: Any, context: ssl.SSLContext) -> None:
    await client.ask(b"STARTTLS")
    await client.writer.start_tls(context, server_hostname="guard.example")


async def test_starttls_forgets_the_user(house: Any, box: Any, authority: trustme.CA) -> None:
    behind, before = contexts(authority)
    where = await house.open(box(), auth=offered(), tls=behind, relay_from=ELSEWHERE)
    client = await house.visit(where)
    assert await client.ask(plain("boss")) == [GOOD]
    await secured(client, before)
    replies = await client.ask(b"EHLO c", ENVELOPE[0], plain("boss"), ENVELOPE[0])
    assert replies[1:] == [b"530 5.7.0 authentication required", GOOD, b"250 2.1.0 Ok"]


async def test_a_password_is_asked_for_over_tls(
    house: Any, box: Any, authority: trustme.CA
) -> None:
    receiver = box()
    behind, before = contexts(authority)
    said = {"auth": offered(without_tls=False), "tls": behind, "relay_from": ELSEWHERE}
    client = await house.visit(await house.open(receiver, **said), None)
    await client.hear()
    await client.say(b"EHLO c")
    assert not [True for _ in range(8) if b"AUTH" in await client.reader.readline()]
    assert await client.ask(ENVELOPE[0], plain("crm")) == [
        b"530 5.7.0 say STARTTLS first",
        b"538 5.7.11 no password in the clear: say STARTTLS first",
    ]
    await secured(client, before)
    await client.say(b"EHLO c")
    assert [await client.reader.readline() for _ in range(8)][-1] == b"250 AUTH PLAIN LOGIN\r\n"
    assert await client.ask(plain("crm"), ENVELOPE[0]) == [GOOD, b"250 2.1.0 Ok"]
    assert [(s.user, s.tls) for s in receiver.sessions] == [("crm", True)]


async def test_a_unix_socket_s_clients_need_no_tls(house: Any, box: Any, tmp_path: Path) -> None:
    said = {"auth": offered(without_tls=False), "relay_unix": False}
    client = await house.visit(await house.open(box(), str(tmp_path / "s"), **said))
    assert await client.ask(ENVELOPE[0], plain("crm"), ENVELOPE[0]) == [
        b"530 5.7.0 authentication required",
        GOOD,
        b"250 2.1.0 Ok",
    ]


def test_the_clear_is_for_loopback_alone() -> None:
    said = offered()
    assert said.offered("127.0.0.1", tls=False)
    assert said.offered("::1", tls=False)
    assert not said.offered("192.0.2.1", tls=False), "a socket of systemd's may be anywhere"
    assert said.offered("192.0.2.1", tls=True)
    assert not offered(without_tls=False).offered("127.0.0.1", tls=False)


async def test_who_was_removed_sends_no_more(house: Any, box: Any) -> None:
    receiver, users = box(), offered()
    client = await house.visit(await house.open(receiver, auth=users))
    await client.ask(plain("crm"), *ENVELOPE)
    users.users = Users({"boss": HASHES["boss"]})
    assert await client.ask(b"DATA", b"x\r\n.") == [
        b"354 End data with <CR><LF>.<CR><LF>",
        b"250 2.0.0 Kept",
    ], "what was begun is finished"
    assert await client.ask(ENVELOPE[0]) == [b"421 4.7.0 this user may not send any more"]
    assert await client.hear() == b""
    again = await house.visit(house.servers[0]._servers[0].sockets[0].getsockname())
    assert await again.ask(plain("crm")) == [BAD]


async def test_after_too_many_failures_the_session_ends(house: Any, box: Any) -> None:
    client = await house.visit(await house.open(box(), auth=offered(), limits=Limits(errors=3)))
    await client.say(*[plain("crm", "wrong horse")] * 5)
    replies = [await client.hear() for _ in range(5)]
    assert replies == [BAD, BAD, BAD, b"421 4.7.0 too many errors", b""]


async def test_a_refusal_waits(house: Any, box: Any) -> None:
    loop = asyncio.get_running_loop()
    client = await house.visit(await house.open(box(), auth=offered(delay=0.2)))
    began = loop.time()
    assert await client.ask(plain("crm")) == [GOOD]
    assert loop.time() - began < 0.2
    client = await house.visit(house.servers[0]._servers[0].sockets[0].getsockname())
    began = loop.time()
    assert await client.ask(plain("crm", "wrong horse")) == [BAD]
    assert loop.time() - began >= 0.2


class Gated(Users):
    """Users that are looked at only as the test allows; it counts those that are."""

    def __init__(self) -> None:
        super().__init__(HASHES)
        self.gate = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.now = self.most = 0

    def admits(self, given: Credentials) -> bool:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.gate.acquire(timeout=10)
        with self.lock:
            self.now -= 1
        return super().admits(given)


async def test_nobody_else_waits_and_few_are_looked_at_together(
    house: Any, box: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WAITING", 4)
    users = Gated()
    asked = Auth(users, without_tls=True, delay=0)
    where = await house.open(box(), auth=asked)
    clients = [await house.visit(where) for _ in range(5)]
    for client in clients[:4]:
        await client.say(plain("crm"))
    async with asyncio.timeout(5):
        while asked._waiting < 4:
            await asyncio.sleep(0)
    assert await clients[4].ask(plain("crm"), ENVELOPE[0]) == [
        b"454 4.7.0 too many passwords are being looked at, try again later",
        b"250 2.1.0 Ok",
    ], "mail goes on meanwhile"
    users.gate.release(20)
    assert [await client.hear() for client in clients[:4]] == [GOOD] * 4
    assert users.most <= room.AT_ONCE


async def test_what_was_proved_once_is_not_proved_again(
    house: Any, box: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = await house.open(box(), auth=offered())
    assert await (await house.visit(where)).ask(plain("crm")) == [GOOD]

    def never(*_: object, **__: object) -> bytes:
        raise AssertionError

    monkeypatch.setattr(hashlib, "scrypt", never)
    assert await (await house.visit(where)).ask(plain("crm")) == [GOOD]


async def test_no_more_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAITING", 0)
    with pytest.raises(Busy):
        await offered().admits(Credentials("crm", PASSWORD))


@pytest.mark.parametrize(
    "lines",
    [
        [plain("crm", "hunter2 hunter2")],
        [plain("hunter2 hunter2", "")],
        [b"AUTH PLAIN " + base64.b64encode(b"\0crm\0hunter2\xff")],
        [b"AUTH LOGIN", base64.b64encode(b"hunter2"), base64.b64encode(b"hunter2")],
        [b"AUTH LOGIN", b"hunter2 in the clear"],
        [b"AUTH PLAIN hunter2"],
        [plain("crm", "hunter2 \x07")],
    ],
)
async def test_no_password_reaches_the_log(
    house: Any, box: Any, caplog: pytest.LogCaptureFixture, lines: list[bytes]
) -> None:
    asyncio.get_running_loop().set_debug(True)
    with caplog.at_level(logging.DEBUG):
        client = await house.visit(await house.open(box(), auth=offered()))
        replies = [(await client.ask(line))[0] for line in lines]
    assert replies[-1][:3] in (b"535", b"501")
    coded = base64.b64encode(b"hunter2").decode().rstrip("=")
    assert "hunter2" not in caplog.text
    assert coded not in caplog.text


async def test_no_password_is_in_the_trace_of_a_fault_of_ours(
    house: Any,
    box: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> bytes:
        raise MemoryError("no room")

    client = await house.visit(await house.open(box(), auth=offered()))
    monkeypatch.setattr(hashlib, "scrypt", broken)
    (reply,) = await client.ask(plain("crm", "hunter2 hunter2"))
    assert reply.startswith(b"451 4.3.0 internal error, incident ")
    assert "no room" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_failure_is_logged_with_client_and_known_name(
    house: Any, box: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = await house.visit(await house.open(box(), auth=offered()))
    await client.ask(plain("crm", "wrong horse"), plain("nobody"))
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "AUTH failed: client=127.0.0.1, user=crm",
        "AUTH failed: client=127.0.0.1, user=-",
    ]

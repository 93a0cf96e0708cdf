"""The client is hostile, careless or gone: it harms its own mail at most."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.serve import Guard
from tests.faults.wire import MAIL, Act, Client, Upstream
from tests.processes import until

Start = Callable[..., Guard]
HELLO = {"smtp": b"EHLO c", "lmtp": b"LHLO c"}


def test_a_thousand_recipients_and_no_more(guard: Guard, upstream: Upstream) -> None:
    with Client(guard.port) as client:
        readers = [b"r%d@client.fr" % number for number in range(1001)]
        *accepted, last = client.envelope(*readers)
        assert {reply[:4] for reply in accepted} == {b"250 "}
        assert last.startswith(b"452 4.5.3 ")
        assert client.content(MAIL + b"\r\nhello") == b"250 2.0.0 Taken\r\n"
    assert [r.strip(b"<>") for r in upstream.taken[0].recipients] == readers[:1000]


def test_streams_that_do_not_mix_lose_nobody(guard: Guard, upstream: Upstream) -> None:
    upstream.says["RCPT"] = b"550 5.1.1 unknown\r\n"
    with Client(guard.port) as client:
        assert client.envelope(b"x@client.fr")[1] == b"550 5.1.1 unknown\r\n"
        upstream.says.clear()
        # Of a stream whose transactions have one recipient and wait for the dot.
        assert client.ask(b"RCPT TO:<y@one.client.fr>").startswith(b"250 ")
        assert client.content(MAIL + b"\r\nhello") == b"250 2.0.0 Taken\r\n"
    assert upstream.taken[0].recipients == [b"<y@one.client.fr>"]


@pytest.mark.parametrize("at", ["EHLO", "MAIL", "RCPT", "DATA", "half", "CRLF.CR"])
@pytest.mark.parametrize("protocol", HELLO)
def test_who_leaves_before_the_dot_sent_nothing(
    guard: Guard, upstream: Upstream, protocol: str, at: str
) -> None:
    port = guard.port if protocol == "smtp" else guard.lmtp
    with Client(port, HELLO[protocol]) as client:
        for stage, said in (
            ("MAIL", b"MAIL FROM:<a@acme.fr>"),
            ("RCPT", b"RCPT TO:<b@client.fr>"),
            ("DATA", b"DATA"),
        ):
            if at in ("EHLO", *(("MAIL",) if stage == "RCPT" else ())):
                break
            client.ask(said)
            if at == stage:
                break
        if at in ("half", "CRLF.CR"):
            client.send(MAIL + b"\r\nhello" + (b"\r\n.\r" if at == "CRLF.CR" else b""))
    with Client(guard.port) as client:
        assert client.mail(b"next") == b"250 2.0.0 Taken\r\n"
    assert upstream.offered == 1


@pytest.mark.parametrize("protocol", HELLO)
def test_who_leaves_after_the_dot_has_sent_it(
    guard: Guard, upstream: Upstream, protocol: str
) -> None:
    port = guard.port if protocol == "smtp" else guard.lmtp
    with Client(port, HELLO[protocol]) as client:
        client.envelope(b"b@client.fr")
        client.ask(b"DATA")
        client.send(MAIL + b"\r\nhello\r\n.\r\n")
    until(lambda: upstream.taken, "the mail")
    assert upstream.offered == 1


SMUGGLED = (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n")


@pytest.mark.parametrize("end", SMUGGLED)
def test_nothing_is_smuggled(guard: Guard, upstream: Upstream, end: bytes) -> None:
    inner = b"MAIL FROM:<evil@x>\r\nRCPT TO:<evil@y>\r\nDATA\r\n" + MAIL + b"\r\nevil"
    with Client(guard.port) as client:
        client.envelope(b"b@client.fr")
        heard = client.content(MAIL + b"\r\nhello" + end + inner)
        assert re.match(rb"550[- ]5\.5\.2 ", heard)
        assert client.ask(b"NOOP") == b"250 2.0.0 Ok\r\n"
    assert not any(b"evil" in line for line in upstream.heard)


def test_dots_arrive_as_they_were_meant(guard: Guard, upstream: Upstream) -> None:
    with Client(guard.port) as client:
        client.envelope(b"b@client.fr")
        client.content(MAIL + b"\r\n..a\r\n...\r\n..")
    assert upstream.taken[0].content.endswith(b"\r\n\r\n.a\r\n..\r\n.\r\n")


ODD = (
    b'<"x y"@client.fr>',
    b"<b+tag@client.fr>",
    b"<B@CLIENT.fr>",
    b"<b%d@client.fr>",
    b"<'b'@[192.0.2.1]>",
)
BAD = (
    b'<"x\rRCPT TO:<evil@d>"@client.fr>',
    b"<a(x)@client.fr>",
    b"<@r.fr:a@client.fr>",
    b"<a@client.fr,b@client.fr>",
    b"<a@client.fr> <b@client.fr>",
    b"<a@client.fr\0>",
    b"<a @client.fr>",
)


@pytest.mark.parametrize("path", ODD)
def test_an_odd_address_is_sent_as_it_was_checked(
    guard: Guard, upstream: Upstream, path: bytes
) -> None:
    with Client(guard.port) as client:
        assert client.mail(b"hello", path[1:-1]) == b"250 2.0.0 Taken\r\n"
    assert upstream.taken[0].recipients == [path]


@pytest.mark.parametrize("path", BAD)
def test_a_bad_address_goes_nowhere(guard: Guard, upstream: Upstream, path: bytes) -> None:
    with Client(guard.port) as client:
        client.ask(b"MAIL FROM:<a@acme.fr>")
        assert client.ask(b"RCPT TO:" + path)[:2] == b"50"
    # The guard may ask at any time what the upstream offers.
    assert {said[:4] for said in upstream.heard} <= {b"EHLO"}


def test_the_null_sender_passes(guard: Guard, upstream: Upstream) -> None:
    with Client(guard.port) as client:
        assert client.mail(b"a report", sender=b"") == b"250 2.0.0 Taken\r\n"
    assert upstream.taken[0].sender == b"<>"


def test_a_transaction_in_one_packet_and_another_behind_it(
    guard: Guard, upstream: Upstream
) -> None:
    one = b"MAIL FROM:<a@acme.fr>\r\nRCPT TO:<b@client.fr>\r\nDATA\r\n" + MAIL + b"\r\nx\r\n.\r\n"
    with Client(guard.port) as client:
        client.send(one * 5 + b"QUIT\r\n")
        heard = Counter(client.reply()[:3] for _ in range(21))
    assert heard == {b"250": 15, b"354": 5, b"221": 1}
    assert len(upstream.taken) == 5


def test_lmtp_answers_in_order_and_doubles_too(guard: Guard, upstream: Upstream) -> None:
    upstream.says["RCPT"] = _refusing(upstream, b"gone@client.fr")
    with Client(guard.lmtp, b"LHLO c") as client:
        client.envelope(b"a@client.fr", b"gone@client.fr", b"a@client.fr")
        heard = [client.content(MAIL + b"\r\nx"), client.reply(), client.reply()]
        assert [reply[:3] for reply in heard] == [b"250", b"450", b"250"]
        assert client.ask(b"DATA").startswith(b"503 ")
    assert upstream.taken[0].recipients == [b"<a@client.fr>"] * 2


def _refusing(upstream: Upstream, who: bytes) -> Act:
    return lambda _: b"450 4.2.2 Full\r\n" if who in upstream.heard[-1] else b"250 2.1.5 Ok\r\n"


def test_copies_of_a_large_mail_do_not_add_up(guard: Guard, upstream: Upstream) -> None:
    (worker,) = guard.children(b"smtpguard")
    attachment = (b"QUJD" * 19 + b"\r\n") * 26_000
    head = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello"
    part = b"\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    before = _memory(worker)
    readers = [b"r%d@client.fr" % number for number in range(60)]
    with Client(guard.lmtp, b"LHLO c") as client:
        client.envelope(*readers, sender=b"news@acme.fr")
        heard = [client.content(MAIL + head + part + attachment + b"--b--")]
        heard += [client.reply() for _ in readers[1:]]
    assert {*heard} == {b"250 2.0.0 Taken\r\n"}
    tokens = {re.search(rb"https://u\.acme\.fr/u/([\w-]+)", t.content)[1] for t in upstream.taken}  # type: ignore[index]
    assert len(tokens) == len(readers)
    assert _memory(worker) - before < 60, "MB for 60 copies of 2 MB"


def _memory(pid: int) -> int:
    """The most it ever had, in MB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) // 1024


def test_all_places_taken_by_idlers_and_then_free_again(start: Start, upstream: Upstream) -> None:
    one = start("crowded", limits={"connections": 50}, workers=1)
    idle = [Client(one.port, b"") for _ in range(50)]
    with Client(one.port, b"") as late:
        assert late.banner.startswith(b"421 4.3.2 ")
    assert idle[0].ask(b"EHLO c").startswith(b"250")
    assert idle[0].mail() == b"250 2.0.0 Taken\r\n"
    for client in idle:
        client.close()
    until(lambda: _served(one.port), "a place")


def _served(port: int) -> bool:
    with Client(port, b"") as client:
        if not client.banner.startswith(b"220 "):
            return False
        client.ask(b"EHLO c")
        return client.mail() == b"250 2.0.0 Taken\r\n"


def test_no_descriptors_left_and_then_some_again(start: Start, upstream: Upstream) -> None:
    one = start("few", prefix=("prlimit", "--nofile=48:48"))
    lines = [socket.create_connection(("127.0.0.1", one.port), 5) for _ in range(60)]
    began = time.monotonic()
    heard = Counter(_first(line) for line in lines)
    assert heard[b"220"] >= 20
    assert heard[b"220"] + heard[b""] == 60, "who is not served is not left hanging"
    assert time.monotonic() - began < 5
    for line in lines:
        line.close()
    until(lambda: _served(one.port), "a place")


def _first(line: socket.socket) -> bytes:
    try:
        return line.recv(3)
    except ConnectionError:
        return b""

"""The operator is impatient, the host unwell: what is in force is whole, and no mail is cut."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import POLICY
from tests.faults.serve import Guard
from tests.faults.wire import MAIL, Client, Upstream, hang
from tests.processes import until

Start = Callable[..., Guard]
CLOSED = POLICY.replace("default: {class: personal}", "default: {class: refuse}")


@pytest.fixture
def policy(policies: Path) -> Callable[[str], int]:
    """Write the policy."""
    return (policies / "acme.yaml").write_text


@pytest.fixture(scope="module")
def pair(start: Start) -> Guard:
    """A guard of two workers."""
    return start("pair", workers=2)


def slow(line: socket.socket) -> bytes:
    """Take the mail, a second later."""
    time.sleep(1)
    return b"250 2.0.0 Taken\r\n"


def taken(port: int) -> bool:
    with Client(port) as client:
        return client.mail() == b"250 2.0.0 Taken\r\n"


def test_a_worker_that_starts_while_another_policy_comes_has_that(
    pair: Guard, upstream: Upstream, policy: Callable[[str], int]
) -> None:
    until(lambda: len(pair.children(b"smtpguard")) == 2, "two workers")
    first, second = pair.children(b"smtpguard")
    os.kill(first, signal.SIGKILL)
    until(lambda: [*{*pair.children(b"smtpguard")} - {first, second}], "a new worker")
    policy(CLOSED)
    try:
        assert pair.reload() == "reloaded"
        os.kill(second, signal.SIGSTOP)  # so that the new one answers
        with Client(pair.port) as client:
            assert client.mail().startswith(b"550-5.7.1 No stream")
    finally:
        os.kill(second, signal.SIGCONT)
        policy(POLICY)
        assert pair.reload() == "reloaded"
    assert taken(pair.port)


def test_a_transaction_keeps_the_policy_it_began_with(
    pair: Guard, upstream: Upstream, policy: Callable[[str], int]
) -> None:
    with Client(pair.port) as client:
        client.envelope(b"b@client.fr")
        policy(CLOSED)
        try:
            assert pair.reload() == "reloaded"
            assert client.content(MAIL + b"\r\nold") == b"250 2.0.0 Taken\r\n"
            assert client.mail().startswith(b"550-5.7.1 No stream")
        finally:
            policy(POLICY)
            assert pair.reload() == "reloaded"


def test_what_a_reload_cannot_change_is_said_and_not_half_done(
    pair: Guard, upstream: Upstream, policy: Callable[[str], int]
) -> None:
    settings = pair.config.read_text()
    pair.config.write_text(json.dumps({**json.loads(settings), "limits": {"recipients": 7}}))
    assert pair.reload() == "refused"
    assert pair.said("must be restarted for another limits") == 1
    pair.config.write_text(settings)
    policy("controller: [")
    assert pair.reload() == "refused"
    policy(POLICY)
    assert pair.reload() == "reloaded"
    assert taken(pair.port)


def test_nobody_reads_the_log_any_more(start: Start, upstream: Upstream) -> None:
    one = start("unread", launch=False)
    reading, writing = os.pipe()
    one.launch(writing)
    os.close(writing)
    heard = b""
    while b"started:" not in heard:
        heard += os.read(reading, 4096)
    os.close(reading)
    assert taken(one.port)
    (worker,) = one.children(b"smtpguard")
    os.kill(worker, signal.SIGKILL)
    until(lambda: {*one.children(b"smtpguard")} - {worker}, "a new worker")
    assert taken(one.port)
    assert len(upstream.taken) == upstream.offered == 2
    assert one.stop() == 0


def test_a_journal_on_a_full_disk_costs_the_line_and_not_the_answer(
    start: Start, upstream: Upstream
) -> None:
    one = start("full", journal={"path": "/dev/full"})
    assert taken(one.port)
    one.heard("journal-failed")
    assert upstream.offered == 1


def test_sigterm_ends_no_transaction(start: Start, upstream: Upstream) -> None:
    one = start("drained")
    upstream.says["dot"] = slow
    heard: list[bytes] = []

    def send() -> None:
        with Client(one.port) as client:
            heard.append(client.mail())

    with Client(one.port) as idle, Client(one.port) as halfway:
        halfway.envelope(b"b@client.fr")
        senders = [threading.Thread(target=send) for _ in range(5)]
        for sender in senders:
            sender.start()
        until(lambda: upstream.offered == 5, "five mails under way")
        os.kill(one.pid, signal.SIGTERM)
        assert idle.reply().startswith(b"421 4.3.2 ")
        assert halfway.content(MAIL + b"\r\nx") == b"250 2.0.0 Taken\r\n"
        assert halfway.reply().startswith(b"421 4.3.2 ")
        for sender in senders:
            sender.join()
    assert heard == [b"250 2.0.0 Taken\r\n"] * 5
    assert one.process is not None
    assert one.process.wait(20) == 0
    assert len(upstream.taken) == 6


def test_workers_of_a_parent_that_was_killed_finish_and_end(
    start: Start, upstream: Upstream
) -> None:
    one = start("orphaned")
    (worker,), (store,) = one.children(b"smtpguard"), one.children(b"valkey")
    upstream.says["dot"] = slow
    with Client(one.port) as client:
        client.envelope(b"b@client.fr")
        client.ask(b"DATA")
        client.send(MAIL + b"\r\nx\r\n.\r\n")
        until(lambda: upstream.offered, "the mail under way")
        os.kill(one.pid, signal.SIGKILL)
        assert one.process is not None
        one.process.wait(10)
        assert client.reply() == b"250 2.0.0 Taken\r\n"
    until(lambda: not _runs(worker), "the worker's end")
    assert _runs(store), "opt-outs are taken all the same"
    one.start()
    assert taken(one.port)
    os.kill(store, signal.SIGTERM)


def test_a_worker_killed_before_the_dot_sent_nothing(pair: Guard, upstream: Upstream) -> None:
    upstream.says["DATA"] = hang
    with Client(pair.port) as client:
        client.envelope(b"b@client.fr")
        client.ask(b"DATA")
        client.send(MAIL + b"\r\nx\r\n.\r\n")
        until(lambda: b"DATA" in upstream.heard, "the mail under way")
        for worker in pair.children(b"smtpguard"):
            os.kill(worker, signal.SIGKILL)
        assert client.reply() == b""
    upstream.says.clear()
    assert taken(pair.port)
    assert upstream.offered == 1


def test_two_guards_share_one_state(start: Start, upstream: Upstream) -> None:
    first = start("first")
    second = start("second", launch=False)
    second.settings["state"] = str(first.state)
    second.start()
    for one in (first, second):
        with Client(one.port) as client:
            assert client.mail(sender=b"news@acme.fr") == b"250 2.0.0 Taken\r\n"
    assert first.stop() == 0
    with Client(second.port) as client:
        assert client.mail(sender=b"news@acme.fr") == b"250 2.0.0 Taken\r\n"
    second.heard("the embedded store was started again")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False

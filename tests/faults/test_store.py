"""The store hangs, dies, forgets and lies: newsletters wait, the rest passes, nobody restarts."""

from __future__ import annotations

import os
import signal
import socket
import time

from tests.faults.serve import Guard
from tests.faults.wire import Client, Upstream
from tests.processes import until

DOUBT = b"451-4.3.0 unavailable-suppressions"


def newsletter(guard: Guard) -> bytes:
    with Client(guard.port) as client:
        return client.mail(sender=b"news@acme.fr")


def served(guard: Guard) -> None:
    until(lambda: newsletter(guard).startswith(b"250"), "the store")


def ask(guard: Guard, *words: str) -> bytes:
    """As redis-cli would."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(guard.state / "store" / "valkey.sock"))
        line.sendall("".join([*(f'"{word}" ' for word in words), "\r\n"]).encode())
        return line.recv(4096)


def test_a_store_that_hangs(guard: Guard, upstream: Upstream) -> None:
    (store,) = guard.children(b"valkey")
    os.kill(store, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert newsletter(guard).startswith(DOUBT)
        assert time.monotonic() - began < 8
        began = time.monotonic()
        with Client(guard.port) as client:
            assert client.mail() == b"250 2.0.0 Taken\r\n"
        assert time.monotonic() - began < 1, "correspondence does not wait for the store"
    finally:
        os.kill(store, signal.SIGCONT)
    served(guard)


def test_a_store_that_is_killed_costs_a_pause_and_is_said(guard: Guard, upstream: Upstream) -> None:
    said = guard.said("the embedded store ended with SIGKILL")
    os.kill(guard.children(b"valkey")[0], signal.SIGKILL)
    assert newsletter(guard) == b"250 2.0.0 Taken\r\n"
    guard.heard("the embedded store ended with SIGKILL", said)


def test_a_store_that_was_emptied_is_believed_again_when_the_operator_says_so(
    guard: Guard, upstream: Upstream
) -> None:
    served(guard)
    assert ask(guard, "FLUSHALL") == b"+OK\r\n"
    assert newsletter(guard).startswith(DOUBT)
    # A worker that starts meanwhile takes mail, and does not hide behind a silent port.
    ended = guard.said("worker ended")
    os.kill(guard.children(b"smtpguard")[0], signal.SIGKILL)
    guard.heard("worker ended", ended)
    assert newsletter(guard).startswith(DOUBT)
    guard.run("store", "init", "--force")
    served(guard)


def test_a_store_of_another_generation_is_not_believed(guard: Guard, upstream: Upstream) -> None:
    served(guard)
    (generation,) = ask(guard, "HGET", "sg:meta", "generation").split(b"\r\n")[1:2]
    ask(guard, "HSET", "sg:meta", "generation", "another")
    assert newsletter(guard).startswith(DOUBT)
    ask(guard, "HSET", "sg:meta", "generation", generation.decode())
    served(guard)

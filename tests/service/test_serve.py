"""The service from outside: signals, systemd, and what it does when a part of it dies."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import ssl
import sys
from pathlib import Path

import pytest
import trustme

from tests.processes import command, until
from tests.service.conftest import LENIENT, STRICT, Service, begin, finish

ACTIVATE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3);"
    " os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='lmtp');"
    " os.execv(sys.argv[2], sys.argv[2:])"
)
"""What systemd does: sd_listen_fds(3)."""


def reload(service: Service, policy: str) -> None:
    service.policy.write_text(policy)
    service.signal(signal.SIGHUP)
    assert service.told() == "RELOADING=1"
    assert service.told() == "READY=1"


def test_it_is_ready_when_every_worker_is_and_leaves_nothing_behind(service: Service) -> None:
    service.start()
    assert len(service.workers()) == 2
    (store,) = service.store()
    assert service.answer() == 451
    with service.client() as idle:
        service.signal(signal.SIGTERM)
        assert service.told() == "STOPPING=1"
        assert idle.getreply()[0] == 421, "an idle session is told to come back"
    assert service.ended() == os.EX_OK
    assert b"valkey" not in command(store)
    assert service.lines("stopped")


def test_a_reload_reaches_every_worker_and_a_transaction_keeps_its_policy(
    service: Service,
) -> None:
    service.start()
    sessions = [service.client() for _ in range(6)]
    begun = service.client()
    begin(begun)
    reload(service, STRICT)
    assert finish(begun) == 451
    for session in (*sessions, begun):
        begin(session)
        assert finish(session) == 550
        session.quit()


def test_a_wrong_policy_changes_nothing_and_is_named(service: Service) -> None:
    service.policy.write_text(STRICT)
    service.start()
    reload(service, LENIENT + "strems: {}\n")
    (refused,) = service.lines("reload-refused")
    assert f"{service.policy}:6:1: " in refused
    assert "streams" in refused
    assert service.answer() == 550
    reload(service, LENIENT)
    assert service.lines("reloaded: ")
    assert service.answer() == 451


def test_a_renewed_certificate_is_shown_after_a_reload(service: Service) -> None:
    authority = trustme.CA()
    pem = service.home / "listener.pem"

    def renew() -> bytes:
        issued = authority.issue_cert("guard.test")
        issued.private_key_and_cert_chain_pem.write_to_path(pem)
        return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())

    def shown() -> bytes | None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        context.check_hostname = False
        with service.client() as client:
            client.starttls(context=context)
            assert isinstance(client.sock, ssl.SSLSocket)
            return client.sock.getpeercert(binary_form=True)

    first = renew()
    listener = service.listener(f"127.0.0.1:{service.port}")
    tls = {"certificate": str(pem), "key": str(pem)}
    service.settings["listeners"] = [{**listener, "tls": tls}]
    service.start()
    assert shown() == first
    pem.write_text("nothing")
    reload(service, LENIENT)
    (refused,) = service.lines("reload-refused")
    assert f"listeners.lmtp.tls: {pem}" in refused
    assert shown() == first
    second = renew()
    reload(service, LENIENT)
    assert {shown() for _ in range(4)} == {second}


def test_a_worker_that_dies_is_replaced_by_one_with_the_policy_in_force(service: Service) -> None:
    service.start()
    reload(service, STRICT)
    for _ in range(2):
        os.kill(service.workers()[0], signal.SIGKILL)
        until(lambda: len(service.workers()) < 2, "its end", service)
        until(lambda: len(service.workers()) == 2, "another worker", service)
    assert len(service.lines("worker ended")) == 2
    assert {service.answer() for _ in range(6)} == {550}


def test_a_worker_that_starts_during_a_reload_follows(service: Service) -> None:
    service.start()
    before = set(service.workers())
    os.kill(min(before), signal.SIGKILL)
    (new,) = until(lambda: set(service.workers()) - before, "another worker", service)
    os.kill(new, signal.SIGSTOP)
    service.policy.write_text(STRICT)
    service.signal(signal.SIGHUP)
    assert service.told() == "RELOADING=1"
    os.kill(new, signal.SIGCONT)
    assert service.told() == "READY=1"
    os.kill((before & set(service.workers())).pop(), signal.SIGSTOP)  # the new one answers
    until(lambda: service.answer() == 550, "the new policy", service)


def test_the_store_is_started_again_and_the_log_says_so(service: Service) -> None:
    service.start()
    (store,) = service.store()
    os.kill(store, signal.SIGKILL)
    until(lambda: service.store() not in ([], [store]), "another store", service)
    assert service.lines("the embedded store ended with SIGKILL")
    assert service.lines("the embedded store was started again")


def refused(service: Service) -> bool:
    """Whether nobody listens any more."""
    try:
        service.client().close()
    except ConnectionRefusedError:
        return True
    except (OSError, smtplib.SMTPException):  # taken, and ended at once
        pass
    return False


def test_a_transaction_is_waited_for_and_an_interrupt_ends_that(service: Service) -> None:
    service.start()
    with service.client() as client, service.client() as idle:
        begin(client)
        service.signal(signal.SIGTERM)
        assert idle.getreply()[0] == 421
        # The other worker may be a moment behind.
        until(lambda: refused(service), "nobody to listen", service)
        service.signal(signal.SIGTERM)
        assert client.noop()[0] == 250, "the transaction is still open"
        service.signal(signal.SIGINT)
        assert service.ended() == os.EX_OK
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()


def test_told_to_stop_while_starting_it_leaves_nothing_behind(service: Service) -> None:
    process = service.spawn()
    (store,) = until(service.store, "the store", service)
    process.terminate()
    assert service.ended() == os.EX_OK
    assert b"valkey" not in command(store)


def test_sockets_come_from_systemd(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        service.settings["listeners"] = [service.listener("127.0.0.1:1")]
        service.port = bound.getsockname()[1]
        fd = bound.fileno()
        service.spawn(sys.executable, "-c", ACTIVATE, str(fd), pass_fds=[fd])
        assert service.told() == "READY=1", service.log.read_text()
        assert service.answer() == 451
        (started,) = service.lines("started: ")
        assert f"listen_lmtp=127.0.0.1:{service.port}" in started
        service.signal(signal.SIGTERM)
        assert service.ended() == os.EX_OK


def test_what_is_wrong_is_said_before_anything_starts(service: Service) -> None:
    service.policy.write_text("controller: acme\nlegal_nam: Acme\n")
    service.spawn()
    assert service.ended() == os.EX_CONFIG
    assert f"{service.policy}:2:1: " in service.log.read_text()
    assert not (Path(str(service.settings["state"])) / "store").exists()


def test_a_place_that_is_taken_is_named(service: Service) -> None:
    with socket.create_server(("127.0.0.1", service.port)):
        service.spawn()
        assert service.ended() == os.EX_UNAVAILABLE
    assert f"cannot listen on 127.0.0.1:{service.port}" in service.log.read_text()

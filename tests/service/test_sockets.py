"""Sockets are bound once, by name, and say where they listen."""

import socket
from pathlib import Path

import pytest

from smtpguard.config.listener import Listener
from smtpguard.policy.peers import Endpoint
from smtpguard.service.sockets import address, bind


def listener(name: str, where: str) -> Listener:
    return Listener(name=name, listen=Endpoint.parse(where))


def test_tcp_and_unix(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    bound = bind([listener("smtp", "127.0.0.1:0"), listener("lmtp", f"unix:{path}")], {})
    try:
        assert address(bound["lmtp"]) == f"unix:{path}"
        host, _, port = address(bound["smtp"]).rpartition(":")
        socket.create_connection((host, int(port))).close()
        assert path.stat().st_mode & 0o777 == 0o660
    finally:
        for each in bound.values():
            each.close()


def test_a_socket_left_behind_is_replaced_but_a_live_one_is_not(tmp_path: Path) -> None:
    where = [listener("lmtp", f"unix:{tmp_path / 's'}")]
    bind(where, {})["lmtp"].close()
    alive = bind(where, {})["lmtp"]
    with pytest.raises(OSError, match="cannot listen on unix:"):
        bind(where, {})
    alive.close()


def test_a_file_that_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(OSError, match="cannot listen"):
        bind([listener("lmtp", f"unix:{tmp_path / 's'}")], {})
    assert (tmp_path / "s").read_text() == "precious"


def test_a_place_that_is_taken_is_named(tmp_path: Path) -> None:
    first = bind([listener("smtp", "127.0.0.1:0")], {})["smtp"]
    with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:"):
        bind([listener("other", address(first))], {})
    first.close()


def test_what_systemd_bound_is_taken() -> None:
    given = socket.create_server(("127.0.0.1", 0))
    place = given.getsockname()
    bound = bind([listener("smtp", "127.0.0.1:1")], {"smtp": [given.detach()]})["smtp"]
    assert bound.getsockname() == place
    bound.close()

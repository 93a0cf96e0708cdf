"""Where mail comes in: who may send there by AUTH, and never a password in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpguard.config import load
from smtpguard.config.listener import Listener
from smtpguard.policy.source import Problems, write


def read(tmp_path: Path, listener: str) -> Listener:
    file = tmp_path / "smtpguard.yaml"
    file.write_text(f"listeners:\n- {{name: apps, {listener}}}\n")
    (found,) = load(file).listeners
    return found


def test_users_alone_may_send_where_there_are_some(tmp_path: Path) -> None:
    tls = "tls: {certificate: c.pem, key: k.pem}"
    found = read(tmp_path, f"listen: '0.0.0.0:587', {tls}, auth: {{users: users, trusted: [crm]}}")
    assert found.auth
    assert found.auth.users == tmp_path / "users"
    assert (found.auth.trusted, found.auth.without_tls) == (("crm",), False)
    assert not found.relay_from


@pytest.mark.parametrize("listen", ["127.0.0.1:587", "[::1]:587", "unix:apps.sock"])
def test_nobody_on_this_machine_is_excepted_unless_said(tmp_path: Path, listen: str) -> None:
    auth = "auth: {users: users, without_tls: true}"
    found = read(tmp_path, f"listen: '{listen}', {auth}")
    assert not found.relay_from
    found = read(tmp_path, f"listen: '{listen}', {auth}, relay_from: [127.0.0.1, unix]")
    assert "127.0.0.1" in found.relay_from
    assert found.relay_from.unix


def test_a_unix_socket_needs_no_tls(tmp_path: Path) -> None:
    assert read(tmp_path, "listen: 'unix:apps.sock', auth: {users: users}").auth


def test_over_lmtp_it_is_the_same(tmp_path: Path) -> None:
    assert read(tmp_path, "listen: 'unix:s', protocol: lmtp, auth: {users: users}").auth


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            "listen: '127.0.0.1:587', auth: {users: u}",
            "2:3: listeners.0: auth: passwords are asked for over TLS only; say tls as well",
        ),
        (
            "listen: '0.0.0.0:587', auth: {users: u, without_tls: true}",
            "2:3: listeners.0: auth.without_tls: 0.0.0.0:587 can be reached from elsewhere",
        ),
        (
            "listen: '127.0.0.1:587', kind: feedback, auth: {users: u, without_tls: true}",
            "2:3: listeners.0: auth: what comes back is sent by no user",
        ),
        ("listen: 'unix:s', auth: {}", "2:34: listeners.0.auth.users: missing"),
        ("listen: 'unix:s', auth: [a]", "2:40: listeners.0.auth: expected a mapping"),
        (
            "listen: 'unix:s', auth: {user: u}",
            "2:41: listeners.0.auth.user: `user` is not known here",
        ),
        ("listen: 'unix:s', auth: {users: u, trusted: crm}", "2:60: listeners.0.auth.trusted: "),
        (
            "listen: 'unix:s', auth: {users: u}, relay_from: [0.0.0.0/0]",
            "relay_from holds every address: this would be an open relay",
        ),
        ("listen: '127.0.0.1:25', relay_from: []", "relay_from is empty: nobody could send"),
    ],
)
def test_what_is_refused(tmp_path: Path, said: str, problem: str) -> None:
    with pytest.raises(Problems) as refused:
        read(tmp_path, said)
    assert problem in str(refused.value)


def test_what_is_shown_reads_back(tmp_path: Path) -> None:
    read(tmp_path, "listen: '127.0.0.1:1', auth: {users: u, without_tls: true}")
    file = tmp_path / "smtpguard.yaml"
    config = load(file)
    file.write_text(write(config.model_dump(mode="json", exclude_none=True)))
    assert load(file) == config
    assert config.overridden(listen=["apps=127.0.0.1:2"]).listeners[0].auth

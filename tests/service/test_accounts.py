"""Users files, read as a reload reads them, and what a policy says of users that are not there."""

from __future__ import annotations

import os
import signal
import smtplib
from contextlib import suppress
from pathlib import Path

import pytest

from smtpguard.config import Config, load
from smtpguard.service import accounts, build
from smtpguard.smtp.users import Hash
from tests.service.conftest import Service, begin, finish

POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
streams:
  crm:
    class: transactional
    match: {user: crm}
"""


def written(home: Path, *names: str) -> Path:
    """A users file."""
    file = home / "users"
    file.touch(0o600)
    file.write_text("".join(f"{n}:{Hash.new('correct horse', (10, 1, 1))}\n" for n in names))
    return file


def config(home: Path, *listeners: str) -> Config:
    file = home / "smtpguard.yaml"
    lines = "".join(f"- {{name: l{n}, {said}}}\n" for n, said in enumerate(listeners))
    file.write_text(f"listeners:\n{lines}")
    return load(file)


ASKS = "listen: 'unix:a', auth: {users: users}"
SILENT = "listen: '127.0.0.1:1'"


def test_files_are_read_by_listener(tmp_path: Path) -> None:
    written(tmp_path, "crm")
    asked = config(tmp_path, ASKS, SILENT)
    files, problems = accounts.read_users(asked)
    assert list(files) == ["l0"]
    assert not problems
    (first, other) = asked.listeners
    auth = accounts.auth(first, files)
    assert auth
    assert list(auth.users) == ["crm"]
    assert accounts.auth(other, files) is None


@pytest.mark.parametrize(
    ("said", "may"),
    [
        ("listen: 'unix:a'", True),
        ("listen: 'unix:a', relay_from: [10.0.0.0/8]", True),
        (ASKS, False),
        (ASKS + ", relay_from: [10.0.0.0/8]", False),
        (ASKS + ", relay_from: [unix]", True),
    ],
)
def test_who_opens_a_socket_may_send_unless_users_alone_may(
    tmp_path: Path, said: str, may: bool
) -> None:
    written(tmp_path, "crm")
    asked = config(tmp_path, said)
    files, _ = accounts.read_users(asked)
    taken = build.Snapshot(asked, {}, {}, b"", users=files)
    listener = build.listener(taken, asked.listeners[0])
    assert listener.relay_unix is may
    assert bool(listener.auth) is ("auth" in said)


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [
        (0o604, "", "is open to others: `chmod 600 "),
        (0o620, "", "is open to others"),
        (0o600, "\ncrm:hunter2\n", ":2:1: no scrypt hash"),
        (None, "", "cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, mode: int | None, text: str, said: str
) -> None:
    file = written(tmp_path)
    file.write_text(text)
    if mode is None:
        file.unlink()
    else:
        file.chmod(mode)
    files, (problem,) = accounts.read_users(config(tmp_path, ASKS))
    assert not files
    assert str(problem).startswith(str(file))
    assert said in str(problem)
    assert "hunter2" not in str(problem)


def test_a_group_may_read_it(tmp_path: Path) -> None:
    written(tmp_path, "crm").chmod(0o640)
    assert accounts.read_users(config(tmp_path, ASKS))[1] == []


def doubts(home: Path, *listeners: str, policy: str = POLICY) -> list[str]:
    asked = config(home, *listeners)
    compiled = build.policy(asked, {"acme.yaml": policy.encode()}, {}, 0)
    files, _ = accounts.read_users(asked)
    return [str(doubt) for doubt in accounts.doubts(asked, compiled, files)]


def test_a_stream_that_waits_for_nobody_is_told_of(tmp_path: Path) -> None:
    file = written(tmp_path, "crm")
    assert doubts(tmp_path, ASKS, SILENT) == []
    never = "streams.crm.match.user: no listener of it offers `auth`, so that it never matches"
    assert doubts(tmp_path, SILENT) == [never]
    here = POLICY.replace("{user: crm}", "{listener: l1, user: crm}")
    assert doubts(tmp_path, ASKS, SILENT, policy=here) == [never]
    written(tmp_path, "shop")
    assert doubts(tmp_path, ASKS) == [f"streams.crm.match.user: there is no `crm` in {file}"]


def test_a_trusted_user_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    file = written(tmp_path, "crm")
    trusting = ASKS.replace("users: users", "users: users, trusted: [crm, boss]")
    assert doubts(tmp_path, trusting) == [
        f"listeners.l0.auth.trusted: there is no `boss` in {file}"
    ]


def test_check_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from smtpguard.cli import main

    file = written(tmp_path, "shop")
    config(tmp_path, ASKS)
    (tmp_path / "acme.yaml").write_text(POLICY)
    words = [
        "check",
        "-c",
        str(tmp_path / "smtpguard.yaml"),
        "--policies",
        str(tmp_path / "acme.yaml"),
    ]
    assert main(words) == os.EX_OK
    assert f"there is no `crm` in {file} (warning)" in capsys.readouterr().out
    file.chmod(0o644)
    assert main(words) == os.EX_CONFIG
    assert "is open to others" in capsys.readouterr().err


def test_a_reload_reads_the_users_whole_or_not_at_all(service: Service) -> None:
    file = written(service.home, "crm")
    listener = service.listener(f"127.0.0.1:{service.port}")
    auth = {"users": str(file), "without_tls": True}
    service.settings["listeners"] = [{**listener, "auth": auth}]
    service.start()

    def answer(name: str) -> int:
        with service.client() as client, suppress(smtplib.SMTPAuthenticationError):
            return client.login(name, "correct horse")[0]
        return 535

    def reload() -> None:
        service.signal(signal.SIGHUP)
        assert service.told() == "RELOADING=1"
        assert service.told() == "READY=1"

    with service.client() as stranger, service.client() as removed:
        assert stranger.docmd("MAIL FROM:<a@acme.fr>")[0] == 530
        assert removed.login("crm", "correct horse")[0] == 235
        written(service.home, "shop")
        file.write_text(file.read_text() + "crm:hunter2\n")
        reload()
        (refused,) = service.lines("reload-refused")
        assert f"{file}:2:1: no scrypt hash" in refused
        assert "hunter2" not in service.log.read_text()
        assert [answer(name) for name in ("crm", "shop")] == [235, 535]
        begin(removed)
        assert finish(removed) == 451, "nobody is behind"
        written(service.home, "shop")
        reload()
        assert service.lines("reloaded: ")
        assert removed.docmd("MAIL FROM:<a@acme.fr>")[0] == 421
    assert [answer(name) for name in ("crm", "shop", "shop", "shop")] == [535, 235, 235, 235]

"""The users file: what is in it, what is refused, and what a guess costs."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest

from smtpguard.smtp.sasl import Credentials
from smtpguard.smtp.users import COST, Hash, UnusableUsers, Users, parse

CHEAP = (10, 1, 1)
PASSLIB = "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"
"""Of `password`, in passlib's documentation."""


def file(*names: str, password: str = "correct horse") -> bytes:
    return "".join(f"{name}:{Hash.new(password, CHEAP)}\n" for name in names).encode()


def test_the_password_is_the_users() -> None:
    users = parse(b"# who may send\n\n" + file("crm") + file("shop@acme.example", password="x y z"))
    assert list(users) == ["crm", "shop@acme.example"]
    assert users.admits(Credentials("crm", "correct horse"))
    assert users.admits(Credentials("shop@acme.example", "x y z"))
    for name, password in [
        ("crm", "x y z"),
        ("crm", "correct hors"),
        ("CRM", "correct horse"),
        ("nobody", "correct horse"),
        ("", ""),
        ("crm", ""),
        ("crm", "correct horse\0"),
    ]:
        assert not users.admits(Credentials(name, password))


def test_a_password_is_the_same_however_it_is_typed() -> None:
    users = parse(file("crm", password="e\u0301te\u0301 1234"))
    assert users.admits(Credentials("crm", "\u00e9t\u00e9\u00a01234"))


def test_nobody_is_admitted_by_an_empty_file() -> None:
    users = parse(b"")
    assert not list(users)
    assert not users.admits(Credentials("crm", "correct horse"))


def test_a_hash_is_what_others_write() -> None:
    known = Hash.parse(PASSLIB)
    assert known.matches(b"password")
    assert not known.matches(b"Password")
    assert str(known) == PASSLIB


def test_a_new_hash_has_a_salt_of_its_own_and_the_usual_cost() -> None:
    one, other = Hash.new("correct horse"), Hash.new("correct horse")
    assert (one.ln, one.r, one.p) == COST
    assert one.salt != other.salt
    assert one.digest != other.digest
    assert "correct" not in str(one)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("crm:hunter2", "no scrypt hash"),
        ("crm:$6$salt$hunter2", "no scrypt hash"),
        ("crm:{PLAIN}hunter2", "no scrypt hash"),
        ("crm", "not `name:hash`"),
        ("hunter2", "not `name:hash`"),
        ("c r m:hunter2", "not `name:hash`"),
        (":hunter2", "not `name:hash`"),
        ("crm:" + PASSLIB.replace("ln=16", "ln=9"), "too little"),
        ("crm:" + PASSLIB.replace("ln=16", "ln=20"), "more than 256 MiB"),
        ("crm:" + PASSLIB[:-1], "no scrypt hash"),
        ("crm:" + PASSLIB.replace("qr1Q", "qr1"), "salt or digest is cut"),
    ],
)
def test_what_is_no_line_is_named_by_its_number(line: str, said: str) -> None:
    with pytest.raises(UnusableUsers) as unusable:
        parse(b"# hunter2\n" + file("other") + line.encode() + b"\n")
    assert list(unusable.value.faults) == [3]
    assert said in unusable.value.faults[3]
    assert "hunter2" not in str(unusable.value)


def test_a_name_stands_once() -> None:
    with pytest.raises(UnusableUsers, match="line 2: `crm` stands here twice"):
        parse(file("crm", "crm"))


def test_any_octets_are_read_or_refused() -> None:
    for _ in range(50):
        with pytest.raises(UnusableUsers):
            parse(b"x" + os.urandom(200))


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """The parameters of every hash that is computed."""
    counted: list[tuple[int, int, int]] = []
    scrypt = hashlib.scrypt

    def counting(password: bytes, **said: Any) -> bytes:
        counted.append((said["n"], said["r"], said["p"]))
        return scrypt(password, **said)

    monkeypatch.setattr(hashlib, "scrypt", counting)
    return counted


@pytest.mark.parametrize("name", ["crm", "nobody", ""])
def test_an_unknown_name_costs_what_a_known_one_does(
    name: str, costs: list[tuple[int, int, int]]
) -> None:
    users = Users({"crm": Hash.new("correct horse", CHEAP)})
    costs.clear()
    assert not users.admits(Credentials(name, "wrong horse"))
    assert costs == [(1024, 1, 1)]


def test_an_unknown_name_costs_always_the_same(costs: list[tuple[int, int, int]]) -> None:
    cheap = {str(n): Hash.new("x", (10, 1, n)) for n in range(1, 9)}
    users = Users(cheap)
    costs.clear()
    for name in "abcdefghijklmnopqrstuvwxyz" * 2:
        users.admits(Credentials(name, "x"))
    assert costs[:26] == costs[26:]
    assert len(set(costs)) > 1, "what one of the users costs, not what the first does"
    assert set(costs) <= {(1024, 1, n) for n in range(1, 9)}


def test_what_was_proved_is_recalled_without_a_hash(costs: list[tuple[int, int, int]]) -> None:
    users = parse(file("crm", "boss"))
    given = Credentials("crm", "correct horse")
    assert not users.recalls(given)
    assert users.admits(given)
    costs.clear()
    assert users.recalls(given)
    assert not users.recalls(Credentials("crm", "wrong horse"))
    assert not users.recalls(Credentials("boss", "correct horse"))
    assert costs == []
    assert not users.admits(Credentials("crm", "wrong horse"))
    assert not users.recalls(Credentials("crm", "wrong horse")), "a refusal is no proof"

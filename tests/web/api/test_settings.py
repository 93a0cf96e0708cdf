"""``web.api``: what is wrong is said when it is read, not when somebody asks."""

from pathlib import Path

import pytest

from smtpguard.config import load
from smtpguard.policy.source import Problems
from smtpguard.web.settings import Right

TOKEN = '{name: crm, secret: "file:t", may: [check], controllers: [acme]}'


def read(tmp_path: Path, api: str):  # type: ignore[no-untyped-def]
    file = tmp_path / "smtpguard.yaml"
    file.write_text(f"web: {{api: {{{api}}}}}\n")
    return load(file).web.api


def test_there_is_none_unless_it_is_asked_for() -> None:
    assert load(None).web.api.listen is None


def test_a_token_lies_beside_the_configuration(tmp_path: Path) -> None:
    api = read(tmp_path, f"listen: '127.0.0.1:8027', tokens: [{TOKEN}]")
    (one,) = api.tokens
    assert one.secret == f"file:{tmp_path}/t"
    assert (one.may, one.named) == ((Right.CHECK,), {"acme"})
    everybody = TOKEN.replace("[acme]", '[acme, "*"]')
    assert read(tmp_path, f"tokens: [{everybody}]").tokens[0].named is None


@pytest.mark.parametrize("place", ["127.0.0.1:8027", "[::1]:8027", "localhost:1", "unix:api.sock"])
def test_on_this_machine_a_token_may_be_left_out_when_that_is_said(
    tmp_path: Path, place: str
) -> None:
    assert read(tmp_path, f"listen: '{place}', without_token: [check]").without_token
    with pytest.raises(Problems, match="nobody could use it"):
        read(tmp_path, f"listen: '{place}'")


@pytest.mark.parametrize("place", ["0.0.0.0:8027", "[::]:8027", "192.0.2.1:1", "api.example:1"])
def test_elsewhere_it_may_not(tmp_path: Path, place: str) -> None:
    assert read(tmp_path, f"listen: '{place}', tokens: [{TOKEN}]").tokens
    with pytest.raises(Problems, match="can be reached from elsewhere"):
        read(tmp_path, f"listen: '{place}', without_token: [check], tokens: [{TOKEN}]")


@pytest.mark.parametrize(
    ("api", "said"),
    [
        (f"tokens: [{TOKEN}, {TOKEN}]", "two tokens have the same name"),
        (f"tokens: [{TOKEN.replace('[check]', '[]')}]", "may"),
        (f"tokens: [{TOKEN.replace('[check]', '[chekc]')}]", "did you mean"),
        (f"tokens: [{TOKEN.replace('[acme]', '[]')}]", "controllers"),
        (f"tokens: [{TOKEN.replace('[acme]', '[Acme Corp]')}]", "is not a controller"),
        (f"tokens: [{TOKEN.replace('file:t', 'hunter2hunter2')}]", "not a secret itself"),
        ("names: ['a b']", "is not a host name"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, api: str, said: str) -> None:
    with pytest.raises(Problems, match=said):
        read(tmp_path, api)

"""Who asks: tokens that are strong enough, compared whole, and what they are good for."""

import hashlib

import pytest

from smtpguard.web.api.caller import Caller, identify, twice
from smtpguard.web.settings import ApiToken, Right
from tests.web.api.conftest import callers, token


def said(controller: str = "acme") -> ApiToken:
    return ApiToken(name="crm", secret="file:x", may=(Right.CHECK,), controllers=(controller,))


def header(word: str) -> list[bytes]:
    return [f"Bearer {word}".encode()]


def test_a_token_is_read_from_its_file_and_not_kept() -> None:
    one = Caller.of(said(), b"  0123456789abcdef01234567\n")
    assert one.digest == hashlib.sha256(b"0123456789abcdef01234567").digest()
    assert "0123" not in repr(one)
    assert one.digest.hex() not in repr(one)
    assert (one.channel, one.sees("acme"), one.sees("rival")) == ("api:crm", True, False)
    assert Caller.of(said("*"), b"x" * 24).sees("rival")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b"", "24 octets"),
        (b"short", "24 octets"),
        (b"x" * 23 + b"\n", "24 octets"),
        (b"with spaces and enough octets", "consists of"),
        ("é".encode() * 20, "consists of"),
        (b"x" * 24 + b"\r\nEvil: 1", "consists of"),
    ],
)
def test_a_token_that_is_weak_or_cannot_be_sent(written: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Caller.of(said(), written)


def test_two_with_one_token_are_found() -> None:
    one, other = Caller.of(said(), b"x" * 24), Caller.of(said(), b"y" * 24)
    assert twice([one, other]) == ""
    assert twice([one, other, one]) == "crm"


@pytest.mark.parametrize("name", ["root", "crm", "officer", "spy"])
def test_everybody_is_known_by_their_own(name: str) -> None:
    for scheme in ("Bearer", "bearer", "BEARER "):
        found = identify(callers(), (), [f"{scheme} {token(name)}".encode()])
        assert found
        assert found.name == name


@pytest.mark.parametrize(
    "fields",
    [
        header(""),
        header(token("crm")[:-1]),
        header(token("crm") + "x"),
        header(token("crm").upper()),
        header(hashlib.sha256(token("crm").encode()).hexdigest()),
        [f"Basic {token('crm')}".encode()],
        [token("crm").encode()],
        [f"Bearer{token('crm')}".encode()],
        [f"Bearer {token('crm')},".encode()],
        [f"Bearer {token('crm')} {token('root')}".encode()],
        [b"Bearer \xff\x00"],
        [b""],
        header(token("crm")) * 2,
        [*header(token("crm")), b""],
    ],
)
def test_nobody_else_is(fields: list[bytes]) -> None:
    assert identify(callers(), (), fields) is None
    # A wrong token is not taken for none at all.
    assert identify(callers(), [Right.CHECK], fields) is None


def test_a_caller_whose_digest_is_of_nothing_is_not_met_by_nothing() -> None:
    empty = Caller("x", frozenset(), digest=hashlib.sha256(b"").digest())
    assert identify([empty], (), [b"Bearer"]) is None


def test_without_a_token_there_is_what_is_free() -> None:
    assert identify(callers(), (), []) is None
    found = identify(callers(), [Right.CHECK], [])
    assert found
    assert (found.name, found.channel) == ("", "api")
    assert found.rights == frozenset({Right.CHECK})
    assert found.sees("anybody")

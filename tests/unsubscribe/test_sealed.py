"""Tokens for one purpose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.keys import Keyring, LinkKey
from smtpguard.unsubscribe.sealed import LONGEST, seal, unseal

OLD, NEW = LinkKey(1, b"o" * 64), LinkKey(2, b"n" * 64)
RING = Keyring(links=(NEW, OLD))


@given(st.binary(max_size=300), st.binary(max_size=20))
def test_what_is_sealed_opens_for_its_purpose_alone(plain: bytes, purpose: bytes) -> None:
    token = seal(RING, purpose, plain)
    assert unseal(RING, purpose, token) == plain
    assert unseal(RING, purpose + b"x", token) is None
    assert unseal(Keyring(links=(OLD,)), purpose, token) is None


def test_old_keys_open_and_the_newest_seals() -> None:
    token = seal(Keyring(links=(OLD,)), b"p", b"plain")
    assert unseal(RING, b"p", token) == b"plain"
    assert unseal(Keyring(links=(NEW,)), b"p", seal(RING, b"p", b"")) == b""


def test_without_a_key_nothing_is_sealed_and_nothing_opens() -> None:
    with pytest.raises(LookupError):
        seal(Keyring(), b"p", b"")
    assert unseal(Keyring(), b"p", seal(RING, b"p", b"")) is None


@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    assert unseal(RING, b"p", text) is None


def test_a_long_token_is_not_looked_at_unless_asked_for() -> None:
    token = seal(RING, b"p", bytes(LONGEST))
    assert unseal(RING, b"p", token) is None
    assert unseal(RING, b"p", token, longest=len(token)) == bytes(LONGEST)


def test_every_spelling_but_ours_is_refused() -> None:
    token = seal(RING, b"p", b"plain!")
    for other in (token + "=", token[:-1], token + "\n", " " + token, token.replace("A", "%41")):
        assert other == token or unseal(RING, b"p", other) is None


class Counting(LinkKey):
    """Counts how often it is asked to open something."""

    opened = 0

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        Counting.opened += 1
        return super().open(sealed, about)


@pytest.mark.parametrize("token", ["", "x", "!!!", "AQ", "A" * 100, "é", "x" * 5000, "AQkA" * 20])
def test_every_bad_token_costs_one_attempt(token: str) -> None:
    Counting.opened = 0
    assert unseal(Keyring(links=(Counting(2, b"n" * 64),)), b"p", token) is None
    assert Counting.opened == 1

"""Exit links: what they carry, that nobody else can make one, and that they outlive their keys."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.keys import Keyring, LinkKey
from smtpguard.mail.address import Address
from smtpguard.unsubscribe.link import Exit, Ticket, mint, read, seal

OLD, NEW = LinkKey(1, b"o" * 64), LinkKey(2, b"n" * 64)
RING = Keyring(links=(NEW, OLD))
TICKET = Ticket("acme", "acme-pro", "newsletter", b"jo.doe+x@reader.example", 1_790_000_000)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def minted(
    ring: Keyring = RING,
    *,
    base: str = "https://u.acme.example",
    mailto: str = "unsubscribe@acme.example",
    address: bytes = TICKET.address,
    at: int = TICKET.at,
) -> Exit:
    local, _, domain = address.rpartition(b"@")
    return mint(
        ring,
        base=base,
        mailto=mailto,
        controller=TICKET.controller,
        brand=TICKET.brand,
        stream=TICKET.stream,
        address=Address(local, domain),
        at=at,
    )


def token(exit_: Exit) -> str:
    return exit_.url.rpartition("/")[2]


def test_a_link_reads_back_as_what_was_minted() -> None:
    way_out = minted()
    assert way_out.url.startswith("https://u.acme.example/u/")
    assert read(RING, token(way_out)) == TICKET


def test_a_mailto_carries_the_token_in_its_subject() -> None:
    way_out = minted()
    parts = urlsplit(way_out.mailto)
    assert parts.path == "unsubscribe@acme.example"
    assert parse_qs(parts.query) == {"subject": [f"unsubscribe {token(way_out)}"]}


def test_an_address_that_is_no_uri_is_encoded() -> None:
    assert minted(mailto="a&b?c=%@acme.example").mailto.startswith(
        "mailto:a%26b%3Fc%3D%25@acme.example?"
    )


def test_a_brand_may_offer_only_one_of_them() -> None:
    assert minted(base="").url == ""
    assert minted(base="").mailto
    assert minted(mailto="") == Exit(minted().url, "")


def test_equal_arguments_mint_equal_links_and_others_do_not() -> None:
    assert minted() == minted()
    assert minted() != minted(at=TICKET.at + 1)
    assert minted() != minted(address=b"jo.doe+y@reader.example")


def test_nothing_readable_stands_in_a_link() -> None:
    shown = token(minted())
    assert re.fullmatch(r"[A-Za-z0-9_-]+", shown)
    assert len(shown) <= 110
    for word in ("acme", "news", "reader", "doe"):
        assert word not in shown.lower()


def test_every_flipped_bit_and_every_other_character_is_refused() -> None:
    good = token(minted())
    for place, character in enumerate(good):
        value = ALPHABET.index(character)
        flips = {ALPHABET[value ^ (1 << bit)] for bit in range(6)} | set("=+/ .\n\0é")
        for other in flips:
            assert read(RING, good[:place] + other + good[place + 1 :]) is None


def test_a_link_cut_short_or_made_longer_is_refused() -> None:
    good = token(minted())
    for end in range(len(good)):
        assert read(RING, good[:end]) is None
    for more in ("A", "=", "==", "AA", "AAAA", "\n", " ", "/"):
        assert read(RING, good + more) is None
        assert read(RING, more + good) is None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_anything_else_is_refused(guess: str) -> None:
    assert read(RING, guess) is None


def test_a_huge_token_is_not_looked_at() -> None:
    assert read(RING, "A" * 10_000_000) is None


def test_links_survive_the_next_key_and_not_the_loss_of_theirs() -> None:
    old = token(minted(Keyring(links=(OLD,))))
    assert old != token(minted())
    assert read(RING, old) == TICKET
    assert read(Keyring(links=(NEW,)), old) is None
    assert read(Keyring(links=(LinkKey(1, b"x" * 64),)), old) is None


def test_a_ring_without_a_link_key_mints_nothing() -> None:
    with pytest.raises(LookupError):
        minted(Keyring())
    assert read(Keyring(), token(minted())) is None


def test_what_was_sealed_for_another_purpose_opens_no_exit() -> None:
    plain = bytes(5) + b"\4acme\4acme\4newsjo@reader.example"
    other = bytes((1, 2)) + NEW.seal(plain, b"smtpguard preferences" + bytes((1, 2)))
    assert read(RING, urlsafe_b64encode(other).rstrip(b"=").decode()) is None


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


MOMENTS = st.integers(0, 2**40 - 1)


@settings(deadline=None)
@given(
    st.builds(Ticket, NAMES, NAMES, NAMES, st.binary(max_size=320), MOMENTS, NAMES, NAMES, MOMENTS)
)
def test_any_ticket_comes_back(ticket: Ticket) -> None:
    assert read(RING, seal(RING, ticket)) == ticket


def test_a_link_minted_by_an_earlier_version_is_read_and_minted_again() -> None:
    earlier = (
        "AQKJr2nTm5Ho1UIryzbr8iF1rCXClQH5OniOmBbT3uc6OgeAMKY3B5_zuJ0_zD-Aoj9CluR3kQSrTDEPv9C7MtR6"
        "8fvQ8vU"
    )
    assert read(RING, earlier) == TICKET
    assert token(minted()) == earlier


def test_what_the_sender_said_travels_in_the_link() -> None:
    said = replace(TICKET, recipient_id="4711", campaign="autumn-26")
    sealed = seal(RING, said)
    assert read(RING, sealed) == said
    assert said.ids == {"recipient_id": "4711", "campaign": "autumn-26"}
    assert TICKET.ids == {}
    assert len(sealed) - len(seal(RING, TICKET)) <= 4 * (len("4711autumn-26") + 3) // 3 + 3


def test_a_ticket_remembers_its_link_whatever_else_it_says() -> None:
    assert TICKET.epoch == TICKET.at
    derived = replace(TICKET, at=5, link=TICKET.epoch)
    assert read(RING, seal(RING, derived, b"a page"), b"a page") == derived
    assert derived.epoch == TICKET.at


def test_one_version_does_not_pass_for_the_other() -> None:
    for ticket in (TICKET, replace(TICKET, campaign="autumn")):
        octets = bytearray(urlsafe_b64decode(seal(RING, ticket) + "=="))
        octets[0] ^= 3
        assert read(RING, urlsafe_b64encode(octets).rstrip(b"=").decode()) is None

"""What is in force at one moment."""

from __future__ import annotations

import pytest

from smtpguard.keys import Keyring, ReferenceKey, SigningKey
from smtpguard.policy.match import Matcher
from smtpguard.policy.policy import Policy
from smtpguard.proxy.regime import Regime
from smtpguard.sign import Signer

KEY = SigningKey.load(b"p" * 43 + b"=")
ABOVE, BELOW = Signer("acme.fr", "g", KEY), Signer("news.acme.fr", "g", KEY)
NEW, OLD = ReferenceKey("k2", b"n" * 32), ReferenceKey("k1", b"o" * 32)
POLICY = Policy("v1")
REGIME = Regime(
    POLICY,
    Matcher(POLICY),
    {"acme.fr": (ABOVE,), "news.acme.fr": (BELOW,)},
    Keyring((NEW, OLD)),
)


@pytest.mark.parametrize(
    ("domain", "signers"),
    [
        ("acme.fr", (ABOVE,)),
        ("news.acme.fr", (BELOW,)),
        ("a.b.news.acme.fr", (BELOW,)),
        ("shop.acme.fr", (ABOVE,)),
        ("otheracme.fr", ()),
        ("fr", ()),
        ("", ()),
    ],
)
def test_the_nearest_domain_signs(domain: str, signers: tuple[Signer, ...]) -> None:
    assert REGIME.signers_for(domain) == signers


def test_people_are_known_by_the_newest_key() -> None:
    reference = REGIME.pseudonym("acme", "anna@client.fr")
    assert reference == NEW.reference("acme", "anna@client.fr")
    assert reference != REGIME.pseudonym("other", "anna@client.fr")

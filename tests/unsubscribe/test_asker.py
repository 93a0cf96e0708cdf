"""Who makes a rights request."""

from hypothesis import given
from hypothesis import strategies as st

from smtpguard.keys import Keyring, LinkKey
from smtpguard.unsubscribe.asker import Asker, seal, unseal

RING = Keyring(links=(LinkKey(1, b"o" * 64),))
OTHER = Keyring(links=(LinkKey(1, b"x" * 64),))


@given(st.text(max_size=900), st.emails())
def test_sealed_and_opened(note: str, address: str) -> None:
    asker = Asker(address, "fr", note)
    text = seal(RING, asker)
    assert unseal(RING, text) == asker
    assert unseal(OTHER, text) is None
    assert address not in text

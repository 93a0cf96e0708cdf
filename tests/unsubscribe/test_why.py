"""The token in a bounce."""

from hypothesis import given
from hypothesis import strategies as st

from smtpguard.keys import Keyring, LinkKey
from smtpguard.unsubscribe import link
from smtpguard.unsubscribe.why import LIFE, Refusal, mint, read

RING = Keyring(links=(LinkKey(1, b"o" * 64),))
WORDS = st.text(max_size=40)
REFUSALS = st.builds(Refusal, WORDS, WORDS, WORDS, WORDS, st.integers(0, 2**40))


@given(REFUSALS)
def test_it_says_what_it_was_told_until_it_is_old(refusal: Refusal) -> None:
    url = mint(RING, "https://u.acme.example/why", refusal)
    base, _, token = url.rpartition("/")
    assert base == "https://u.acme.example/why"
    assert read(RING, token, refusal.at + LIFE - 1) == refusal
    assert read(RING, token, refusal.at + LIFE) is None


def test_an_exit_explains_nothing_and_an_explanation_is_no_exit() -> None:
    ticket = link.Ticket("acme", "acme", "news", b"jo@reader.example", 5)
    assert read(RING, link.seal(RING, ticket), 0) is None
    token = mint(RING, "", Refusal("mail-loop", "", "554 5.4.6", "en", 0))[1:]
    assert link.read(RING, token) is None

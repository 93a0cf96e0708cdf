"""Only who holds our keys can answer a canary, and it opens nothing else."""

from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.unsubscribe import canary
from smtpguard.unsubscribe.link import read

OLD, NEW = LinkKey(1, b"1" * 64), LinkKey(2, b"2" * 64)
RING = Keyring((ReferenceKey("k1", b"1" * 32),), (NEW, OLD))
NONCE = b"n" * 16


def test_the_answer_is_known_and_the_question_is_not_the_answer() -> None:
    token = canary.ask(RING, NONCE)
    assert canary.sings(RING, NONCE, canary.answer(RING, token))
    assert not canary.sings(RING, NONCE, token)
    assert not canary.sings(RING, b"m" * 16, canary.answer(RING, token))


def test_an_exit_that_does_not_use_the_newest_key_yet_answers() -> None:
    behind = Keyring(RING.references, (OLD, NEW))
    assert canary.sings(RING, NONCE, canary.answer(behind, canary.ask(RING, NONCE)))


def test_another_ones_exit_cannot_answer() -> None:
    stranger = Keyring(RING.references, (LinkKey(2, b"3" * 64),))
    assert canary.answer(stranger, canary.ask(RING, NONCE)) == ""
    assert not canary.sings(RING, NONCE, "Unsubscribed.")


def test_it_is_no_exit_link() -> None:
    assert read(RING, canary.ask(RING, NONCE)) is None
    assert canary.answer(RING, canary.answer(RING, canary.ask(RING, NONCE))) == ""

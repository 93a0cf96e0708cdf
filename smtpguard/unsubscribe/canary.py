"""A token by which the guard learns that an exit answers: it unsubscribes nobody.

Who answers must hold our link keys: a page of somebody else's that says 200 to everything does not
pass for an exit.
"""

from __future__ import annotations

from smtpguard.keys import Keyring
from smtpguard.unsubscribe import sealed

QUESTION = b"smtpguard canary"
ANSWER = b"smtpguard canary answer"


def ask(ring: Keyring, nonce: bytes) -> str:
    """The token to be sent, a new one for every ``nonce``."""
    return sealed.seal(ring, QUESTION, nonce)


def answer(ring: Keyring, token: str) -> str:
    """What an exit says to that token; empty where it is no canary of ours."""
    nonce = sealed.unseal(ring, QUESTION, token)
    return sealed.seal(ring, ANSWER, nonce) if nonce is not None else ""


def sings(ring: Keyring, nonce: bytes, said: str) -> bool:
    """Whether that is the answer to the token of ``nonce``."""
    return sealed.unseal(ring, ANSWER, said) == nonce

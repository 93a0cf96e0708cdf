"""Bounces that real servers wrote, from the tests of flufl.bounce."""

from __future__ import annotations

import re
from email import message_from_bytes

import pytest
from flufl.bounce import all_failures

from smtpguard.feedback import letter
from smtpguard.feedback.desk import Post, Purpose
from smtpguard.feedback.letter import Bounced, Nothing
from smtpguard.feedback.report import Kind
from smtpguard.mail.message import Message
from tests.corpora.fetch import fetch
from tests.feedback.conftest import ACME, RING

_LINE_END = re.compile(rb"\r?\n")
POST = Post(Purpose.BOUNCES, ACME)


@pytest.fixture(scope="module")
def samples() -> dict[str, bytes]:
    files = sorted(fetch().glob("flufl*/tests/data/*.txt"))
    found = {file.name: _LINE_END.sub(b"\r\n", file.read_bytes()) for file in files}
    assert len(found) >= 100
    return found


def test_whoever_flufl_finds_is_found(samples: dict[str, bytes]) -> None:
    missed = []
    for name, raw in samples.items():
        _, permanent = all_failures(message_from_bytes(raw))
        read = letter.read(RING, POST, None, Message(raw))
        failed = read.failures if isinstance(read, Bounced) else ()
        named = {bytes(address).lower() for one in failed for address in one.recipients}
        theirs = {address.lower() for address in permanent}
        if theirs and not theirs & named and not isinstance(read, Nothing):
            missed.append(name)
    assert len(missed) <= 2, missed


def test_most_are_understood_and_no_delay_is_a_hard_bounce(samples: dict[str, bytes]) -> None:
    understood = 0
    for name, raw in samples.items():
        read = letter.read(RING, POST, None, Message(raw))
        understood += isinstance(read, (Bounced, Nothing))
        if isinstance(read, Bounced) and any(one.kind is Kind.HARD for one in read.failures):
            temporary, permanent = all_failures(message_from_bytes(raw))
            assert permanent or not temporary, name
    assert understood >= 0.9 * len(samples)


def test_nobody_is_suppressed_by_any_of_them(samples: dict[str, bytes]) -> None:
    for raw in samples.values():
        read = letter.read(RING, POST, None, Message(raw))
        assert not (isinstance(read, Bounced) and read.tickets)

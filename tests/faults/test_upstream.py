"""The upstream refuses, lies, hangs and dies: its 250 is the only 250, and its no stays its no."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.serve import Guard
from tests.faults.wire import Act, Client, Upstream, close, hang, reset

Start = Callable[..., Guard]

STAGES = ("MAIL", "RCPT", "DATA", "dot")


@pytest.mark.parametrize("word", [b"450 4.7.1 Greylisted\r\n", b"554 5.7.1 Spam\r\n"])
@pytest.mark.parametrize("stage", STAGES)
def test_its_words_are_passed_on(guard: Guard, upstream: Upstream, stage: str, word: bytes) -> None:
    upstream.says[stage] = word
    with Client(guard.port) as client:
        assert client.mail() == word
    with Client(guard.lmtp, b"LHLO c") as client:
        assert client.mail() == word
    assert not upstream.taken


@pytest.mark.parametrize("act", [close, reset, hang])
@pytest.mark.parametrize("stage", ["banner", "EHLO", *STAGES])
def test_its_silence_is_no_yes(
    guard: Guard, upstream: Upstream, stage: str, act: Act
) -> None:
    if act is hang and stage == "dot":
        pytest.skip("has a test of its own")
    upstream.hang_up()
    upstream.says[stage] = act
    with Client(guard.port) as client:
        assert client.mail().startswith(b"451 4.4.")
    upstream.says.clear()
    with Client(guard.port) as client:
        assert client.mail() == b"250 2.0.0 Taken\r\n"
    assert len(upstream.taken) == 1


NONSENSE = {
    "no reply": b"hello\r\n",
    "binary": bytes(range(256)) + b"\r\n",
    "go after the dot": b"354 go\r\n",
    "one": b"150 soon\r\n",
    "six": b"650 what\r\n",
    "codes that differ": b"250-a\r\n550 b\r\n",
    "endless": b"250-" + b"x" * 200_000,
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "dot"])
def test_its_nonsense_is_put_off(
    guard: Guard, upstream: Upstream, stage: str, said: bytes
) -> None:
    upstream.says[stage] = said
    with Client(guard.port) as client:
        assert client.mail().startswith(b"451 4.")
    with Client(guard.lmtp, b"LHLO c") as client:
        assert client.mail().startswith(b"451 4.")

"""The upstream refuses, lies, hangs and dies: its 250 is the only 250, and its no stays its no."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.serve import Guard
from tests.faults.wire import MAIL, Act, Client, Upstream, close, hang, reset

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


@pytest.mark.parametrize(
    ("stage", "act"),
    [
        *((stage, act) for stage in ("banner", "EHLO", *STAGES) for act in (close, reset)),
        *((stage, hang) for stage in ("banner", "EHLO", "MAIL", "RCPT", "DATA")),
    ],
)
def test_its_silence_is_no_yes(guard: Guard, upstream: Upstream, stage: str, act: Act) -> None:
    upstream.hang_up()
    upstream.says[stage] = act
    with Client(guard.port) as client:
        assert client.mail().startswith(b"451 4.4.")
    upstream.says.clear()
    with Client(guard.port) as client:
        assert client.mail() == b"250 2.0.0 Taken\r\n"
    assert len(upstream.taken) == 1


@pytest.mark.parametrize("act", [close, reset])
def test_a_lost_reply_is_put_off_once_and_said_to_be_unsure(
    guard: Guard, upstream: Upstream, act: Act
) -> None:
    upstream.says["dot"] = act
    unsure = guard.said("ambiguous=1")
    with Client(guard.port) as client:
        assert client.mail().startswith(b"451 4.4.2 ")
    guard.heard("ambiguous=1", unsure)
    assert upstream.offered == 1


NONSENSE = {
    "no reply": b"hello\r\n",
    "binary": bytes(range(256)) + b"\r\n",
    "go": b"354 go\r\n",
    "one": b"150 soon\r\n",
    "six": b"650 what\r\n",
    "codes that differ": b"250-a\r\n550 b\r\n",
    "endless": b"250-" + b"x" * 200_000,
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "dot"])
def test_its_nonsense_is_put_off(guard: Guard, upstream: Upstream, stage: str, said: bytes) -> None:
    upstream.says[stage] = said
    with Client(guard.port) as client:
        assert client.mail().startswith(b"451 4.")
    with Client(guard.lmtp, b"LHLO c") as client:
        assert client.mail().startswith(b"451 4.")


def test_whoever_lost_what_was_offered_is_not_sent_it(guard: Guard, upstream: Upstream) -> None:
    begun = "MAIL FROM:<é@acme.fr> SMTPUTF8 BODY=8BITMIME".encode()
    with Client(guard.port) as client, Client(guard.lmtp, b"LHLO c") as other:
        assert client.ask(begun) == other.ask(begun) == b"250 2.1.0 Ok\r\n"
        upstream.hang_up()
        upstream.offers = ("PIPELINING",)
        assert other.ask("RCPT TO:<zoé@client.fr> NOTIFY=NEVER".encode()).startswith(b"250 ")
        assert other.content(MAIL + b"\r\nx").startswith(b"553 5.6.7 ")
        assert client.ask("RCPT TO:<zoé@client.fr>".encode()).startswith(b"553 5.6.7 ")
        client.ask(b"RSET")
        assert client.ask(b"MAIL FROM:<a@acme.fr> BODY=8BITMIME RET=HDRS")[:1] == b"2"
        assert client.ask(b"RCPT TO:<b@client.fr> NOTIFY=NEVER")[:1] == b"2"
    assert b"RCPT TO:<b@client.fr>" in upstream.heard
    assert not any(b"SMTPUTF8" in line or b"NOTIFY" in line for line in upstream.heard)
    assert all(line.isascii() for line in upstream.heard)


@pytest.fixture(scope="module")
def hurried(start: Start) -> Guard:
    """A guard whose clients wait a second."""
    return start("hurried", listener={"deadline": "1s"})


def test_a_client_is_answered_before_it_gives_up(hurried: Guard, upstream: Upstream) -> None:
    upstream.says["dot"] = hang
    for port, hello in ((hurried.port, b"EHLO c"), (hurried.lmtp, b"LHLO c")):
        with Client(port, hello) as client:
            began = time.monotonic()
            assert client.mail().startswith(b"451 4.4.2 upstream did not answer")
            assert time.monotonic() - began < 4
    upstream.says["MAIL"] = upstream.says["RCPT"] = hang
    with Client(hurried.port) as client:
        began = time.monotonic()
        assert client.mail().startswith(b"451 4.4.2 ")
        assert time.monotonic() - began < 4


def test_upstream_that_is_us_is_a_loop_that_ends(start: Start) -> None:
    one = start("loop", launch=False)
    timeouts = {"connect": "500ms", "greeting": "1s"}
    one.settings["upstream"] = {"address": f"127.0.0.1:{one.port}", "timeouts": timeouts}
    one.start()
    for port, hello in ((one.port, b"EHLO c"), (one.lmtp, b"LHLO c")):
        with Client(port, hello) as client:
            assert client.mail().startswith(b"451 4.4.")
    with Client(one.port) as client:
        assert client.ask(b"NOOP") == b"250 2.0.0 Ok\r\n"

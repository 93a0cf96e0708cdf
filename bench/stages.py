"""Where the time of one message goes: ``.venv/bin/python -m bench.stages [profile STAGE MESSAGE]``.

Each stage of the guard is timed in this process, without a wire or a store, on every message of
the corpus. With ``profile`` the functions that one stage spends its time in are listed.
"""

from __future__ import annotations

import cProfile
import pstats
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench import corpus
from bench.run import policies
from smtpguard.cli.proving import Bench
from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Session
from smtpguard.mail.message import Message
from smtpguard.person import Person
from smtpguard.proxy.facts import exits
from smtpguard.sign import sign
from smtpguard.verdict.deliberate import Question, deliberate

SECONDS = 0.5
"""How long each stage of each message is repeated."""


def main() -> int:
    """The table, or one profile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "policies"
        bench = bench_in(folder)
    messages = corpus.messages()
    if sys.argv[1:2] == ["profile"]:
        stage, message = sys.argv[2:4]
        profile(stages(bench, messages[message])[stage])
        return 0
    told = {name: stages(bench, raw) for name, raw in messages.items()}
    print(f"{'microseconds':24}", *(f"{name:>12}" for name in told))
    for stage in next(iter(told.values())):
        print(f"{stage:24}", *(f"{cost(told[name][stage]):12.0f}" for name in told))
    return 0


def bench_in(folder: Path) -> Bench:
    """The benchmark's policy and fresh keys, in ``folder``, which is made."""
    policies(folder)
    ring = Keyring(
        (ReferenceKey("bench", secrets.token_bytes(32)),),
        (LinkKey(1, secrets.token_bytes(64)),),
    )
    return Bench.of(folder, stream="newsletter", rcpt=["reader@example.org"], ring=ring)


Stage = Callable[[], object]


def stages(bench: Bench, raw: bytes) -> dict[str, Stage]:
    """What the guard does with a message; each stage begins with nothing but the octets, except
    where it says what was done before.
    """
    question = asked(bench, raw)
    read = Message(raw)
    assert read.readings
    copy = deliberate(question).copies[0]
    return {
        "fields": lambda: Message(raw).fields,
        "fields, parts": lambda: Message(raw).parts,
        "fields, parts, text": lambda: Message(raw).readings,
        "decide (after reading)": lambda: deliberate(replace(question, message=read)),
        "read and decide": lambda: deliberate(question),
        "sign": lambda: sign(copy.raw, bench.signers, question.now, tidy=True),
    }


def asked(bench: Bench, raw: bytes) -> Question:
    """What the proxy would ask about the message, for one reader."""
    sender = Address(b"news", b"news.acme.example")
    envelope = Envelope(Session(), sender, recipients=bench.recipients)
    streams = (bench.stream,)
    now = int(time.time())
    return Question(
        envelope=envelope,
        raw=raw,
        streams=streams,
        persons=(Person(),),
        exits=exits(bench.ring, envelope, streams, now),
        signs=frozenset(signer.domain for signer in bench.signers),
        now=now,
        tidy=True,
    )


def cost(stage: Stage) -> float:
    """Microseconds of CPU of one run."""
    runs, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < SECONDS:
        stage()
        runs += 1
    return spent / runs * 1e6


def profile(stage: Stage) -> None:
    """The twenty-five functions that take longest."""
    stage()
    with cProfile.Profile() as watch:
        cost(stage)
    pstats.Stats(watch).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    sys.exit(main())

"""Where the time of one message goes: ``.venv/bin/python -m bench.stages [profile STAGE MESSAGE]``.

Each stage of the guard is timed in this process, without a wire or a store, on every message of
the corpus. With ``profile`` the functions that one stage spends its time in are listed.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench import corpus
from bench.run import policies
from smtpguard.cli.proving import Bench
from smtpguard.journal.record import record
from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.mail.message import Message
from smtpguard.sign import sign
from smtpguard.verdict.deliberate import Question, deliberate

SECONDS = 0.5
"""How long each stage of each message is repeated."""


def main() -> int:
    """The table, or one profile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "policies"
        policies(folder)
        bench = Bench.of(folder, stream="newsletter", rcpt=["reader@example.org"])
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


Stage = Callable[[], object]


def stages(bench: Bench, raw: bytes) -> dict[str, Stage]:
    """What the guard does with a message, step by step; each starts from the octets."""
    envelope = Envelope(Session(), Address(b"news", b"news.acme.example"), (), bench.recipients)
    return {
        "fields": lambda: Message(raw).fields,
    }


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

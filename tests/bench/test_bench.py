"""The benchmark measures what it says it measures."""

import json
import subprocess
import sys
import time
from email import message_from_bytes
from pathlib import Path

import pytest

from bench import corpus, report, run, stages
from bench.account import Account
from bench.peers import Sink
from bench.report import Measure
from smtpguard.verdict.decision import Relay
from smtpguard.verdict.deliberate import deliberate


def test_the_corpus_is_the_same_in_every_run() -> None:
    messages = corpus.messages()
    assert messages == corpus.messages()
    sizes = {name: len(raw) for name, raw in messages.items()}
    assert 900 < sizes["text"] < 1200
    assert 45_000 < sizes["newsletter"] < 48_000
    assert 1_000_000 < sizes["attachment"] < 1_100_000


@pytest.mark.parametrize("name", corpus.messages())
def test_a_message_of_the_corpus_is_mail(name: str) -> None:
    raw = corpus.messages()[name]
    assert raw.count(b"\r\n") == raw.count(b"\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert [part.defects for part in message_from_bytes(raw).walk() if part.defects] == []


def test_the_guard_relays_the_corpus_and_mends_it(tmp_path: Path) -> None:
    bench = stages.bench_in(tmp_path / "policies")
    assert [signer.domain for signer in bench.signers] == ["news.acme.example"]
    for raw in corpus.messages().values():
        decided = deliberate(stages.asked(bench, raw))
        assert isinstance(decided.rulings[0].verdict, Relay)


def test_an_account_counts_all_processes() -> None:
    account = Account("test")
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    both = f'{sys.executable} -c "{burn}" & {sys.executable} -c "{burn}"; wait; echo; read x'
    command = account.joined("/bin/sh", "-c", both)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        account.root = process.pid
        assert process.stdout is not None
        process.stdout.readline()
        assert 0.55 <= account.cpu() < 5  # without control groups it is counted in ticks
        assert account.memory() > 50_000
        assert process.pid in account.processes()
        process.communicate(b"\n")
    account.close()


def test_ratios_are_taken_within_a_round() -> None:
    ours = [Measure(1, cpu, 1, 1, 10**6) for cpu in (1.0, 4.0, 3.0)]
    base = [Measure(1, cpu, 1, 1, 10**6) for cpu in (2.0, 4.0, 1.0)]
    text = report.table({"a": {"ours": ours, "base": base}}, base="base", rounds=3)
    assert "| ours | 1 [1-1] | 3.00 [1.00-4.00] | 1.00 | 1.0 [1.0-1.0] |" in text


def test_the_page_has_room_for_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(run.PAGE.read_text())
    report.write(page, "NEW")
    report.write(page, "NEWER")
    text = page.read_text()
    assert "NEWER\n<!-- end -->" in text
    assert text.count("NEW") == 1


@pytest.mark.real
def test_generator_and_sink_agree(tmp_path: Path) -> None:
    run.build()
    message = tmp_path / "a.eml"
    message.write_bytes(b"Subject: a\r\n\r\n.a dot\r\n")
    sink = Sink(run.BUILD / "sink", tmp_path)
    command = [str(run.BUILD / "load"), str(sink.port), str(message), "200", "7", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    told = json.loads(done.stdout)
    assert (told["done"], told["failed"]) == (200, 0)
    assert 0 < told["p50"] <= told["p99"] < 20_000
    assert sink.reached(200, 5)
    assert sink.first.read_bytes() == b"Subject: a\r\n\r\n..a dot\r\n"
    sink.close()
    begun = time.monotonic()
    gone = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert gone.returncode == 2
    assert time.monotonic() - begun < 20

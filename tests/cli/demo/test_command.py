"""The demonstration, run whole, as a stranger runs it."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "smtpguard", "demo"]
ENVIRONMENT = os.environ | {"COLUMNS": "100", "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def story() -> dict[str, str]:
    """What each act showed, by its heading."""
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, check=False, timeout=90, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    acts = re.split(r"^─+ (.*?) ─+$", done.stdout, flags=re.MULTILINE)
    return dict(zip(acts[1::2], acts[2::2], strict=True))


def act(story: dict[str, str], words: str) -> str:
    (found,) = [text for heading, text in story.items() if words in heading]
    return found


@pytest.mark.parametrize("words", ["A colleague answers", "An invoice", "A password reset"])
def test_what_is_no_advertising_passes_untouched(story: dict[str, str], words: str) -> None:
    text = act(story, words)
    assert "RELAYED UNTOUCHED" in text
    assert "nothing else changed" in text


@pytest.mark.parametrize(
    ("words", "rule", "bytes_"),
    [
        ("A newsletter with a PDF", "missing-list-unsubscribe fixed", "+ List-Unsubscribe: "),
        ("without a way out", "missing-unsubscribe-link fixed", "+ Pu=F2 opporsi"),
        ("nobody can see", "hidden-unsubscribe-link.contrast fixed", "+ <div "),
        ("reports who opens it", "unconsented-tracking-pixel fixed", "- <img "),
        ("signed with S/MIME", "missing-one-click fixed", "+ List-Unsubscribe-Post: "),
        ("A first mail to a prospect", "missing-data-source fixed", "+ Origine de vos données"),
    ],
)
def test_what_can_be_mended_is_mended(
    story: dict[str, str], words: str, rule: str, bytes_: str
) -> None:
    text = act(story, words)
    assert "REPAIRED" in text
    assert rule in text
    assert bytes_ in text
    assert text.count(": verified") == 2


def test_what_cannot_be_mended_comes_back_with_the_reason(story: dict[str, str]) -> None:
    text = act(story, "was not filled in")
    assert "REFUSED after the dot" in text
    assert "unrendered-placeholder" in text
    assert "{{ prenom }}" in text


def test_to_open_the_link_changes_nothing(story: dict[str, str]) -> None:
    text = act(story, "opens the link that the guard added")
    assert "GET https://u.acme.example/u/" in text
    assert "answered with 200" in text
    assert "Stop these messages?" in text
    assert "t•••@baker-architects.example" in text
    assert "one more newsletter was sent, and the guard said 250." in " ".join(text.split())


def test_to_press_the_button_is_enough(story: dict[str, str]) -> None:
    text = act(story, "presses the mailbox provider's button")
    assert "POST List-Unsubscribe=One-Click to https://u.acme.example/u/" in text
    assert "answered with 200" in text
    assert "Unsubscribed." in text


def test_an_operator_records_what_was_said_elsewhere(story: dict[str, str]) -> None:
    assert "1 added" in act(story, "opts out by telephone")


@pytest.mark.parametrize("who", ["called", "pressed"])
def test_who_has_opted_out_gets_no_newsletter(story: dict[str, str], who: str) -> None:
    text = act(story, f"The next newsletter to the reader who {who}")
    assert "REFUSED before any content was sent" in text
    assert "suppressed-recipient" in text


def test_the_notice_is_given_once(story: dict[str, str]) -> None:
    both = act(story, "first and second time")
    assert both.count("Origine de vos données") == 1
    assert both.count("votre agence construit en bois") == 2


def test_observe_changes_nothing_and_says_what_it_would_do(story: dict[str, str]) -> None:
    table = act(story, "What observe would have done")
    assert table.count("relayed untouched") == 7
    assert table.count("refused: ") == 3
    assert "unrendered-placeholder refused" in table
    assert "missing-data-source fixed" in table


def test_a_message_of_ones_own(tmp_path: Path) -> None:
    mail = tmp_path / "my.eml"
    mail.write_text('From: "Bob\'s {shop}" <bob@shop.example>\nSubject: Sale\n\nBuy now.\n')
    done = subprocess.run(
        [*COMMAND, mail], capture_output=True, text=True, check=False, timeout=60, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "REPAIRED" in done.stdout
    assert "shop.example, rsa2026, rsa-sha256: verified" in done.stdout


@pytest.mark.parametrize("content", [None, b"no header at all"])
def test_what_is_no_message_is_said_so(tmp_path: Path, content: bytes | None) -> None:
    mail = tmp_path / "my.eml"
    if content is not None:
        mail.write_bytes(content)
    done = subprocess.run([*COMMAND, mail], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == os.EX_USAGE
    assert "my.eml" in done.stderr


def test_kept_running_until_told_to_stop(tmp_path: Path) -> None:
    mail = tmp_path / "my.eml"
    mail.write_text("From: bob@shop.example\nSubject: Sale\n\nBuy now.\n")
    with subprocess.Popen(
        [*COMMAND, mail, "--keep"], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as running:
        assert running.stdout is not None
        said = ""
        for line in running.stdout:
            said += line
            if line.startswith("Log:"):
                break
        kept = Path(next(line for line in said.splitlines() if line.startswith("Kept in"))[9:])
        assert [path.name for path in kept.iterdir()] == ["0001.eml"]
        guard = int(re.findall(r"kill -HUP (\d+)", said)[0])
        place = re.findall(r"^Exit: +(http://127\.0\.0\.1:\d+/u/\S+) ", said, re.MULTILINE)[0]
        with urllib.request.urlopen(place, timeout=10) as page:
            assert "r•••@example.org" in page.read().decode()
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert not kept.exists()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(place, timeout=10)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{guard}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{guard}").exists()

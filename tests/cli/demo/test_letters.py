"""The messages of the demonstration are mail."""

import subprocess
from email import message_from_bytes

import pytest

from smtpguard.cli.demo.letters import LETTERS, PROSPECT, RESET, Letter

EVERY = (*LETTERS, RESET, PROSPECT)


@pytest.mark.parametrize("letter", EVERY, ids=lambda letter: letter.file)
def test_a_letter_is_mail(letter: Letter) -> None:
    octets = letter.octets
    assert octets.count(b"\r\n") == octets.count(b"\n") == octets.count(b"\r")
    message = message_from_bytes(octets)
    assert [part.defects for part in message.walk() if part.defects] == []
    assert letter.recipient in message["To"]
    assert message["From"].endswith(f"<{letter.sender}>")
    for part in message.walk():
        if part.get_content_maintype() == "text":
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            payload.decode(part.get_content_charset("us-ascii"))


def test_all_kinds_are_there() -> None:
    kinds = {
        part.get_content_type() for each in EVERY for part in message_from_bytes(each.octets).walk()
    }
    assert kinds >= {
        "text/plain",
        "text/html",
        "multipart/alternative",
        "application/pdf",
        "multipart/signed",
    }


def test_a_letter_may_come_from_elsewhere() -> None:
    assert Letter("x", "x", "apps", "a@b", "c@d", b"a: b\r\n").octets == b"a: b\r\n"


@pytest.mark.real
def test_the_signed_letter_is_signed() -> None:
    (signed,) = [letter for letter in LETTERS if letter.file == "smime.eml"]
    check = ["openssl", "cms", "-verify", "-noverify"]
    done = subprocess.run(check, input=signed.octets, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"our general terms change" in done.stdout

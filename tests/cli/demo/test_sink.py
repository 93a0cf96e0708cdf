"""The sink keeps what it gets, octet for octet."""

import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpguard.cli.demo.sink import EXTENSIONS, Sink


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    one = Sink(tmp_path / "kept")
    yield one
    one.close()


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: a\r\n\r\nb\r\n",
        b"Subject: a\r\n\r\n.\r\n..\r\n.b\r\n",
        b"\r\n",
        b"a: \xe9\r\n\r\n",
    ],
)
def test_a_message_is_kept_as_it_was(sink: Sink, content: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, "here.example") as line:
        line.sendmail("a@here.example", ["b@there.example"], content)
    (path,) = sink.kept
    assert path.read_bytes() == content


def test_it_offers_its_extensions_and_takes_pipelined_commands(sink: Sink) -> None:
    with socket.create_connection(("127.0.0.1", sink.port), 5) as line:
        line.sendall(
            b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@c>\r\nDATA\r\na: b\r\n\r\n.\r\nQUIT\r\n"
        )
        heard = b"".join(iter(lambda: line.recv(4096), b"")).decode().splitlines()
    codes = [reply[:4] for reply in heard]
    assert codes == ["220 ", *["250-"] * len(EXTENSIONS), *["250 "] * 3, "354 ", "250 ", "221 "]
    assert [path.name for path in sink.kept] == ["0001.eml"]

"""Handing in: what is sent, and what is heard."""

import socket
import threading

import pytest

from smtpguard.cli.demo.letters import Letter
from smtpguard.cli.demo.wire import Told, hand_in

SCRIPT = {
    b"MAIL": b"250 ok",
    b"RCPT": b"250 ok",
    b"DATA": b"354 go",
    b".": b"250 kept",
    b"QUIT": b"221",
}


def answered(raw: bytes, **answers: bytes) -> tuple[Told, list[bytes]]:
    """Hand ``raw`` in to a server that answers a verb as told; what it heard."""
    script = SCRIPT | {verb.replace("dot", ".").encode(): reply for verb, reply in answers.items()}
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line, line.makefile("rb") as lines:
            line.sendall(b"220 here\r\n")
            content = False
            for octets in lines:
                heard.append(octets)
                verb = octets.split()[0].upper() if octets.strip() else b""
                if verb == b"EHLO":
                    line.sendall(b"250-here\r\n250 8BITMIME\r\n")
                elif not content or octets == b".\r\n":
                    line.sendall(script[verb] + b"\r\n")
                    content = script[verb].startswith(b"354")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        letter = Letter("x", "x", "apps", "a@here.example", "b@there.example", raw)
        told = hand_in(letter, listener.getsockname()[1])
        server.join(5)
    return told, heard


def test_octets_are_handed_in_as_they_are() -> None:
    told, heard = answered(b"a: \xe9\r\n\r\n.dot\r\n")
    assert told == Told(250, "kept", "end of DATA")
    assert heard[3:-1] == [b"data\r\n", b"a: \xe9\r\n", b"\r\n", b"..dot\r\n", b".\r\n"]
    assert b"BODY=8BITMIME" in heard[1]


@pytest.mark.parametrize(
    ("answers", "after"),
    [
        ({"MAIL": b"550 5.7.1 no"}, "MAIL FROM"),
        ({"RCPT": b"550 5.7.1 no"}, "RCPT TO"),
        ({"DATA": b"550 5.7.1 no"}, "DATA"),
        ({"dot": b"550 5.7.1 no"}, "end of DATA"),
    ],
)
def test_a_refusal_is_heard_where_it_was_said(answers: dict[str, bytes], after: str) -> None:
    told, _ = answered(b"a: b\r\n", **answers)
    assert told == Told(550, "5.7.1 no", after)
    assert not told.accepted


def test_a_bounce_quotes_every_line() -> None:
    told = Told(550, "5.7.1 one\n5.7.1 two", "RCPT TO")
    assert "550-5.7.1 one\n    550 5.7.1 two\n    (in reply to RCPT TO" in told.bounce

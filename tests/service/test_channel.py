"""Whole values, or the other side has gone."""

import pytest

from smtpguard.service.channel import Channel


def test_values_arrive_whole_and_in_order() -> None:
    one, other = Channel.pair()
    one.send(("prepare", b"x" * 5000))
    one.send("commit")
    assert other.receive(1) == ("prepare", b"x" * 5000)
    assert other.receive(1) == "commit"
    other.send("")
    assert one.receive(1) == ""
    one.close()
    other.close()


def test_who_has_gone_is_noticed() -> None:
    one, other = Channel.pair()
    one.send("last words")
    one.close()
    assert other.receive(1) == "last words"
    with pytest.raises(EOFError):
        other.receive(1)
    with pytest.raises(OSError):
        other.send("hello?")
    other.close()


def test_silence_has_an_end() -> None:
    one, other = Channel.pair()
    with pytest.raises(TimeoutError):
        one.receive(0.01)
    one.end.sendall(b"\x00\x00\x00\x09half")
    with pytest.raises(TimeoutError):
        other.receive(0.01)
    one.close()
    other.close()

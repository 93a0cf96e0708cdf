"""Replies read, and a message written, on a transport of our own making."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.smtp.capabilities import Capabilities
from smtpguard.smtp.wire import (
    CHUNK,
    LINES,
    LOST,
    NONSENSE,
    OCTETS,
    SILENT,
    STUCK,
    ReplyReader,
    Wire,
)


class Transport:
    """Takes what is written; can be told to be full."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closed = False
        self.aborted = False

    def write(self, octets: bytes) -> None:
        self.written += octets

    def writelines(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.write(piece)

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


def wired() -> tuple[Wire, Transport]:
    transport = Transport()
    return Wire(cast("asyncio.Transport", transport), Capabilities()), transport


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


@given(st.lists(st.integers(1, 9), max_size=30))
def test_replies_are_read_however_they_are_cut(cuts: list[int]) -> None:
    octets = b"250-One\r\n250  two \r\n354\r\n550 5.1.1 no\n"
    reader, replies = ReplyReader(), []
    for cut in [*cuts, len(octets)]:
        replies += reader.feed(octets[:cut])
        octets = octets[cut:]
    assert [r.octets for r in replies] == [
        b"250-One\r\n250  two\r\n",
        b"354\r\n",
        b"550 5.1.1 no\r\n",
    ]
    assert [r.code for r in replies] == [250, 354, 550]
    assert replies[0].text == "One  two"


@given(st.binary(max_size=8).map(lambda tail: b"250" + tail), st.integers(0, 600))
def test_ordinary_replies_are_what_they_would_be_if_looked_at(line: bytes, longer: int) -> None:
    line = (line + b"x" * longer).replace(b"\n", b"") + b"\r\n"
    told = []
    for look in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if look:
                patch.setattr("smtpguard.smtp.wire._ordinary", lambda line: None)
            try:
                told.append(ReplyReader().feed(line))
            except ValueError:
                told.append([])
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "octets",
    [
        b"hello\r\n",
        b"99 x\r\n",
        b"150 x\r\n",
        b"650 x\r\n",
        b"250-a\r\n251 b\r\n",
        b"250x\r\n",
        b"\r\n",
    ],
)
def test_nonsense_is_told(octets: bytes) -> None:
    with pytest.raises(ValueError, match="reply"):
        ReplyReader().feed(octets)


def test_long_replies_are_cut_to_valid_lines() -> None:
    (reply,) = ReplyReader().feed(b"550 " + b"x" * 2000 + b"\r\n")
    assert len(reply.octets) == 512
    (reply,) = ReplyReader().feed(b"550-x\r\n" * 300 + b"550 last\r\n")
    lines = reply.octets.splitlines(keepends=True)
    assert len(lines) == LINES
    assert all(line == b"550-x\r\n" for line in lines[:-1])
    assert lines[-1] == b"550 x\r\n"


@pytest.mark.parametrize("piece", [b"550-text\r\n", b"x", b"550 "])
def test_endless_replies_are_told(piece: bytes) -> None:
    reader = ReplyReader()
    for _ in range(OCTETS // len(piece) // 32):
        assert reader.feed(piece * 16) == []
    with pytest.raises(ValueError, match="reply"):
        reader.feed(piece * OCTETS)


async def test_replies_pair_with_questions_in_order() -> None:
    wire, _ = wired()
    wire.data_received(b"250 one\r\n250 two\r\n")
    assert (await wire.reply(soon())).octets == b"250 one\r\n"
    assert (await wire.reply(soon())).octets == b"250 two\r\n"


async def test_a_reply_in_time_is_given_though_the_connection_is_lost() -> None:
    wire, _ = wired()
    wire.data_received(b"550 no\r\n")
    wire.connection_lost(None)
    assert (await wire.reply(soon())).octets == b"550 no\r\n"
    assert await wire.reply(soon()) is LOST


async def test_silence_ends_at_the_deadline() -> None:
    wire, transport = wired()
    assert await wire.reply(soon(0.02)) is SILENT
    assert transport.aborted


async def test_unasked_words_make_a_wire_unusable() -> None:
    wire, _ = wired()
    assert wire.usable
    wire.data_received(b"421 4.3.2 shutting down\r\n")
    assert not wire.usable


async def test_a_flood_of_replies_ends_the_wire() -> None:
    wire, transport = wired()
    for _ in range(OCTETS // 16 + 1):
        wire.data_received(b"250 x\r\n")
    assert wire.broken is NONSENSE
    assert transport.aborted


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.b\r\n..\r\n", b"a\r\n..b\r\n...\r\n.\r\n"),
    ],
)
async def test_dots_are_stuffed_where_needed(content: bytes, sent: bytes) -> None:
    wire, transport = wired()
    assert await wire.upload(content, 1.0, soon())
    assert transport.written == sent


async def test_a_message_is_written_no_faster_than_it_is_taken() -> None:
    wire, transport = wired()
    content = b"x" * (3 * CHUNK) + b"\r\n"
    wire.pause_writing()
    upload = asyncio.create_task(wire.upload(content, 5.0, soon()))
    await asyncio.sleep(0)
    assert len(transport.written) == CHUNK
    wire.resume_writing()
    assert await upload
    assert transport.written == content + b".\r\n"


async def test_an_upload_that_stands_still_sends_no_dot() -> None:
    wire, transport = wired()
    wire.pause_writing()
    assert not await wire.upload(b"x" * (2 * CHUNK), 0.02, soon())
    assert wire.broken is STUCK
    assert transport.aborted
    assert b".\r\n" not in transport.written


@pytest.mark.parametrize("event", ["reply", "loss"])
async def test_an_upload_ends_when_the_upstream_answers_or_leaves(event: str) -> None:
    wire, transport = wired()
    wire.pause_writing()
    upload = asyncio.create_task(wire.upload(b"x" * (2 * CHUNK), 5.0, soon()))
    await asyncio.sleep(0)
    if event == "reply":
        wire.data_received(b"552 5.3.4 too big\r\n")
    else:
        wire.eof_received()
    assert not await upload
    assert b".\r\n" not in transport.written


async def test_a_421_breaks_the_wire_and_not_the_clients_session() -> None:
    wire, transport = wired()
    wire.data_received(b"421-4.3.2 421 is\r\n421 4.3.2 what I say\r\n")
    reply = await wire.reply(soon())
    assert reply.octets == b"451-4.3.2 421 is\r\n451 4.3.2 what I say\r\n"
    assert transport.aborted


async def test_closing_says_goodbye_once() -> None:
    wire, transport = wired()
    wire.close()
    wire.close()
    assert transport.written == b"QUIT\r\n"
    assert transport.closed
    wire.send(b"NOOP\r\n")
    assert cast("Any", transport).written == b"QUIT\r\n"

"""The reader of lines and messages, however its octets are cut into chunks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.smtp.inbox import END, Inbox, Intake, Overlong

LINES = st.lists(
    st.one_of(
        st.sampled_from([b"", b".", b"..", b".x", b"...", b"x.", b"\r", b"\n", b".\r", b"\n.\n"]),
        st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")),
    ),
    max_size=12,
)
CUTS = st.lists(st.integers(min_value=1, max_value=9), max_size=60)


def stuffed(content: bytes) -> bytes:
    """As a correct client sends it (RFC 5321 §4.5.2), with the end."""
    lines = content.split(b"\r\n")
    return b"\r\n".join(b"." + line if line[:1] == b"." else line for line in lines) + b".\r\n"


def chunks(octets: bytes, cuts: list[int]) -> list[bytes]:
    pieces = []
    for cut in cuts:
        pieces.append(octets[:cut])
        octets = octets[cut:]
    return [piece for piece in [*pieces, octets] if piece]


def fed(intake: Intake, pieces: list[bytes]) -> bytes | None:
    """Feed until the end has come; the octets after it, further chunks included."""
    for index, piece in enumerate(pieces):
        rest = intake.feed(piece)
        if rest is not None:
            return rest + b"".join(pieces[index + 1 :])
    return None


def unlimited(octets: int) -> bool:
    return True


@given(LINES, CUTS, st.sampled_from([b"", b"QUIT\r\n", b".\r\n", b"\r\n.\r\n"]))
@settings(max_examples=300, deadline=None)
def test_a_message_comes_out_as_it_was_however_it_is_cut(
    lines: list[bytes], cuts: list[int], after: bytes
) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    intake = Intake(0, unlimited)
    rest = fed(intake, chunks(stuffed(content) + after, cuts))
    assert rest == after
    assert intake.complete
    assert intake.size == len(stuffed(content))
    assert intake.content() == content


@given(st.binary(max_size=60).map(lambda b: b.replace(b"\n", b"\r\n").replace(b"a", b".")), CUTS)
@settings(max_examples=300, deadline=None)
def test_the_end_is_where_a_single_scan_finds_it(octets: bytes, cuts: list[int]) -> None:
    intake = Intake(0, unlimited)
    rest = fed(intake, chunks(octets, cuts))
    end = (b"\r\n" + octets).find(END)
    assert rest == (None if end < 0 else octets[end + 3 :])


@given(LINES, CUTS)
@settings(max_examples=200, deadline=None)
def test_the_end_is_found_though_nothing_is_kept(lines: list[bytes], cuts: list[int]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    intake = Intake(0, lambda octets: False)
    assert fed(intake, chunks(stuffed(content) + b"NOOP\r\n", cuts)) == b"NOOP\r\n"
    assert intake.no_room
    assert intake.held == 0


def test_the_limit_is_that_of_the_message_without_stuffed_dots() -> None:
    exact = Intake(6, unlimited)
    assert exact.feed(b"..x.\r\n.\r\n") == b""
    assert exact.content() == b".x.\r\n"
    assert not exact.too_large
    over = Intake(4, unlimited)
    assert over.feed(b"..x.\r\n.\r\n") == b""
    over.content()
    assert over.too_large


def test_octets_far_over_the_limit_are_not_kept() -> None:
    held = []

    def room(octets: int) -> bool:
        held.append(octets)
        return True

    intake = Intake(10_000, room)
    for _ in range(100):
        assert intake.feed(b"x" * 1000) is None
    assert intake.too_large
    assert sum(held) == intake.held < 12_000
    assert intake.feed(b"\r\n.\r\n") == b""


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b""))), CUTS)
@settings(max_examples=200, deadline=None)
def test_lines_come_out_as_they_were_however_they_are_cut(
    lines: list[bytes], cuts: list[int]
) -> None:
    inbox = Inbox(100)
    read: list[bytes] = []
    for piece in chunks(b"".join(line + b"\n" for line in lines), cuts):
        inbox.feed(piece)
        while (line := inbox.line()) is not None:
            read.append(line)
    assert read == [line.removesuffix(b"\r") for line in lines]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_line_over_the_limit_is_told_of_once_and_skipped(step: int) -> None:
    inbox = Inbox(10)
    told, read = 0, []
    octets = b"x" * 50 + b"\r\nnext\r\n"
    for at in range(0, len(octets), step):
        inbox.feed(octets[at : at + step])
        while True:
            try:
                line = inbox.line()
            except Overlong as overlong:
                told += 1 + 10 * overlong.hopeless
                continue
            if line is None:
                break
            read.append(line)
    assert (told, read) == (1, [b"next"])


def test_a_line_without_end_is_hopeless_and_takes_no_memory() -> None:
    inbox = Inbox(10)
    for _ in range(8):
        inbox.feed(b"x" * 20)
        assert inbox.line() is None
        assert len(inbox) == 0
    inbox.feed(b"x" * 20)
    with pytest.raises(Overlong) as raised:
        inbox.line()
    assert raised.value.hopeless

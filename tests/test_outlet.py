"""Lines go where they are read; where nobody reads, nothing waits for it."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from smtpguard.outlet import PIECE, Outlet

Ends = tuple[int, TextIO]


@pytest.fixture(params=["pipe", "socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    """Where to read, and where to write."""
    if request.param == "pipe":
        reading, writing = os.pipe()
    else:
        one, other = socket.socketpair()
        reading, writing = one.detach(), other.detach()
    os.set_blocking(reading, False)
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        yield reading, file
    os.close(reading)


def taken(reading: int) -> str:
    """All that waits to be read."""
    octets = b""
    while True:
        try:
            octets += os.read(reading, 1 << 20)
        except BlockingIOError:
            return octets.decode()


def test_a_reader_who_stands_still_costs_lines_and_hears_how_many(ends: Ends) -> None:
    reading, file = ends
    lost: list[int] = []
    outlet = Outlet(file, lost.append)
    written = 0
    while outlet._lost < 3:
        outlet.write(f"line {written}\n")
        written += 1
    assert not lost, "there is still no room"
    assert taken(reading) == "".join(f"line {n}\n" for n in range(written - 3))
    outlet.write("there again\n")
    assert lost == [3]
    assert taken(reading) == "there again\n"


def test_a_line_that_was_torn_is_ended_before_the_next(ends: Ends) -> None:
    reading, file = ends
    outlet = Outlet(file, lambda count: None)
    while not outlet._torn:
        outlet.write("\u00e9" * 40 * PIECE + "\n")
    taken(reading)
    outlet.write("whole\n")
    assert taken(reading) == "\nwhole\n"


def test_a_reader_who_has_gone_costs_nothing_more(ends: Ends) -> None:
    reading, file = ends
    there = os.dup(reading)
    outlet = Outlet(file, lambda count: None)
    os.close(there)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), reading)
    for _ in range(3):
        outlet.write("line\n")


def test_a_place_that_does_not_block_is_not_given_up(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, file = ends
    lost: list[int] = []
    outlet = Outlet(file, lost.append)

    def full(number: int, octets: bytes) -> int:
        raise BlockingIOError

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        outlet.write("lost\n")
    outlet.write("there again\n")
    assert lost == [1]
    assert taken(reading) == "there again\n"


def test_lines_of_several_writers_are_whole_where_they_are_read(ends: Ends) -> None:
    reading, file = ends
    writers = set[int]()
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            outlet = Outlet(file, lambda count: None)
            for _ in range(200):
                outlet.write(f"{number}" * 3000 + "\n")
            os._exit(0)
        writers.add(pid)
    text = ""
    while writers:
        text += taken(reading)
        writers -= {pid for pid in writers if os.waitpid(pid, os.WNOHANG)[0]}
    found = (text + taken(reading)).splitlines()
    assert found  # on a busy machine one of them may find no room at all
    assert all(line == line[0] * 3000 for line in found)


def test_a_file_and_what_is_no_file_are_written_as_they_are(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+", encoding="utf-8") as file:
        Outlet(file, lambda count: None).write("x" * 3 * PIECE + "\n")
        assert file.seek(0) == 0
        assert file.read() == "x" * 3 * PIECE + "\n"
    memory = io.StringIO()
    Outlet(memory, lambda count: None).write("line\n")
    assert memory.getvalue() == "line\n"

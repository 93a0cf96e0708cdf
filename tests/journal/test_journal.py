"""The journal is appended by many, torn by nobody, and rotated once."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from smtpguard.journal.journal import Journal


def test_lines_are_appended(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j" / "decisions.jsonl", rotate_size=10**6, keep=3)
    journal.append({"id": "1"})
    journal.append({"id": "é"})
    journal.close()
    lines = (tmp_path / "j" / "decisions.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["1", "é"]


def test_only_so_many_old_files_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "d.jsonl", rotate_size=20, keep=2)
    for number in range(9):
        journal.append({"id": number, "pad": "x" * 20})
    journal.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.jsonl", "d.jsonl.1", "d.jsonl.2"]
    assert json.loads((tmp_path / "d.jsonl.1").read_text())["id"] == 8
    assert json.loads((tmp_path / "d.jsonl.2").read_text())["id"] == 7


def test_none_are_kept_where_none_are_wanted(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "d.jsonl", rotate_size=1, keep=0)
    journal.append({"id": 1})
    journal.close()
    assert [path.name for path in tmp_path.iterdir()] == ["d.jsonl"]
    assert (tmp_path / "d.jsonl").read_text() == ""


def _write(path: Path, writer: int) -> None:
    journal = Journal(path, rotate_size=5000, keep=1000)
    for number in range(200):
        journal.append({"id": f"{writer}.{number}", "pad": "x" * (number % 90)})
    journal.close()


def test_several_processes_lose_no_line_while_it_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(path, writer)) for writer in range(3)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(60)
        assert process.exitcode == 0
    lines = [line for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    seen = [json.loads(line)["id"] for line in lines]
    assert sorted(seen) == sorted(f"{w}.{n}" for w in range(3) for n in range(200))
    assert len(list(tmp_path.iterdir())) > 3


def test_it_follows_its_path_when_somebody_else_moved_the_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "d.jsonl", rotate_size=10**6, keep=1)
    journal.append({"id": 1})
    (tmp_path / "d.jsonl").rename(tmp_path / "elsewhere")
    journal.reopen()
    journal.append({"id": 2})
    journal.close()
    assert json.loads((tmp_path / "d.jsonl").read_text()) == {"id": 2}


def test_a_line_that_was_cut_short_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "d.jsonl", rotate_size=10**6, keep=1)
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, octets: write(file, octets[:5]))
    with pytest.raises(OSError, match="cut short"):
        journal.append({"id": 1})
    monkeypatch.undo()
    journal.append({"id": 2})
    journal.append({"id": 3})
    journal.close()
    torn, *whole = (tmp_path / "d.jsonl").read_text().splitlines()
    assert torn == '{"id"'
    assert [json.loads(line)["id"] for line in whole] == [1, 2, 3]


def test_a_file_that_cannot_be_opened_again_is_still_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j" / "d.jsonl", rotate_size=10**6, keep=1)
    (tmp_path / "j").rename(tmp_path / "k")
    (tmp_path / "j").write_text("in the way")
    with pytest.raises(OSError):
        journal.reopen()
    journal.append({"id": 1})
    journal.close()
    assert (tmp_path / "k" / "d.jsonl").read_text() == '{"id":1}\n'


def test_what_a_full_disk_refused_is_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.jsonl"
    path.symlink_to("/dev/full")
    journal = Journal(path, rotate_size=10**6, keep=1)
    for number in range(3):
        with pytest.raises(OSError, match="No space"):
            journal.append({"id": number})
    assert not journal.ready()
    path.unlink()
    journal.reopen()
    assert not journal.ready()  # it was tried a moment ago
    monkeypatch.setattr("smtpguard.journal.journal.AGAIN", 0.0)
    assert journal.ready()
    journal.append({"id": 3})
    journal.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [0, 1, 2, 3]

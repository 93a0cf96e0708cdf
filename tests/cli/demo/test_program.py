"""What runs beside the demonstration starts, ends when told to, and says why when it does not."""

from pathlib import Path

import pytest

from smtpguard.cli.demo.program import Program, ProgramFailed


def test_the_last_words_of_one_that_does_not_start(tmp_path: Path) -> None:
    program = Program(("web", "--listen", "nowhere"), tmp_path / "log")
    with pytest.raises(ProgramFailed, match=r"web did not start:\n.*expected HOST:PORT"):
        program.started()


def test_one_that_has_only_begun_can_be_closed(tmp_path: Path) -> None:
    program = Program(("explain",), tmp_path / "log")
    program.close()
    program.close()
    assert not Path(f"/proc/{program.pid}").exists()

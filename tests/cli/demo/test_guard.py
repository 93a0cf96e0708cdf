"""A guard that does not start says why, and leaves nothing behind."""

from pathlib import Path

import pytest

from smtpguard.cli.demo.guard import Guard
from smtpguard.cli.demo.program import ProgramFailed


def test_a_wrong_policy_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed, match=r"serve did not start:\n.*acme\.yaml:1:1"):
        Guard(tmp_path, 1, "nonsense: true\n")

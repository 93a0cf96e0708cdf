"""What a word of a request may be."""

import pytest
from pydantic import ValidationError

from smtpguard.web.api.asked import Lift, Suppress


@pytest.mark.parametrize("at", ["2026-03-31", "2026-03-31T10:00:00Z", "2026-03-31T10:00+02:00"])
def test_a_moment(at: str) -> None:
    assert Suppress(at=at).at == at


@pytest.mark.parametrize("at", ["", "31/03/2026", "now", "2026-03-31T10:00:00Z" + " " * 40])
def test_no_moment(at: str) -> None:
    with pytest.raises(ValidationError):
        Suppress(at=at)


def test_errors_repeat_nothing() -> None:
    with pytest.raises(ValidationError) as caught:
        Lift(addresses=("anna@client.example",), because="\n")
    assert "anna" not in str(caught.value)

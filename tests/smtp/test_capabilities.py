"""What EHLO said, and what follows from it."""

from __future__ import annotations

import pytest

from smtpguard.smtp.capabilities import Capabilities


def test_extensions_are_read() -> None:
    read = Capabilities.of(
        {"size": "1000", "8bitmime": "", "dsn": "", "xforward": "name ADDR colour", "chunking": ""}
    )
    assert Capabilities.of({"auth": "PLAIN LOGIN"}) == Capabilities(auth=True)
    assert read == Capabilities(
        size=1000, eightbitmime=True, dsn=True, xforward=frozenset({"NAME", "ADDR"})
    )


@pytest.mark.parametrize(("said", "size"), [("", 0), ("many", 0), ("-1", 0), ("7", 7)])
def test_a_size_that_is_none_is_no_limit(said: str, size: int) -> None:
    assert Capabilities.of({"size": said}).size == size


@pytest.mark.parametrize(
    ("own", "theirs", "limit"),
    [(0, None, 0), (0, 0, 0), (5, None, 5), (5, 0, 5), (0, 7, 7), (5, 7, 5), (7, 5, 5)],
)
def test_the_smaller_limit_holds(own: int, theirs: int | None, limit: int) -> None:
    assert Capabilities(size=theirs).limit(own) == limit

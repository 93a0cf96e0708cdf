"""Everybody's mail, read once."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.corpora.fetch import messages


@pytest.fixture(scope="session")
def corpus() -> Mapping[str, bytes]:
    """Name and octets of each message, CRLF line ends; fetched the first time."""
    return messages()

"""Line ends, NUL and line length of a message."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.smtp import data

PIECES = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"\0", b"x", b"."])).map(b"".join)


@pytest.mark.parametrize("block", [1, 2, 65_536])
@given(content=PIECES)
def test_strays_are_found_wherever_they_are(block: int, content: bytes) -> None:
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n|\0", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "BLOCK", block)
        assert bool(data.stray(content)) == bool(bare)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a\r\nb\r\n", ""),
        (b"a\nb\r\n", "a bare line feed"),
        (b"a\rb\r\n", "a bare carriage return"),
        (b"a\r\r\n", "a bare carriage return"),
        (b"a\n\r\r\n", "a bare carriage return"),
        (b"a\0\r\n", "a NUL"),
        (b"a\0\r\r\n", "a NUL"),  # which no setting lets through
    ],
)
def test_strays_are_named(content: bytes, fault: str) -> None:
    assert data.stray(content) == fault


@pytest.mark.parametrize("many", [1, 3, 1000])
@given(content=PIECES)
def test_dots_are_stuffed_at_the_beginning_of_lines_alone(content: bytes, many: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "MANY", many)
        stuffed = data.stuffed(content)
        assert b"\r\n" + stuffed == (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")
        assert data.unstuffed(stuffed) == content


@given(PIECES)
def test_normal_content_has_no_bare_line_end_and_stays_normal(content: bytes) -> None:
    normal = data.normalise(content)
    assert data.stray(normal) in ("", "a NUL")
    assert data.normalise(normal) == normal
    assert re.sub(rb"[\r\n]", b"", normal) == re.sub(rb"[\r\n]", b"", content)


@given(st.lists(st.integers(0, 30)), st.integers(1, 20))
def test_overlong_lines_are_found(lengths: list[int], limit: int) -> None:
    content = b"".join(b"x" * length + b"\r\n" for length in lengths)
    assert data.overlong(content, limit) == any(length > limit for length in lengths)

"""Transfer encodings changed in place: right to the octet, and small."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.transfer import (
    ENCODED,
    Change,
    changed,
    decode,
    encode,
    longest_line,
    splice,
)
from tests.growth import STEEP, growth

TEXT = st.lists(
    st.sampled_from(
        [
            b"a",
            b" ",
            b"\t",
            b"=",
            b".",
            b"\r\n",
            b"word " * 18,
            b"\xc3\xa9",
            b"\r",
            b"\n",
            b"From ",
            b"x" * 75,
        ]
    ),
    max_size=24,
).map(b"".join)


@st.composite
def edited(draw: st.DrawFn) -> tuple[bytes, list[Change]]:
    """Octets and changes of them, in order and apart."""
    octets = draw(TEXT)
    places = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=8)))
    pairs = list(zip(places[::2], places[1::2], strict=False))
    return octets, [Change(start, end, draw(TEXT)) for start, end in pairs]


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_what_is_encoded_is_decoded_again(octets: bytes) -> None:
    for encoding in ENCODED:
        encoded = encode(octets, encoding)
        assert decode(encoded, encoding) == octets
        assert encoded.isascii()
        assert longest_line(encoded) <= 76
        assert encoded.count(b"\n") == encoded.count(b"\r") == encoded.count(b"\r\n")


@settings(max_examples=400, deadline=None)
@given(edited())
def test_a_splice_is_the_change_encoded(case: tuple[bytes, list[Change]]) -> None:
    octets, changes = case
    for encoding in (*ENCODED, "8bit"):
        encoded = encode(octets, encoding)
        spliced = splice(encoded, encoding, changes, len(octets))
        assert [c.start for c in spliced] == sorted(c.start for c in spliced)
        result = changed(encoded, spliced)
        assert decode(result, encoding) == changed(octets, changes)
        if encoding in ENCODED:
            assert longest_line(result) <= 76


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"a", b" ", b"=\r\n", b"=", b"=C3", b"=0D=0A", b"\r\n", b"=zz", b"= \r\n", b"x" * 90]
        ),
        max_size=20,
    ).map(b"".join),
    st.data(),
)
def test_a_splice_of_what_others_encoded_changes_nothing_else(
    encoded: bytes, data: st.DataObject
) -> None:
    octets = decode(encoded, "quoted-printable")
    at = data.draw(st.integers(0, len(octets)))
    changes = [Change(at, at, b"new\r\n")]
    result = changed(encoded, splice(encoded, "quoted-printable", changes, len(octets)))
    assert decode(result, "quoted-printable") == changed(octets, changes)


def test_only_the_lines_touched_are_named() -> None:
    lines = [b"line number %04d, somewhat long, with =C3=A9 in it" % i for i in range(1000)]
    encoded = b"\r\n".join(lines)
    octets = decode(encoded, "quoted-printable")
    for number in (0, 1, 500, 999):
        at = octets.index(b"number %04d" % number)
        (change,) = splice(encoded, "quoted-printable", [Change(at, at, b"X")], len(octets))
        assert encoded[change.start : change.end].rstrip() == lines[number]


@pytest.mark.parametrize("width", [4, 60, 64, 72, 76])
def test_base64_keeps_the_width_it_has(width: int) -> None:
    octets = bytes(range(256)) * 8
    text = b64encode(octets)
    encoded = b"\r\n".join(text[i : i + width] for i in range(0, len(text), width)) + b"\r\n"
    (change,) = splice(encoded, "base64", [Change(2000, 2000, b"new")], len(octets))
    assert change.start > len(encoded) * 0.9
    result = changed(encoded, [change])
    assert b64decode(result) == octets[:2000] + b"new" + octets[2000:]
    assert {len(line) for line in result.split(b"\r\n")[:-2]} == {width}


@pytest.mark.parametrize(
    "encoded",
    [
        b"SGVs\r\nbG8=\r\n",
        b"SGVsbG8=",
        b"SGVsb\r\nG8=\r\n",
        b"\r\nSGVs\r\n\r\nbG8=\r\n\r\n",
        b"SGVsbG8=\n",
    ],
)
def test_base64_of_odd_lines_is_encoded_anew(encoded: bytes) -> None:
    result = changed(encoded, splice(encoded, "base64", [Change(5, 5, b"!")], len(b"Hello")))
    assert decode(result, "base64") == b"Hello!"
    assert result.endswith(encoded[len(encoded.rstrip()) :])


@pytest.mark.parametrize("encoded", [b"SGVsbG8", b"SGVs!G8=", b"SGVsbG8==", b"SG=sbG8="])
def test_base64_that_is_none_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError):
        decode(encoded, "base64")


ACCENTS = "Un texte accentué, écrit à la main. ".encode()


@pytest.mark.parametrize(
    ("encoded", "step"),
    [
        (lambda size: encode(ACCENTS * (size // len(ACCENTS)), "quoted-printable"), 100),
        (lambda size: b"=C3" * (size // 3), 300),
        (lambda size: b"=\r\n" * (size // 3) + b"x", 1),
    ],
    ids=["text", "one line", "breaks"],
)
def test_a_splice_is_linear(encoded: Callable[[int], bytes], step: int) -> None:
    def prepare(size: int) -> tuple[bytes, list[Change], int]:
        octets = encoded(size)
        decoded = len(decode(octets, "quoted-printable"))
        return octets, [Change(i, i, b"!") for i in range(step, decoded + 1, step)], decoded

    def work(prepared: tuple[bytes, list[Change], int]) -> None:
        octets, changes, size = prepared
        assert splice(octets, "quoted-printable", changes, size)

    assert growth(prepare, work, 900_000) < STEEP

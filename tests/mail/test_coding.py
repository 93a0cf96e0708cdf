"""Octets become text without surprises, and never an exception."""

import base64
import binascii
from email.header import Header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail.coding import decode_text, decode_transfer, decode_words


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        (b"plain", "", "plain"),
        ("é".encode(), "utf-8", "é"),
        ("é".encode(), "UTF8", "é"),
        (b"\xe9", "iso-8859-1", "é"),
        (b"\x80", "windows-1252", "€"),
        (b"\xe4", "koi8-r", "Д"),
        (b"\xe0", "iso-8859-8-i", "א"),
        ("漢字".encode("iso-2022-jp"), "ISO-2022-JP", "漢字"),
        ("镕".encode("gbk"), "gb2312", "镕"),
        # What is declared does not fit, or nobody knows it.
        (b"\xe9", "utf-8", "é"),
        (b"\xe9", "us-ascii", "é"),
        ("é".encode(), "us-ascii", "é"),
        ("é".encode(), "", "é"),
        ("é".encode(), "x-user-defined", "é"),
        ("é".encode(), "no such charset", "é"),
        ("é".encode(), "../../etc/passwd", "é"),
        (b"\xef\xbb\xbf\xc3\xa9", "x-unknown", "é"),
        (b"\xff\xfeA\0", "x-unknown", "A"),
        (b"\x81\xff", "utf-8", None),
        # Told UTF-16, no reader sees ASCII.
        (b"A\0", "utf-16le", "A"),
        *((b"abc", name, None) for name in ("utf-16", "UTF-16BE", "utf-32")),
        *((b"+ADw-", name, None) for name in ("utf-7", "UTF7", "u7", "unicode-1-1-utf-7")),
        *(
            (b"abc", name, None)
            for name in ("zlib", "hex", "rot13", "undefined", "idna", "punycode")
        ),
        *((b"abc", name, None) for name in ("base64", "unicode_escape", "hz", "mbcs", "oem")),
    ],
)
def test_the_text_of_octets(octets: bytes, charset: str, text: str | None) -> None:
    assert decode_text(octets, charset) == text


@pytest.mark.parametrize(
    ("octets", "encoding", "content"),
    [
        (b"a=3D\r\nb=\r\nc", "quoted-printable", b"a=\r\nbc"),
        (b"100=% =G1 =", "quoted-printable", b"100=% =G1 "),
        (b"YWJj\r\nZGVm\r\n", "base64", b"abcdef"),
        (b"YWJj!ZGVm", "base64", b"abcdef"),
        (b"YWI", "base64", b"ab"),
        (b"YWJjZ", "base64", b"abc"),
        (b"", "base64", b""),
        (b"\xff\xfe", "base64", b""),
        (b"a=3D", "7bit", b"a=3D"),
        (b"a=3D", "8-bit", b"a=3D"),
    ],
)
def test_the_content_of_a_body(octets: bytes, encoding: str, content: bytes) -> None:
    assert decode_transfer(octets, encoding) == content


@given(st.binary(), st.sampled_from(["quoted-printable", "base64", "7bit", "", "x-unknown"]))
def test_decoding_never_raises(octets: bytes, encoding: str) -> None:
    assert len(decode_transfer(octets, encoding)) <= len(octets)


@given(st.binary())
def test_what_was_encoded_comes_back(octets: bytes) -> None:
    assert decode_transfer(base64.encodebytes(octets), "base64") == octets
    assert decode_transfer(binascii.b2a_qp(octets, istext=False), "quoted-printable") == octets


@given(
    st.binary(), st.text() | st.sampled_from(["utf-16", "utf-32", "iso-2022-jp", "big5", "cp437"])
)
def test_any_charset_of_anything(octets: bytes, charset: str) -> None:
    text = decode_text(octets, charset)
    assert text is None or isinstance(text, str)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?=C3=A9t=C3=A9?=", "été"),
        ("=?UTF-8?B?w6l0w6k=?=", "été"),
        ("=?iso-8859-1*fr?Q?=E9t=E9?=", "été"),
        ("=?utf-8?q?a_b?= =?utf-8?q?_c?=", "a b c"),
        ("=?utf-8?q?a?=\t =?iso-8859-1?q?=E9?=", "aé"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        ("a =?utf-8?q?b?=c", "a bc"),
        (" =?utf-8?q?b?= ", " b "),
        # A character split between two words.
        ("=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        ("=?utf-8?b?w6k=?= =?utf-8?q?=C3=A9?=", "éé"),
        # Written by programs that do not know better.
        ("=?utf-8?q?what? yes?=", "what? yes"),
        ("=?utf-8?q?déjà?=", "déjà"),
        ("=?utf-8?b?w6l0w6k?=", "été"),
        ("x=?utf-8?q?a?=y", "xay"),
        # What is no encoded word, or cannot be read as one.
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?a", "=?utf-8?q?a"),
        ("=?utf-7?q?+ADw-?= b", "=?utf-7?q?+ADw-?= b"),
        ("=?utf-8?q??= b", " b"),
        ("=??q?a?=", "=??q?a?="),
        ("=?=?=?", "=?=?=?"),
    ],
)
def test_encoded_words(value: str, text: str) -> None:
    assert decode_words(value) == text


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1)
)
def test_what_the_library_encodes_is_read(text: str) -> None:
    encoded = Header(text, "utf-8", maxlinelen=40).encode()
    assert decode_words(encoded) == text


@given(st.lists(st.sampled_from(["=?", "?=", "?", "=", "utf-8", "q", "b", " ", "é", "=C3", "*"])))
def test_anything_like_encoded_words(pieces: list[str]) -> None:
    value = "".join(pieces)
    text = decode_words(value)
    assert len(text) <= len(value)

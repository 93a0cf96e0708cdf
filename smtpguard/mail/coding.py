"""Octets to text and back out of their wrappings: transfer encodings, charsets, encoded words.

Everything is total: hostile input gives ``None`` or itself, never an exception, in linear time.
Nothing is encoded here; that is the business of ``edit``.
"""

from __future__ import annotations

import binascii
import codecs
import re
from encodings.aliases import aliases
from functools import lru_cache

LONG = 500
"""Characters of a value that is not remembered."""

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")

# Python codecs that are no charsets of mail, or that let a reader and a checker see two texts.
_REFUSED = frozenset(
    re.findall(
        r"\S+",
        """base64 base64_codec bz2 bz2_codec csutf7 hex hex_codec hz idna mbcs oem punycode quopri
        quopri_codec raw_unicode_escape rot13 rot_13 u7 undefined unicode_1_1_utf_7
        unicode_2_0_utf_7 unicode_escape utf7 utf_7 uu uu_codec zip zlib zlib_codec""",
    )
)
# Mail labelled with the smaller set uses the larger one.
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949"}
_CODECS = {
    name: _WIDER.get(codec, codec)
    for name, codec in [*aliases.items(), *((codec, codec) for codec in aliases.values())]
    if codec not in _REFUSED
} | {f"windows_{page}": f"cp{page}" for page in (874, *range(1250, 1259))}
_CODECS |= {"iso_8859_8_i": "iso8859_8", "utf8mb4": "utf_8", "koi8_u": "koi8_u"}

_WIDE = ("utf_16", "utf_32")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# The text of a word may hold a question mark, but never the beginning of the next word: so no
# octet is looked at twice. {1,99}: a repeated group keeps each of its turns in memory until it
# is left.
_WORD = re.compile(
    r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?"
    r"((?>(?:[^?=]++|\?(?!=)|=(?!\?(?!=))){1,99})*)\?="
)


def decode_transfer(octets: bytes, encoding: str) -> bytes:
    """``octets`` of a body out of their Content-Transfer-Encoding (RFC 2045 §6), in lower case.

    An unknown encoding leaves them as they are.
    """
    if encoding == "quoted-printable":
        return binascii.a2b_qp(octets)
    return _decode_base64(octets) if encoding == "base64" else octets


def is_utf8(charset: str) -> bool:
    """Whether a charset of that name is read as UTF-8."""
    return charset == "utf-8" or _CODECS.get(_plain(charset)) == "utf_8"


def decode_text(octets: bytes, charset: str) -> str | None:
    """The text: by the declared charset, a byte order mark, UTF-8, windows-1252; else ``None``.

    Charsets that no reader of mail agrees upon (UTF-7, Python's own codecs) are ``None`` at once.
    """
    name = _plain(charset)
    if name in _REFUSED:
        return None
    declared = _CODECS.get(name, "")
    if declared and (text := _decoded(octets, declared)) is not None:
        return text
    # Who is told UTF-16 sees no text in octets that are ASCII.
    if declared.startswith(_WIDE):
        return None
    marked = [codec for mark, codec in _BOMS if octets.startswith(mark)]
    guesses = (_decoded(octets, codec) for codec in (*marked, "utf-8", "cp1252"))
    return next((text for text in guesses if text is not None), None)


def _decoded(octets: bytes, codec: str) -> str | None:
    try:
        return octets.decode(codec)
    except (UnicodeError, LookupError):
        return None


def decode_words(value: str) -> str:
    """``value`` with its encoded words decoded (RFC 2047), as generous as mail programs are.

    Octets of neighbours in one charset are joined first, since encoders split characters.
    A word that cannot be decoded stays as it is.
    """
    if "=?" not in value:
        return value
    return (_known_words if len(value) <= LONG else _known_words.__wrapped__)(value)


@lru_cache(1024)
def _known_words(value: str) -> str:
    text: list[str] = []
    pending: list[tuple[str, bytes]] = []
    at = began = 0

    def settle(end: int) -> None:
        charset = pending[0][0] if pending else ""
        decoded = decode_text(b"".join(octets for _, octets in pending), charset)
        text.append(value[began:end] if decoded is None else decoded)
        pending.clear()

    for found in _WORD.finditer(value):
        charset, octets = found[1].lower(), _decode_word(found[2], found[3])
        gap = value[at : found.start()]
        if pending and (gap.strip() or pending[0][0] != charset):
            settle(at)
        if not pending:
            if gap.strip() or not at:
                text.append(gap)
            began = found.start()
        pending.append((charset, octets))
        at = found.end()
    if pending:
        settle(at)
    return "".join([*text, value[at:]])


def _plain(charset: str) -> str:
    return charset.lower().replace("-", "_").replace(" ", "_")


def _decode_word(kind: str, encoded: str) -> bytes:
    octets = encoded.encode("utf-8", "surrogatepass")
    return _decode_base64(octets) if kind in "bB" else binascii.a2b_qp(octets, header=True)


def _decode_base64(octets: bytes) -> bytes:
    """Base64 without regard to foreign characters, missing padding or a torn end."""
    try:
        return binascii.a2b_base64(octets)
    except binascii.Error:
        clean = _NOT_BASE64.sub(b"", octets)
        clean = clean[:-1] if len(clean) % 4 == 1 else clean
        return binascii.a2b_base64(clean + b"==")

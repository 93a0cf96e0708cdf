"""One text part mended: every charset and encoding, plain and flowed."""

from __future__ import annotations

import pytest

from smtpguard.edit.fix import (
    Paragraph,
    Place,
    Reencode,
)
from smtpguard.edit.wording import unsubscribe
from smtpguard.mail.message import Message
from smtpguard.unsubscribe.link import Exit
from tests.edit.letters import (
    ACCENTS,
    ENCODINGS,
    HEAD,
    WAY_OUT,
    crlf,
    footer,
    leaf,
    mail,
    mend,
    multipart,
    text,
)

SAID = {
    "us-ascii": "Hello.\n",
    "utf-8": ACCENTS,
    "iso-8859-1": ACCENTS,
    "iso-8859-15": ACCENTS + "10 €\n",
    "windows-1252": ACCENTS + "10 €\n",
    "iso-2022-jp": "こんにちは\n",
    "shift_jis": "ソ表示\n",
    "gb2312": "你好\n",
    "koi8-r": "Привет\n",
    "windows-874": "สวัสดี\n",
    "utf-16": ACCENTS,
}

CASES = [
    (charset, encoding)
    for charset, said in SAID.items()
    for encoding in ENCODINGS
    if encoding == "base64"
    or (encoding == "quoted-printable" and charset != "utf-16")
    or (charset != "utf-16" and (encoding == "8bit" or charset in ("us-ascii", "iso-2022-jp")))
]


def octets(charset: str, text: str) -> bytes:
    return crlf(text, {"windows-874": "cp874"}.get(charset, charset))


@pytest.mark.parametrize(("charset", "encoding"), CASES)
@pytest.mark.parametrize("eight_bit", [False, True])
def test_plain_text_of_any_charset_keeps_what_it_said(
    charset: str, encoding: str, eight_bit: bool
) -> None:
    said = SAID[charset]
    raw = mail(leaf(octets(charset, said), f"text/plain; charset={charset}", encoding))
    done = mend(raw, footer(""), eight_bit=eight_bit)
    now = text(done.raw)
    assert now.startswith(said.replace("\n", "\r\n") + "\r\nExpéditeur : Acme SAS.\r\n\r\nVous")
    assert WAY_OUT.url in now
    root = Message(done.raw).root
    kept = charset not in ("us-ascii", "iso-2022-jp", "shift_jis", "koi8-r", "windows-874")
    assert root.charset == (charset if kept else "utf-8")
    stays = encoding in ("quoted-printable", "base64") or (encoding == "8bit" and eight_bit)
    assert root.encoding == (encoding if stays else "quoted-printable")


@pytest.mark.parametrize(("charset", "encoding"), CASES)
def test_html_of_any_charset_keeps_charset_and_encoding(charset: str, encoding: str) -> None:
    said = f"<html><body><p>{SAID[charset]}</p></body></html>\n"
    raw = mail(leaf(octets(charset, said), f"text/html; charset={charset}", encoding))
    done = mend(raw, footer(""))
    now = text(done.raw)
    before, after = said.replace("\n", "\r\n").split("</body>")
    assert now.startswith(before + '<div lang="fr" dir="ltr"')
    assert now.endswith("</div>\r\n</body>" + after)
    assert "Exp&#233;diteur" in now
    root = Message(done.raw).root
    if charset != "windows-874":  # unknown to Python under that name: declared anew, as UTF-8
        assert (root.charset, root.encoding) == (charset, encoding)


def test_only_the_charset_parameter_and_the_encoding_are_edited() -> None:
    raw = mail(
        leaf(b"Hello.\r\n", 'text/plain; Charset="us-ascii";\r\n name="a;charset=b"', "7bit")
    )
    done = mend(raw, footer(""))
    assert b'text/plain; Charset=utf-8;\r\n name="a;charset=b"\r\n' in done.raw
    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in done.raw
    assert [raw[e.start : e.end] for e in done.edits] == [
        b'"us-ascii"',
        b" 7bit\r\n",
        b"Hello.\r\n",
    ]


def test_a_message_without_mime_fields_gets_those_it_needs() -> None:
    raw = b"From: a@acme.example\r\n\r\nHello.\r\n"
    done = mend(raw, footer(""))
    assert done.raw.startswith(
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\nFrom: "
    )
    plain = mend(raw, footer("", language="en"), language="en")
    assert plain.raw.startswith(raw)


def test_a_part_without_a_header_gets_the_fields_it_needs() -> None:
    raw = mail(multipart("mixed", b"\r\nHello.", leaf(b"PDF", "application/pdf")))
    done = mend(raw, footer("1"))
    assert text(done.raw, "1").startswith("Hello.\r\n\r\nExpéditeur")
    part = Message(done.raw).parts[1]
    assert (part.charset, part.encoding) == ("utf-8", "quoted-printable")


def test_latin_1_is_read_as_every_reader_reads_it_when_it_becomes_utf_8() -> None:
    raw = mail(leaf(b"\x93Prix\x94 10 \x80\r\n", "text/plain; charset=iso-8859-1", "8bit"))
    legal = Paragraph(Place.SENDER, "Sender: Łódź SA.", frozenset({""}))
    done = mend(raw, [("missing-sender-identity", legal)])
    assert text(done.raw).startswith("“Prix” 10 €\r\n\r\nSender: Łódź SA.")


@pytest.mark.parametrize("delsp", ["", "; delsp=yes"])
def test_flowed_text_stays_flowed(delsp: str) -> None:
    content = b"A paragraph that \r\nflows.\r\n"
    raw = mail(leaf(content, f"text/plain; charset=utf-8; format=flowed{delsp}", "8bit"))
    done = mend(raw, footer(""), eight_bit=True)
    added = text(done.raw)[len(content) :].split("\r\n")
    assert added[0] == ""
    soft = "  " if delsp else " "
    joined = "\n".join(added).replace(soft + "\n", " ").split("\n")
    assert unsubscribe("fr").replace("{exit}", WAY_OUT.url) in joined
    assert all(len(line) <= 78 for line in added if "https:" not in line)
    assert b"=20" not in done.raw  # the artefacts of rspamd#5833


def test_a_flowed_paragraph_left_open_is_ended_first() -> None:
    raw = mail(leaf(b"Open \r\n", "text/plain; charset=utf-8; format=flowed", "8bit"))
    assert text(mend(raw, footer(""), eight_bit=True).raw).startswith("Open \r\n\r\n\r\nExp")
    signed = mail(leaf(b"Jo\r\n-- \r\n", "text/plain; charset=utf-8; format=flowed", "8bit"))
    assert text(mend(signed, footer(""), eight_bit=True).raw).startswith("Jo\r\n-- \r\n\r\nExp")


@pytest.mark.parametrize(
    ("content", "begins"),
    [
        (b"", "Exp"),
        (b"\r\n", "\r\nExp"),
        (b"Hello", "Hello\r\n\r\nExp"),
        (b"Hello\r\n", "Hello\r\n\r\nExp"),
        (b"Hello\r\n\r\n", "Hello\r\n\r\nExp"),
        (b"Jo\r\n-- \r\nJo Doe\r\n", "Jo\r\n-- \r\nJo Doe\r\n\r\nExp"),
    ],
)
def test_one_empty_line_stands_before_the_footer(content: bytes, begins: str) -> None:
    raw = HEAD + leaf(content, "text/plain; charset=utf-8", "base64")
    assert text(mend(raw, footer("")).raw).startswith(begins)
    inner = mail(multipart("mixed", leaf(content, "text/plain; charset=utf-8", "8bit")))
    assert text(mend(inner, footer("1"), eight_bit=True).raw, "1").startswith(begins)


def test_lines_that_end_in_lf_alone_keep_doing_so_in_base64() -> None:
    raw = mail(leaf(b"Hello\n", "text/plain; charset=utf-8", "base64"))
    assert "\r" not in text(mend(raw, footer("")).raw)


def test_long_lines_are_never_made() -> None:
    url = "https://u.acme.example/u/" + "x" * 1500
    raw = mail(leaf(b"Hello.\r\n", "text/plain; charset=utf-8", "8bit"))
    done = mend(raw, footer(""), exit_=Exit(url), eight_bit=True)
    assert max(map(len, done.raw.split(b"\r\n"))) <= 998
    assert url in text(done.raw)


def test_a_mark_at_the_start_is_not_put_in_again() -> None:
    raw = mail(leaf(b"\xef\xbb\xbfHi\r\n", "text/plain", "8bit"))
    done = mend(raw, footer("", language="en"), language="en")
    assert text(done.raw).startswith("Hi\r\n\r\nSender: Acme SAS.\r\n")
    assert "\ufeff" not in text(done.raw)


def test_a_body_that_ends_in_a_soft_break_reads_as_before() -> None:
    raw = mail(leaf(b"", "text/plain; charset=us-ascii", "quoted-printable") + b"Hi=\r\n")
    assert text(mend(raw, footer("")).raw).startswith("Hi\r\n\r\nExp")
    long = leaf(b"", "text/plain; charset=us-ascii", "quoted-printable")
    raw = mail(long + b"x" * 1200 + b"=\r\n")
    assert text(mend(raw, [("overlong-line", Reencode(""))]).raw) == "x" * 1200

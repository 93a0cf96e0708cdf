"""Mail mended: every charset, encoding and structure, and what must not happen to any of them."""

from __future__ import annotations

import hashlib
from base64 import encodebytes
from quopri import encodestring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.compose import Mended, Unmendable, compose
from smtpguard.edit.edit import apply, invert
from smtpguard.edit.fix import (
    AddField,
    Fix,
    OfferExit,
    Paragraph,
    Place,
    Reencode,
    RemoveField,
    RemoveImage,
)
from smtpguard.edit.verify import carries
from smtpguard.edit.wording import WORDINGS, label, sender, unsubscribe
from smtpguard.mail.message import Message
from smtpguard.unsubscribe.link import Exit

WAY_OUT = Exit(
    "https://u.acme.example/u/AQcDeF-0_9", "mailto:u@acme.example?subject=unsubscribe%20AQ"
)
HEAD = b"From: a@acme.example\r\nTo: b@reader.example\r\nSubject: Bonjour\r\nMIME-Version: 1.0\r\n"


def crlf(text: str, codec: str = "utf-8") -> bytes:
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode(codec)


def leaf(content: bytes, kind: str, encoding: str = "") -> bytes:
    """A header and body of one part; ``content`` is encoded as ``encoding`` says."""
    if encoding == "quoted-printable":
        # An LF in quotes is soft here, so the standard library does not encode the line ends.
        content = encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    elif encoding == "base64":
        content = encodebytes(content).replace(b"\n", b"\r\n")
    field = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    return f"Content-Type: {kind}\r\n{field}\r\n".encode() + content


def mail(part: bytes) -> bytes:
    return HEAD + part + (b"" if part.endswith(b"\r\n") else b"\r\n")


def multipart(kind: str, *parts: bytes, boundary: str = "b") -> bytes:
    inner = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'
    return head.encode() + inner + f"--{boundary}--\r\n".encode()


def footer(*numbers: str, language: str = "fr") -> list[tuple[str, Fix]]:
    parts = frozenset(numbers)
    return [
        (
            "missing-unsubscribe-link",
            Paragraph(Place.UNSUBSCRIBE, unsubscribe(language), parts, label(language)),
        ),
        ("missing-sender-identity", Paragraph(Place.SENDER, sender(language, "Acme SAS"), parts)),
    ]


def mend(
    raw: bytes,
    fixes: list[tuple[str, Fix]],
    *,
    exit_: Exit | None = WAY_OUT,
    language: str = "fr",
    eight_bit: bool = False,
) -> Mended:
    """Compose, and hold what holds for every mended message."""
    message = Message(raw)
    done = compose(message, fixes, exit=exit_, language=language, eight_bit=eight_bit)
    assert isinstance(done, Mended), done
    assert apply(raw, done.edits) == done.raw
    assert apply(done.raw, invert(raw, done.edits)) == raw
    assert digests(Message(done.raw)) == digests(message)
    again = compose(Message(done.raw), fixes, exit=exit_, language=language, eight_bit=eight_bit)
    removals = any(isinstance(fix, RemoveField) for _, fix in fixes)
    additions = any(isinstance(fix, AddField) for _, fix in fixes)
    if not removals and not additions:
        assert isinstance(again, Mended)
        assert again.edits == (), again.edits
    if not eight_bit:
        assert all(edit.new.isascii() for edit in done.edits)
    for edit in done.edits:
        assert edit.new.count(b"\n") == edit.new.count(b"\r\n")
    return done


def digests(message: Message) -> list[str]:
    return [hashlib.sha256(part.content).hexdigest() for part in message.attachments]


def text(raw: bytes, number: str = "") -> str:
    part = next(p for p in Message(raw).parts if p.number == number)
    assert part.text is not None
    return part.text


ACCENTS = "Cher client,\n\nvoici nos nouveautés.\n"
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
ENCODINGS = ["7bit", "8bit", "quoted-printable", "base64"]
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


PAGE = "<html><head><style>p{color:#333}</style></head><body><p>Bonjour é.</p>\n</body></html>\n"


def test_an_insertion_in_quoted_printable_names_a_few_lines_only() -> None:
    long = PAGE.replace("é.", "é. " + "Un paragraphe accentué à été écrit. " * 200)
    raw = mail(leaf(crlf(long), "text/html; charset=utf-8", "quoted-printable"))
    done = mend(raw, footer(""))
    (edit,) = done.edits
    assert edit.end - edit.start <= 80
    assert max(map(len, edit.new.split(b"\r\n"))) <= 76


def test_an_insertion_in_base64_names_only_the_tail() -> None:
    long = PAGE.replace("é.", "é. " + "Un paragraphe accentué à été écrit. " * 200)
    raw = mail(leaf(crlf(long), "text/html; charset=utf-8", "base64"))
    done = mend(raw, footer(""))
    (edit,) = done.edits
    assert edit.end - edit.start <= 160
    assert max(map(len, edit.new.split(b"\r\n"))) <= 76


@pytest.mark.parametrize(
    "trap",
    [
        "<!-- </body> -->",
        "<!-- a > b </body>",
        "<script>document.write('</body>')</script>",
        "<style>a:after{content:'</body>'}</style>",
        "<textarea></body></textarea>",
        '<a title="</body>" href="https://acme.example">x</a>',
        "<a title='</body>'>x</a>",
        "<!--[if mso]></body><![endif]-->",
        "<title></body></title>",
        "<xmp></body></xmp>",
        "<![CDATA[ </body> ]]>",
    ],
)
def test_the_footer_stands_before_the_real_end_of_the_body(trap: str) -> None:
    for page in (f"<body><p>Hi</p>{trap}</body></html>\n", f"<body>Hi</body></html>{trap}\n"):
        raw = mail(leaf(crlf(page), "text/html; charset=utf-8", "8bit"))
        now = text(mend(raw, footer("")).raw)
        if "<!-- a" not in trap and "CDATA" not in trap:
            assert now.index("</div>\r\n</body>") > 0
        assert "Exp&#233;diteur" in now


@pytest.mark.parametrize(
    "page",
    [
        "<p>no body at all</p>",
        "<html><p>no body</p></html>",
        "<BODY>upper case</BODY >",
        "<body><p>two</p></body></html><html><body><p>documents</p></body></html>",
        "<body><div style='display:none'>never closed <p>x</p></body>",
        "<body><table><tr><td>never closed</body>",
        "<body><blockquote>never closed</body>",
        "<body><!-- never closed </body></html>",
        "<body><a href='never closed </body></html>",
        "<body><script>never closed </body></html>",
        "<body><p>a<plaintext>b</body></html>",
        "<body style='color:#fff;background:#fff;font-size:1px'>pale</body>",
        "<body dir=rtl>مرحبا</body>",
        "",
    ],
)
def test_the_footer_is_seen_or_the_mail_is_left_alone(page: str) -> None:
    raw = mail(leaf(crlf(page + "\n"), "text/html; charset=utf-8", "quoted-printable"))
    message = Message(raw)
    done = compose(message, footer(""), exit=WAY_OUT, language="fr", eight_bit=False)
    if isinstance(done, Unmendable):
        assert "would" in done.why
        return
    (reading,) = Message(done.raw).readings
    for _, paragraph in footer(""):
        assert isinstance(paragraph, Paragraph)
        assert carries(reading, paragraph, WAY_OUT)


def test_a_trap_at_the_end_sends_the_footer_to_the_start() -> None:
    raw = mail(leaf(b"<body><div style='display:none'>x</body>\r\n", "text/html"))
    now = text(mend(raw, footer("")).raw)
    assert now.startswith("<body><div lang=")


def test_html_says_the_language_direction_and_colours_and_escapes() -> None:
    evil = Paragraph(
        Place.SENDER,
        'Sender: <b>"A&B"</b>, see https://a.example/?x=1&y=2, or jo@a.example.',
        frozenset({""}),
    )
    raw = mail(leaf(b"<p>Hi</p>\r\n", "text/html"))
    now = text(mend(raw, [("missing-sender-identity", evil)], language="ar").raw)
    assert '<div lang="ar" dir="rtl"' in now
    assert "background-color:#ffffff" in now
    assert "color:#333333" in now
    assert "&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt;" in now
    assert 'href="https://a.example/?x=1&amp;y=2"' in now
    assert 'href="mailto:jo@a.example"' in now
    assert "<b>" not in now


def test_an_exit_of_mail_only_is_offered_in_both_forms() -> None:
    only = Exit("", WAY_OUT.mailto)
    raw = mail(
        multipart(
            "alternative",
            leaf(b"Hi\r\n", "text/plain"),
            leaf(b"<p>Hi</p>\r\n", "text/html"),
        )
    )
    done = mend(raw, [*footer("1", "2"), ("missing-list-unsubscribe", OfferExit())], exit_=only)
    assert only.mailto in text(done.raw, "1")
    assert f'<a href="{only.mailto}"' in text(done.raw, "2")
    assert b"List-Unsubscribe: <mailto:" in done.raw
    assert b"List-Unsubscribe-Post" not in done.raw


def test_nothing_personal_without_an_exit() -> None:
    for fixes in (footer(""), [("missing-list-unsubscribe", OfferExit())]):
        for nothing in (None, Exit()):
            raw = mail(leaf(b"Hi\r\n", "text/plain"))
            done = compose(Message(raw), fixes, exit=nothing, language="fr", eight_bit=False)
            assert done == Unmendable("there is no exit address to offer")


# ---- header fields ---------------------------------------------------------------------------


def test_new_fields_stand_at_the_very_top() -> None:
    raw = mail(leaf(b"Hi\r\n", "text/plain"))
    done = mend(raw, [("a", AddField("List-Id", "Été <news.acme.example>")), ("b", OfferExit())])
    assert (
        done.raw
        == (
            b"List-Id: =?utf-8?b?w4l0w6kgPG5ld3MuYWNtZS5leGFtcGxlPg==?=\r\n"
            b"List-Unsubscribe: <https://u.acme.example/u/AQcDeF-0_9>, "
            b"<mailto:u@acme.example?subject=unsubscribe%20AQ>\r\n"
            b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        )
        + raw
    )
    assert [edit.why for edit in done.edits] == ["a", "b", "b"]


def test_an_offer_replaces_what_there_is() -> None:
    old = b"List-Unsubscribe: <mailto:x@y.example>,\r\n <https://y.example>\r\n"
    post = b"LIST-UNSUBSCRIBE-POST: one\r\n"
    raw = old + HEAD + post + b"\r\nHi\r\n"
    done = mend(raw, [("missing-one-click", OfferExit(replace=True))])
    assert old not in done.raw
    assert post not in done.raw
    assert done.raw.endswith(HEAD + b"\r\nHi\r\n")


def test_a_field_is_removed_whole() -> None:
    raw = b"A: 1\r\nX-SmtpGuard-Stream: a\r\n\tb\r\nFrom: a@b\r\n\r\nHi\r\n"
    assert mend(raw, [("r", RemoveField(1)), ("s", RemoveField(1))]).raw == (
        b"A: 1\r\nFrom: a@b\r\n\r\nHi\r\n"
    )


def test_fields_that_are_not_there_and_headers_that_are_none_are_refused() -> None:
    def refused(raw: bytes, fix: Fix) -> str:
        done = compose(Message(raw), [("r", fix)], exit=None, language="en", eight_bit=False)
        assert isinstance(done, Unmendable)
        return done.why

    assert "no such" in refused(HEAD + b"\r\n", RemoveField(9))
    assert "no field" in refused(b" folded\r\nFrom: a@b\r\n\r\n", AddField("A", "b"))
    assert "no field" in refused(b"From a@b Mon\r\nFrom: a@b\r\n\r\n", AddField("A", "b"))


def test_two_fixes_of_one_place_are_refused() -> None:
    raw = mail(leaf(b"Hi\r\n", "text/plain; charset=us-ascii"))
    index = next(i for i, f in enumerate(Message(raw).fields) if f.key == "content-type")
    fixes = [*footer(""), ("x", RemoveField(index))]
    done = compose(Message(raw), fixes, exit=WAY_OUT, language="fr", eight_bit=False)
    assert done == Unmendable("two fixes would change the same place")


# ---- images and lines ------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_image_is_removed_and_nothing_else(encoding: str) -> None:
    source = "https://t.example/o.gif?u=1&copy=2&c=3"
    pixel = '<IMG width=1\n SRC="https://t.example/o.gif?u=1&copy=2&amp;c=3" alt=">">'
    page = (
        f"<body>{pixel}<p>a</p>\n{pixel}<!-- {pixel} --><img src='https://t.example/o.gif'>"
        f"<p title='{pixel.replace(chr(39), '')}'>b</p>{pixel}</body>\n"
    )
    raw = mail(leaf(crlf(page), "text/html; charset=utf-8", encoding))
    done = mend(raw, [("unconsented-tracking-pixel", RemoveImage("", source))])
    kept = page.replace(f"<body>{pixel}", "<body>").replace(f"\n{pixel}<!--", "\n<!--")
    assert text(done.raw) == crlf(kept.replace(f"</p>{pixel}</body>", "</p></body>")).decode()


def test_removing_and_adding_go_together() -> None:
    page = "<body><p>Hi</p><img src=https://t.example/o.gif></body>\n"
    raw = mail(leaf(crlf(page), "text/html", "quoted-printable"))
    done = mend(raw, [("p", RemoveImage("", "https://t.example/o.gif")), *footer("")])
    assert "t.example" not in text(done.raw)
    assert "<p>Hi</p><div" in text(done.raw)


@pytest.mark.parametrize("encoding", ["", "7bit", "8bit", "quoted-printable"])
def test_lines_over_the_limit_are_encoded_again(encoding: str) -> None:
    content = b"x" * 1200 + b"\r\nshort\r\n"
    part = leaf(b"", "text/html; charset=utf-8", encoding).removesuffix(b"\r\n") + b"\r\n" + content
    raw = mail(part)
    done = mend(raw, [("overlong-line", Reencode(""))])
    assert Message(done.raw).root.content == content
    assert max(map(len, done.raw.split(b"\r\n"))) <= 76
    assert Message(done.raw).root.encoding == "quoted-printable"


# ---- structure -------------------------------------------------------------------------------

SIGNED = leaf(b"signature", "application/pkcs7-signature; name=smime.p7s", "base64")


@pytest.mark.parametrize(
    ("part", "number"),
    [
        (multipart("signed", leaf(b"Hi\r\n", "text/plain"), SIGNED), "1"),
        (
            multipart(
                "mixed",
                multipart("signed", leaf(b"Hi\r\n", "text/plain"), SIGNED, boundary="i"),
            ),
            "1.1",
        ),
        (
            multipart(
                "signed",
                multipart("mixed", leaf(b"Hi\r\n", "text/plain"), boundary="i"),
                SIGNED,
            ),
            "1.1",
        ),
        (multipart("encrypted", leaf(b"Hi\r\n", "text/plain")), "1"),
        (multipart("mixed", leaf(HEAD + b"\r\nHi\r\n", "message/rfc822")), "1.1"),
        (multipart("mixed", leaf(b"PDF", "application/pdf")), "1"),
        (multipart("alternative", leaf(b"<html amp4email>", "text/x-amp-html")), "1"),
        (leaf(b"Hi\r\n", "text/plain\r\nContent-Disposition: attachment"), ""),
        (leaf(b"Hi\r\n", "text/plain"), "7"),
        (leaf(b"Hi\r\n", "text/plain; charset=utf-7"), ""),
        (leaf(b"Hi\r\n", "text/plain\r\nContent-Transfer-Encoding: x-uuencode"), ""),
        (leaf(b"Hi\r\n", "text/plain\r\nContent-Type: text/html"), ""),
        (leaf(b"", "text/plain\r\nContent-Transfer-Encoding: base64") + b"SGkK!!!SG\r\n", ""),
    ],
)
def test_what_may_not_be_changed_is_not_changed(part: bytes, number: str) -> None:
    done = compose(
        Message(mail(part)), footer(number), exit=WAY_OUT, language="fr", eight_bit=False
    )
    assert isinstance(done, Unmendable)


def newsletter() -> bytes:
    attached = HEAD + b"\r\nForwarded.\r\n"
    return mail(
        multipart(
            "mixed",
            multipart(
                "related",
                multipart(
                    "alternative",
                    leaf(crlf(ACCENTS), "text/plain; charset=utf-8; format=flowed", "8bit"),
                    leaf(crlf(PAGE), "text/html; charset=utf-8", "quoted-printable"),
                    boundary="--inner-1",
                ),
                leaf(bytes(range(256)), 'image/png; name="a.png"', "base64"),
                boundary="--inner",
            ),
            *(leaf(attached, "message/rfc822") for _ in range(18)),
            leaf(b"%PDF" + bytes(range(256)) * 40, "application/pdf", "base64"),
            leaf(b"a,b\r\n1,2\r\n", "text/csv\r\nContent-Disposition: attachment; filename=a.csv"),
        )
    )


def test_structure_and_attachments_stay_as_they_were() -> None:
    """mailcow#5892, #7399, #7480, #7398, #6588; sympa#658."""
    raw = newsletter()
    done = mend(raw, footer("1.1.1", "1.1.2"))
    before, after = Message(raw), Message(done.raw)
    assert [(p.number, p.type) for p in before.parts] == [(p.number, p.type) for p in after.parts]
    assert len(after.attachments) == len(before.attachments) == 21
    assert done.raw.count(b"Acme SAS") == 2
    assert text(done.raw, "1.1.1").count("Acme SAS") == 1
    assert text(done.raw, "1.1.2").count("Acme SAS") == 1
    assert done.raw.endswith(raw[raw.index(b"----inner-1--") :])


def test_equal_paragraphs_of_two_rules_are_one_and_stand_in_their_order() -> None:
    raw = mail(leaf(b"Hi\r\n", "text/plain; charset=utf-8", "8bit"))
    one = Paragraph(Place.SENDER, "Sender: Acme SAS.", frozenset({""}))
    last = Paragraph(Place.RIGHTS, "Rights: dpo@acme.example.", frozenset({""}))
    where = Paragraph(Place.ADDRESS, "Postal address: Lyon.", frozenset({""}))
    done = mend(raw, [("c", last), ("a", one), ("b", where), ("d", one)])
    assert text(done.raw) == (
        "Hi\r\n\r\nSender: Acme SAS.\r\n\r\nPostal address: Lyon.\r\n"
        "\r\nRights: dpo@acme.example.\r\n"
    )
    (edit,) = done.edits
    assert edit.why == "c, a, b, d"


def test_what_is_already_there_is_not_put_in_again() -> None:
    raw = mail(leaf(crlf(PAGE), "text/html; charset=utf-8", "quoted-printable"))
    once = mend(raw, footer("")[1:])
    both = mend(once.raw, footer(""))
    assert text(both.raw).count("Acme SAS") == 1
    assert "{exit}" not in text(both.raw)


def test_no_fix_is_no_edit() -> None:
    raw = newsletter()
    assert mend(raw, []) == Mended(raw, ())


@pytest.mark.parametrize("language", sorted(WORDINGS))
def test_every_language_goes_into_both_kinds_of_text(language: str) -> None:
    done = mend(newsletter(), footer("1.1.1", "1.1.2", language=language), language=language)
    assert unsubscribe(language).replace("{exit}", WAY_OUT.url) in text(done.raw, "1.1.1").replace(
        " \r\n", " "
    )
    assert f">{label(language)}</a>".encode("ascii", "xmlcharrefreplace").decode() in text(
        done.raw, "1.1.2"
    )


# ---- any mail --------------------------------------------------------------------------------

SCRAPS = ["é", "word " * 20, "x" * 80, "\n", "\n\n", " ", "= =3D ", "\t", ".\n", "> q\n", "-- \n"]
TAGS = [
    "<p>",
    "</p>",
    "<!--",
    "-->",
    "</body>",
    "<body>",
    "<script>",
    "</script>",
    '<a title="',
    '">',
]


@st.composite
def any_mail(draw: st.DrawFn) -> tuple[bytes, str]:
    """A message with one text part of any shape, and the number of that part."""
    kind = draw(st.sampled_from(["plain", "html"]))
    pieces = draw(st.lists(st.sampled_from(SCRAPS + (TAGS if kind == "html" else [])), max_size=12))
    charset = draw(st.sampled_from(["utf-8", "iso-8859-1", "gb18030", "utf-16", ""]))
    encoding = draw(st.sampled_from(["8bit", "quoted-printable", "base64"]))
    if charset == "utf-16":
        encoding = "base64"
    parameter = f"; charset={charset}" if charset else ""
    flowed = draw(st.sampled_from(["", "; format=flowed", "; format=flowed; delsp=yes"]))
    content = crlf("".join(pieces), charset or "utf-8")
    part = leaf(content, f"text/{kind}{parameter}{flowed if kind == 'plain' else ''}", encoding)
    if draw(st.booleans()):
        return mail(part), ""
    return mail(multipart("mixed", part, leaf(b"PDF", "application/pdf", "base64"))), "1"


@settings(max_examples=200, deadline=None)
@given(any_mail(), st.booleans())
def test_any_mail_is_mended_without_harm_or_left_alone(
    case: tuple[bytes, str], eight_bit: bool
) -> None:
    raw, number = case
    done = compose(Message(raw), footer(number), exit=WAY_OUT, language="fr", eight_bit=eight_bit)
    if isinstance(done, Unmendable):
        assert "would" in done.why
        return
    assert mend(raw, footer(number), eight_bit=eight_bit) == done
    before = next(p for p in Message(raw).parts if p.number == number).text
    after = text(done.raw, number)
    assert before is not None
    head = next((i for i, c in enumerate(before) if c != after[i]), len(before))
    assert after.endswith(before[head:]), "the text was changed, not only added to"

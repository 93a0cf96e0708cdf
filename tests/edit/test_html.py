"""HTML mended: the footer where a person sees it, and nothing else touched."""

from __future__ import annotations

import pytest

from smtpguard.edit.compose import Unmendable, compose
from smtpguard.edit.fix import (
    OfferExit,
    Paragraph,
    Place,
    Reencode,
    RemoveImage,
)
from smtpguard.edit.verify import carries
from smtpguard.mail.message import Message
from smtpguard.unsubscribe.link import Exit
from tests.edit.letters import (
    ENCODINGS,
    PAGE,
    WAY_OUT,
    crlf,
    footer,
    leaf,
    mail,
    mend,
    multipart,
    text,
)


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

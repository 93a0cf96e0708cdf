"""What a person sees: the hiding tricks, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail import markup
from smtpguard.mail.message import Message
from smtpguard.mail.text import HTML, Link, Reading, Seen


def read(page: str, content_type: str = "text/html") -> Reading:
    head = f"Content-Type: {content_type}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    reading = Message((head + page).encode("utf-8", "replace")).readings[0]
    if reading.part.type in HTML and reading.part.text is not None:
        # However it was read, a parser reads the same.
        gathered, complete = markup.gather(reading.part.text)
        assert gathered.reading(reading.part, complete=complete) == reading
    return reading


def only_link(page: str) -> Link:
    (link,) = read(page).links
    return link


LINK = '<a href="https://u.acme.fr/x">unsubscribe</a>'
WHITE = '<a href="https://u.acme.fr/x" style="color:#fff">unsubscribe</a>'

HIDING = {
    "display inline": (LINK.replace("<a", '<a style="display:none"'), "display:none"),
    "display important": (
        LINK.replace("<a", '<a style="display: NONE !important; display:block"'),
        "display:none",
    ),
    "display by comment": (LINK.replace("<a", '<a style="display/**/:none"'), "display:none"),
    "display by escape": (LINK.replace("<a", r'<a style="d\69splay:none"'), "display:none"),
    "display by class": (
        f"<style>.x{{display:none}}</style><div class='y x'>{LINK}</div>",
        "display:none",
    ),
    "display by id": (f"<style>#f{{display:none}}</style><p id=f>{LINK}", "display:none"),
    "display by parent": (
        f"<style>.f td a{{display:none}}</style><table class=f><td>{LINK}",
        "display:none",
    ),
    "display in commented sheet": (
        f"<style><!-- a{{display:none}} --></style>{LINK}",
        "display:none",
    ),
    "display on all screens": (
        f"<style>@media only screen{{a{{display:none}}}}</style>{LINK}",
        "display:none",
    ),
    "display of nested cell": (
        f"<table><tr><td style='display:none'><table><tr><td><p>{LINK}</table></table>",
        "display:none",
    ),
    "preheader": (
        f"<div style='display:none;max-height:0;overflow:hidden'>News. {LINK}</div>",
        "display:none",
    ),
    "visibility": (f"<p style='visibility:hidden'>{LINK}", "visibility:hidden"),
    "opacity": (f"<p style='opacity:.01'>{LINK}", "opacity 0.01"),
    "opacity multiplied": (
        f"<p style='opacity:.5'><i style='opacity:50%'>{LINK}</i>",
        "opacity 0.25",
    ),
    "one pixel": (LINK.replace("<a", '<a style="font-size:1px"'), "font-size 1px"),
    "font shorthand": (f"<p style='font: 1px/1 Arial'>{LINK}", "font-size 1px"),
    "small of small": (f"<p style='font-size:10%'>{LINK}", "font-size 1.6px"),
    "white on white": (WHITE, "contrast 1.0"),
    "near white": (WHITE.replace("#fff", "rgb(250, 250, 250)"), "contrast 1.0"),
    "named": (WHITE.replace("#fff", "Snow"), "contrast 1.0"),
    "alpha": (WHITE.replace("#fff", "rgba(0,0,0,.02)"), "transparent text 0.02"),
    "transparent": (WHITE.replace("#fff", "transparent"), "transparent text 0"),
    "fill": (
        LINK.replace("<a", '<a style="-webkit-text-fill-color:white"'),
        "contrast 1.0",
    ),
    "hex on hsl": (
        f"<div style='background:hsl(210, 50%, 40%)'>{WHITE.replace('#fff', '#336699')}</div>",
        "contrast 1.0",
    ),
    "bgcolor of an ancestor": (
        f"<table bgcolor=336699><tr><td><b>{WHITE.replace('#fff', '#369')}</b></table>",
        "contrast 1.0",
    ),
    "colour by class": (
        f"<style>.f a:link{{color:#fff !important}}</style><p class=f>{LINK}",
        "contrast 1.0",
    ),
    "colour inherited": (
        "<font color=white><a href=u style='color:inherit'>unsubscribe</a></font>",
        "contrast 1.0",
    ),
    "colour of links": (f"<body link=#ffffff>{LINK}</body>", "contrast 1.0"),
    "colour inside": (LINK.replace("unsub", "<b style='color:white'>unsub"), "contrast 1.0"),
    "off screen": (
        f"<div style='position:absolute;left:-9999px'>{LINK}</div>",
        "left:-9999px",
    ),
    "margin": (f"<div style='margin-left:-2000px'>{LINK}</div>", "margin-left:-2000px"),
    "indent": (f"<p style='text-indent:-9999px'>{LINK}", "text-indent -9999px"),
    "no height": (
        f"<div style='max-height:0;overflow:hidden'>{LINK}</div>",
        "max-height:0 with overflow:hidden",
    ),
    "no width": (
        f"<div style='width:1px;overflow:hidden'>{LINK}</div>",
        "width:1px with overflow:hidden",
    ),
    "clip": (
        f"<div style='position:absolute;clip:rect(0 0 0 0)'>{LINK}</div>",
        "clip to nothing",
    ),
    "mso": (f"<p style='mso-hide:all'>{LINK}", "mso-hide:all"),
    "hidden": (f"<p hidden>{LINK}", "hidden"),
    "noscript": (f"<body>x<noscript>{LINK}</noscript>", "noscript"),
    "nothing to click": ("<a href=u></a>", "empty"),
    "image of a pixel": ("<a href=u><img src=x width=1 height=1 alt=out></a>", "image of 1px"),
    "hidden image": ("<a href=u><img src=x style='display:none' alt=out></a>", "display:none"),
}


@pytest.mark.parametrize("trick", HIDING)
def test_a_hidden_link_is_told_with_its_reason(trick: str) -> None:
    page, why = HIDING[trick]
    link = only_link(page)
    assert (link.seen, link.why) == (Seen.HIDDEN, why)
    assert "unsubscribe" not in read(page).visible


@pytest.mark.parametrize(
    ("page", "seen", "why"),
    [
        (LINK.replace("<a", '<a style="font-size:7px"'), Seen.ILLEGIBLE, "font-size 7px"),
        (LINK.replace("<a", '<a style="font-size:5pt"'), Seen.ILLEGIBLE, "font-size 6.66667px"),
        (WHITE.replace("#fff", "#ccc"), Seen.ILLEGIBLE, "contrast 1.6"),
        (
            f"<table background=x.jpg><td>{WHITE.replace('#fff', '#ffffff03')}</table>",
            Seen.HIDDEN,
            "transparent text 0.012",
        ),
        (f"<table background=bg.jpg><td>{WHITE}</table>", Seen.UNKNOWN, "background image"),
        (f"<p style='background:url(x.png)'>{LINK}", Seen.UNKNOWN, "background image"),
        (
            f"<p style='background-image:linear-gradient(#000,#fff)'>{WHITE}",
            Seen.UNKNOWN,
            "background image",
        ),
    ],
)
def test_what_is_hard_to_read(page: str, seen: Seen, why: str) -> None:
    link = only_link(page)
    assert (link.seen, link.why) == (seen, why)


PLAIN_TO_SEE = {
    "nothing said": LINK,
    "white on dark": f"<td bgcolor=#222222>{WHITE}</td>".join(("<table><tr>", "</table>")),
    "white on a picture's own cell": (
        f"<table background=x.jpg><tr><td bgcolor=#000000>{WHITE}</td></tr></table>"
    ),
    "font-size 0 around": f"<td style='font-size:0'><span style='font-size:12px'>{LINK}</span>",
    "visibility undone": (
        "<p style='visibility:hidden'>"
        "<a href=u style='visibility:visible;color:#00f'>unsubscribe</a>"
    ),
    "indent undone": f"<p style='text-indent:-9999px'><i style='text-indent:0'>{LINK}</i>",
    "dark mode": (
        f"<style>@media (prefers-color-scheme:dark){{a{{display:none;color:#fff}}}}</style>{LINK}"
    ),
    "narrow screens": f"<style>@media (max-width:600px){{a{{display:none}}}}</style>{LINK}",
    "dark mode of Outlook": f"<style>[data-ogsc] a{{color:#fff}}</style>{LINK}",
    "hover": f"<style>a:hover{{color:#fff}}</style>{LINK}",
    "inline beats sheet": (
        "<style>a{color:#fff}</style><a href=u style='color:#333'>unsubscribe</a>"
    ),
    "id beats class": f"<style>#f{{display:block}}.f{{display:none}}</style><p id=f class=f>{LINK}",
    "not Outlook": f"x<!--[if !mso]><!-->{LINK}<!--<![endif]-->",
    "not Outlook, old": f"x<![if !mso]>{LINK}<![endif]>",
    "small box that flows over": f"<div style='height:1px'>{LINK}</div>",
    "offset of a wide table": f"<div style='margin-left:-20px'>{LINK}</div>",
    "a hidden word in it": LINK.replace("</a>", "<i style='display:none'>now</i></a>"),
}


@pytest.mark.parametrize("case", PLAIN_TO_SEE)
def test_a_legible_link_is_seen(case: str) -> None:
    link = only_link(PLAIN_TO_SEE[case])
    assert (link.seen, link.why, link.text) == (Seen.VISIBLE, "", "unsubscribe")
    assert "unsubscribe" in read(PLAIN_TO_SEE[case]).visible


@pytest.mark.parametrize(
    "page",
    [
        f"x<!-- {LINK} -->",
        f"x<!--[if mso]>{LINK}<![endif]-->",
        f"x<!--[if (gte mso 9)|(IE)]>{LINK}<![endif]-->",
        f"x<template>{LINK}</template>",
        f"x<script>'{LINK}'</script>",
        f"x<textarea>{LINK}</textarea>",
        f"<title>{LINK}</title>x",
        f"x<style>/* {LINK} */</style>",
    ],
)
def test_what_no_reader_is_shown_is_no_link(page: str) -> None:
    assert read(page).links == ()


def test_hidden_words_do_not_lend_themselves_to_a_visible_link() -> None:
    link = only_link('<a href="u"><i style="font-size:1px">unsubscribe</i> ok</a>')
    assert (link.seen, link.text, link.context) == (Seen.VISIBLE, "ok", "ok")


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("https://a.fr/?x=1&amp;y=2", "https://a.fr/?x=1&y=2"),
        (" java\tscript:void(0)", "javascript:void(0)"),
        ("java&#10;script&colon;void(0)", "javascript:void(0)"),
        ("\x01https://a.fr\r\n", "https://a.fr"),
        ("", ""),
        ("#", "#"),
        ("//host/x", "//host/x"),
        ("https://acme.com@evil.test", "https://acme.com@evil.test"),
        ("%7B%7Bunsub%7D%7D", "%7B%7Bunsub%7D%7D"),
        ("&#123;&#123;unsub}}", "{{unsub}}"),
    ],
)
def test_targets_are_read_as_a_browser_reads_them(href: str, target: str) -> None:
    assert only_link(f'<a href="{href}">x</a>').target == target


def test_base_is_joined_to_relative_targets_only() -> None:
    page = "<head><base href='https://a.fr/m/'></head><a href=out>x</a><a href='#'>y</a>"
    assert [link.target for link in read(page).links] == ["https://a.fr/m/out", "#"]


def test_own_words_are_text_title_label_and_alt() -> None:
    link = only_link("<a href=u title='leave us' aria-label=Exit>go <img src=x alt='opt out'></a>")
    assert link.text == "go leave us Exit opt out"
    assert not link.image_only


def test_a_picture_alone() -> None:
    page = read("<a href=u><img src=' x.png' alt='' width=100 style='height:20px;width:50%'></a>")
    assert page.links[0].image_only
    assert page.links[0].text == ""
    assert (page.images[0].source, page.images[0].width, page.images[0].height) == (
        "x.png",
        100,
        20,
    )


@pytest.mark.parametrize(
    ("tag", "size"),
    [
        ("<img src=x width=1 height=1>", (1, 1)),
        ("<img src=x style='width:1px;height:0'>", (1, 0)),
        ("<img src=x width=100%>", (None, None)),
        ("<img src=x width=600 style='width:100%;height:auto'>", (600, None)),
        ("<img src=x width=20px height=1.0>", (20, 1)),
        ("<amp-img src=x width=3 height=4></amp-img>", (3, 4)),
    ],
)
def test_pixels_of_a_picture(tag: str, size: tuple[int | None, int | None]) -> None:
    (image,) = read(tag).images
    assert (image.width, image.height) == size


def test_areas_and_forms_are_links() -> None:
    page = read(
        "<map name=m><area href='https://a.fr/u' alt=Unsubscribe><area alt=none></map>"
        "<form action='https://a.fr/f'><p>Dear reader</p><button>Opt out</button></form>"
        "<form action='https://a.fr/g'><input name=q><input type=submit value=Stop></form>"
    )
    assert [(link.target, link.text) for link in page.links] == [
        ("https://a.fr/u", "Unsubscribe"),
        ("https://a.fr/f", "Opt out"),
        ("https://a.fr/g", "Stop"),
    ]


def test_urls_and_addresses_that_stand_in_the_text() -> None:
    page = read("<p>Leave: https://a.fr/u?x=(1). Or www.a.fr, or write to stop@a.fr!</p>")
    assert [link.target for link in page.links] == [
        "https://a.fr/u?x=(1)",
        "http://www.a.fr",
        "mailto:stop@a.fr",
    ]


def test_context_is_that_of_the_block_without_other_links() -> None:
    page = read(
        "<p>Far away.</p><p>To unsubscribe,<br>click <a href=u>here</a> or read our"
        " <a href=p>privacy policy</a>.</p><p>Next.</p>"
    )
    assert [link.context for link in page.links] == [
        "To unsubscribe, click here or read our .",
        "To unsubscribe, click or read our privacy policy.",
    ]


def test_context_reaches_two_hundred_characters_each_way() -> None:
    link = only_link(f"<p>{'a' * 300} <a href=u>x</a> {'b' * 300}</p>")
    assert link.context == f"{'a' * 199} x {'b' * 199}"


def test_a_hidden_link_keeps_its_hidden_context() -> None:
    assert only_link(f"<p hidden>If you wish to leave: {LINK}").context == (
        "If you wish to leave: unsubscribe"
    )


@pytest.mark.parametrize(
    "page",
    [
        f"<p>Hello</p><blockquote>{LINK}</blockquote>",
        f"<p>Hello</p><div class='gmail_quote x'>On Monday: {LINK}</div>",
        f"<p>Hello</p><p>-----Original Message-----</p><p>{LINK}</p>",
        f"<p>Hello</p><p>-------- Message transféré --------</p><p>{LINK}</p>",
        f"<p>Hello</p><hr><div id=divRplyFwdMsg>From: x</div><div>{LINK}</div>",
    ],
)
def test_quoted_messages_are_no_evidence(page: str) -> None:
    reading = read(page)
    assert reading.visible == "Hello"
    assert [link.quoted for link in reading.links] == [True]


def test_lines_blocks_and_spaces() -> None:
    page = "<h1>Big\n news</h1><p>a&nbsp;&nbsp;b<br>c <b>d</b><i>e</i></p><ul><li>f<li>g</ul>"
    assert read(page).visible == "Big news\na b\nc de\nf\ng"


def test_code_is_visible_but_no_prose() -> None:
    reading = read("<p>Write</p><pre>{{ name }}\n{{ city }}</pre><p>or <code>*|X|*</code></p>")
    assert reading.visible == "Write\n{{ name }}\n{{ city }}\nor *|X|*"
    assert reading.prose == "Write\nor"


def test_language() -> None:
    assert read("<html lang=fr-FR><body>x").language == "fr-FR"
    assert read("<p lang=fr>x").language == ""


def test_undecodable_text_is_incomplete() -> None:
    raw = b"Content-Type: text/html; charset=utf-7\r\n\r\n+ADw-a+AD4-"
    assert not Message(raw).readings[0].complete
    assert Message(raw).readings[0].visible == ""


def test_amp_is_read_as_html() -> None:
    assert read(LINK, "text/x-amp-html").links[0].text == "unsubscribe"


PIECES = [
    "<div", "</div>", "<p>", "<a href=", "<a href='u'>", "</a>", "style='",
    "style=\"color:", "\">", "'>", "<table>", "<td", "bgcolor=red", "<!--", "-->",
    "<![CDATA[", "<svg>", "<style>", "</style>", "a{color:#fff}", "<form action=x>",
    "<img src=x", "<base href=//[>", "&#0;", "\u0000", ";", "(", "<template>",
    "<noscript>", "<body link=x>", "%", "{{", "-----Original Message-----", "http://",
    "x@y.fr", "</form>", "<button>", "<br>", "<pre>", ":link,{",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(PIECES),
            st.text(max_size=8),
        ),
        max_size=30,
    )
)
def test_whatever_comes_is_read(pieces: list[str]) -> None:
    page = "".join(pieces)
    reading = read(page)
    assert "\n\n" not in reading.visible
    assert "\0" not in reading.visible
    for link in reading.links:
        assert len(link.context) <= 400 + len(link.text)
        assert link.target.isprintable() or not link.target.isascii()
        assert bool(link.why) == (link.seen is not Seen.VISIBLE)


@pytest.mark.parametrize("between", ["", " ", "\n"])
def test_a_link_without_words_has_no_words_of_the_next_block(between: str) -> None:
    cells = f"<td><a href=u><img src=x alt=out></a></td>{between}<td><h2>To unsubscribe</h2></td>"
    assert only_link(f"<table><tr>{cells}</table>").context == ""

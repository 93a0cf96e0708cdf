"""What is read without a parser is what the parser reads; what is doubtful is left to it."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail import markup, move, tidy, written
from smtpguard.mail.bounds import MAX_DEPTH, MAX_NODES
from smtpguard.mail.message import Message
from smtpguard.mail.part import Part
from smtpguard.mail.reading import Reading
from smtpguard.mail.selector import NO_TRAIL, Sheets
from tests.growth import STEEP, growth

EVERYTHING = 1_000_000
LONG = 150_000
"""Characters of a page that is made to cost much."""
NEWSLETTERS = sorted((Path(__file__).parent / "newsletters").glob("*.html"))


@pytest.fixture
def part() -> Part:
    return Message(b"Content-Type: text/html\r\n\r\n").root


def told(reading: Reading) -> tuple[Reading, list[str]]:
    """All that a reading says, contexts included."""
    return reading, [link.context for link in reading.links]


def by_parser(page: str, part: Part) -> tuple[Reading, list[str]]:
    gathered, complete = markup.gather(page)
    return told(gathered.reading(part, complete=complete))


def without(page: str, part: Part, lessons: int = EVERYTHING) -> tuple[Reading, list[str]] | None:
    found = tidy.read(part, page.encode(), lessons)
    return told(found) if found else None


LINK = '<a href="https://a.fr/1?x=1&amp;y=2" title=leave>out</a>'
SHEET = "<style>.x{color:#fff}\n#f td{display:none} p>a{font-size:1px} [hidden]{color:red}</style>"

TIDY = {
    "nothing": "",
    "text": "Hello\r\n  you &amp; me",
    "a whole page": f"<!DOCTYPE html>\n<html lang=fr><head><title>x</title></head><body>{LINK}"
    "</body>\n</html>\n",
    "a fragment": f"<div>a<p>b</p>{LINK}<br/>c</div>d",
    "head alone is implied": f"<meta charset=utf-8>{SHEET}<p class=x>{LINK}</p>",
    "body alone is implied": f"<html><head></head><p>{LINK}</p></html>",
    "rows without tbody": "<table><tr><td>a</td></tr>\n<tr><th>b</th></tr><tfoot></tfoot></table>",
    "tables in tables": "<table><tbody><tr><td><p>a</p><table><tr><td>b</td></tr></table></td></tr>"
    "</tbody></table>",
    "lists": "<ul>\n<li>a<ol><li>b</li></ol></li></ul><dl><dt>c</dt><dd>d</dd></dl>",
    "ends left out": "<p>a<p>b<div>c</div><ul><li>d<li><p>e<li>f</ul><dl><dt>g<dd>h<p>i</dl>"
    "<div><p>j</div><table><tr><td><p>k</td></tr></table><p>l<h1>m</h1><p>n<hr>o",
    "names of other languages": "<p>a<o:p></o:p><v:rect fill=t>b</v:rect></p>",
    "html ends before the body": "<html><body>a</html>\n",
    "HTML 4.0": '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.0 Transitional//EN">'
    f"{SHEET}<p class=X>{LINK}",
    "comments": "a<!-- <p> -- -->b<!---->c<!--[if mso]><table><tr><td><![endif]-->d<![if !mso]>e",
    "targets of every kind": "<a href=u>a</a><a href='v&copy=1'>b</a><A HREF=\"w\">c</A><a>d</a>"
    '<a href="http://x y\r\nz ">e</a><a href="http://a.fr/<>">f</a><a href="https://a.fr/&lt;&copied">g</a>',
    "two URLs in a tag": '<html xmlns="http://w.org/1" xmlns:v="http://v.org"><body>'
    '<a data-x="http://a.fr/1" href="http://a.fr/2">a</a><a href="http://b.fr/1" data-x="http://'
    'b.fr/2"><img src="http://i.fr/1" data-src="http://i.fr/2">b</a><a data-x="http://c.fr/1"\n'
    'data-y="http://c.fr/2" href=u>c</a><img data-y="http://d.fr/1" data-z=1 src="http://d.fr/2">',
    "a URL last": '<p>a</p><img src="http://i.fr/1">',
    "a URL first": '<a href="http://a.fr">b</a>',
    "a link on each side of what is known": f"{LINK * 7}<a href='u'>x{LINK.replace('<a', '</a><a')}"
    * 5,
    "controls in a URL": '<a href="http://a.fr/\x01\tb\x7f">a</a><a href=" http://a.fr">b</a>'
    '<a href="http://\u00e9.fr/\u00a0">c</a><a href="http://a.fr/ ">d</a>',
    "references in a URL": '<a href="http://a.fr/?&amp;a&#38;b&amp;amp;">a</a>'
    '<a href="http://a.fr/?&amp;a">b</a>',
    "pictures": f'<img src="http://i.fr/1.gif?u=1" width=1 alt="x &quot;">{LINK}<img src=2>'
    '<a href="http://a.fr/"><img src="http://i.fr/3" alt=three> and <b>more</b></a>',
    "a link around blocks": '<a href="http://a.fr"><div>a</div><table><tr><td>b</td></tr></table></a>'
    "<p>c</p>",
    "links that stand as text": "<p>See http://a.fr/x, www.b.fr or me@c.fr.</p> and http://d.fr",
    "style": f"{SHEET}<table id=f><tr><td class=x>a</td></tr></table><p hidden><a href=u>b</a></p>",
    "style of old pages": f"<!DOCTYPE html><html>{SHEET}<p class=X>{LINK}</p></html>",
    "no doctype": f"{SHEET}<p class=X>{LINK}</p>",
    "xhtml": '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
    ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">'
    f'<html xmlns="http://www.w3.org/1999/xhtml"><head>{SHEET}</head><body>{LINK}</body></html>',
    "colours": "<body link=#fff bgcolor=#fff><font color=white>a</font><a href=u>b</a></body>",
    "quoted": f"<p>a</p><blockquote>{LINK}</blockquote><div class='gmail_quote x'>b</div>",
    "a counter behind the page": "<html><body>a</body></html>\n<img src='x' width=1 height=1>",
    "open at the end": "<div><p>a<b>b",
    "a script": "<script type='application/ld+json'>{'p': 1}</script>a",
    "an old sheet": "<style><!-- p{color:#fff} --></style><p>a",
    "not whole": "<style>" + "".join(f".c{i}{{color:red}}" for i in range(600)) + "</style>a",
}


@pytest.mark.parametrize("name", TIDY)
def test_it_shows_what_the_parser_shows(name: str, part: Part) -> None:
    page = TIDY[name]
    for _ in range(2):  # learning, and knowing
        assert without(page, part) == by_parser(page, part)


UNTIDY = {
    "a table in p": "<p>a<table><tr><td>b</td></tr></table>",
    "a block in a phrase in p": "<p><span>a<div>b</div></span>",
    "a phrase that ends around p": "<span><p>a</span>b",
    "p open at the end of the body": "<body><p>a</body><b>c</b>",
    "a link in a link": "<a href=u>a<a href=v>b</a></a>",
    "a link in a cell in a link": "<a href=u><table><tr><td><a href=v>b</a></td></tr></table></a>",
    "an item without a list": "<div><p>a<li>b</div>",
    "an item that ends with what is in it": "<ul><li><b>a<li>b</b></ul>",
    "a heading in a heading": "<h1>a<h2>b</h2></h1>",
    "crossed": "<b>a<i>b</b>c</i>",
    "an end without a beginning": "a</p>b",
    "a cell without a row": "<table><td>a</td></table>",
    "a row without a table": "<tr>a</tr>",
    "text in a table": "<table>a<tr><td>b</td></tr></table>",
    "nbsp in a table": "<table>&nbsp;<tr><td>b</td></tr></table>",
    "an element in a row": "<table><tr><b></b></tr></table>",
    "two bodies": "<body>a<body class=x>b",
    "html in the middle": "a<html lang=fr>b",
    "text behind the end": "<body>a</body>b",
    "an element that nobody knows": "<custom>a</custom>",
    "a form": "<form action=u><button>a</button></form>",
    "svg": "<svg><p>a</p></svg>",
    "pre": "<pre>a\nb</pre>",
    "noscript": "<noscript>a</noscript>",
    "base": "<base href='http://a.fr/'><a href=u>b</a>",
    "style in the body": "<p>a</p><style>p{display:none}</style>",
    "a comment without end": "<p>a<!-- b",
    "a comment that ends early": "<p>a<!--> b -->",
    "a comment that ends oddly": "<p>a<!-- b --!> c --> d",
    "a title with tags": "<title>a<p></title>b",
    "a comment that ends in a URL": '<!-- a="http -->Hi <a href="http://u.fr">x</a>z<!-- b -->c',
    "a sheet with tags": "<style>a<p{color:#fff}</style>b",
    "a style without end": "<style>p{display:none}",
    "a tag without end": "<p>a<b",
    "a tag in a tag": "<p title='<b>'>a</p>",
    "a quote without end": "<p title=\"a>b<i>c</i>",
    "no space between attributes": '<p title="a"class="b">c</p>',
    "an attribute that is none": '<p "x">a</p>',
    "a bracket in the text": "<p>1 < 2</p>",
    "a reference without end": "<p>&copy 2026</p>",
    "a reference that a URL may mean": '<a href="http://a.fr/?x&copy-1">b</a>',
    "a control character": "<p>&#1;&#x80;</p>",
    "a reference nobody knows": "<p>&bogus;</p>",
    "nul": "<p>a\0b</p>",
    "our own mark": "<p>a\x80b</p>",
    "a URL cut off": '<a href="http://a.fr',
    "nul in a URL": '<a href="http://a.fr/\0">a</a>',
    "two URLs that lead": '<a href="http://a.fr" src="http://b.fr">a</a>',
    "a URL twice": '<a href="http://a.fr" href="http://b.fr">a</a>',
    "a URL that is shown": '<img src=x alt="http://a.fr/">',
    "a URL in the text like one in a tag": '<p>x="http://a.fr/" y</p>',
    "a value asked for by a selector": "<style>a[href='u']{display:none}</style>a",
    "a declaration of its own": "<!DOCTYPE html SYSTEM 'x'>a",
    "two declarations": "<!DOCTYPE html><!DOCTYPE html>a",
    "an earlier message": "<p>a</p><p>-----Original Message-----</p><p>b</p>",
    "Outlook's mark": "<p>a</p><div id=divRplyFwdMsg>b</div>",
    "deep": "<div>" * (MAX_DEPTH + 1),
    "many": "<br>" * (MAX_NODES + 1),
    "everything matched": "<style>*{color:red}</style>" * 20 + "<p>" * 10_000,
}  # fmt: skip


@pytest.mark.parametrize("name", UNTIDY)
def test_what_takes_a_parser_is_left_to_it(name: str, part: Part) -> None:
    for _ in range(3):
        assert without(UNTIDY[name], part) is None


@pytest.mark.parametrize("path", NEWSLETTERS, ids=lambda path: path.stem)
def test_newsletters(path: Path, part: Part) -> None:
    page = path.read_text("utf-8")
    found = without(page, part)
    assert found in (None, by_parser(page, part))
    assert (found is None) is (path.stem in ("fragment", "hybrid"))


PAGE = (
    "<html><body><p>Dear {name},</p>"
    + "".join(f"<p class=c{n}>Word {n}</p>" for n in range(25))
    + '<a class=b href="https://a.fr/{token}"><img src="https://i.fr/{token}.png" alt=x></a>'
    + "<p>Leave: https://a.fr/u</p></body></html>"
)


def test_everybody_gets_links_of_his_own(part: Part) -> None:
    move.MEMORY.forget()
    assert without(PAGE.format(name="Ann", token="1"), part, 10) is None
    assert without(PAGE.format(name="Ann", token="1"), part)
    other = PAGE.format(name="Ann", token="2&amp;3")
    assert without(other, part, 0) == by_parser(other, part)
    bob = PAGE.format(name="Bob", token="4")
    assert without(bob, part, 0) is None
    assert without(bob, part, 1) == by_parser(bob, part)


@pytest.mark.parametrize(
    ("charset", "codec"), [("utf-8", "utf-8"), ("iso-8859-1", "cp1252"), ("", "utf-8")]
)
def test_charsets(charset: str, codec: str) -> None:
    page = "<p>caf\u00e9 <a href='u'>d\u00e9j\u00e0</a></p>"
    head = f"Content-Type: text/html; charset={charset}\r\n\r\n".encode()
    for _ in range(3):
        (reading,) = Message(head + page.encode(codec)).readings
        assert (reading.visible, reading.links[0].text) == (
            "caf\u00e9 d\u00e9j\u00e0",
            "d\u00e9j\u00e0",
        )
        assert reading.part.text == page


@pytest.mark.parametrize(
    "page", [b"<p>\xe9</p>", b'<a href="http://a.fr/\xe9">a</a>', b"<p>a</p>\xff"]
)
def test_what_is_not_utf8_is_read_as_its_part_is(page: bytes, part: Part) -> None:
    assert tidy.read(part, page, EVERYTHING) is None
    message = Message(b"Content-Type: text/html; charset=utf-8\r\n\r\n" + page)
    (reading,) = message.readings
    assert reading.part.text == page.decode("cp1252")
    assert told(reading) == by_parser(page.decode("cp1252"), reading.part)


def test_what_is_new_is_learnt_little_by_little(part: Part) -> None:
    move.MEMORY.forget()
    tries = 0
    while without(PAGE, part, 10) is None:
        tries += 1
    assert 2 <= tries <= 5


def test_memory_is_bounded(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move, "ENOUGH", 20_000)
    move.MEMORY.forget()
    before = move.MEMORY.begin
    for n in range(100):
        page = PAGE.format(name=n, token=n)
        assert without(page, part) == by_parser(page, part)
    assert move.MEMORY.begin is not before
    assert sum(len(state) for state in move.MEMORY._states.values()) <= 20_000 / move.WEIGHT
    monkeypatch.undo()
    move.MEMORY.forget()


def test_one_page_does_not_teach_another(part: Part) -> None:
    """A style sheet, a declaration and attributes of <html> say nothing of other pages."""
    bodies = ("<body><p class=X>a</p></body></html>", "<body><p class=x>a</p></body></html>")
    pages = [
        f"{doctype}<html{of_html}><head>{style}</head>{body}"
        for doctype in ("", "<!DOCTYPE html>")
        for of_html in ("", " class=x", " lang=fr")
        for style in ("", "<style>.x{color:#fff}</style>", "<style>.x p{color:#fff}</style>")
        for body in bodies
    ]
    for page in pages:
        assert without(page, part) == by_parser(page, part)


@pytest.mark.parametrize(
    ("selector", "chain", "matches"),
    [
        ("p", "div p", True),
        ("div p", "div b p", True),
        ("div > p", "div b p", False),
        ("div > b p", "div b i p", True),
        ("div > b > p", "div div b p", True),
        ("b > p", "b i p", False),
        ("p div", "div p", False),
        ("div div p", "div p", False),
        ("*", "p", True),
    ],
)
def test_selectors(selector: str, chain: str, matches: bool) -> None:
    sheets = Sheets((f"{selector}{{color:red}}", "q q{color:blue}"), quirks=None)
    trail = NO_TRAIL
    for name in chain.split():
        trail = sheets.trail(sheets.element(name, {}), trail)
    assert bool(sheets.matched(trail)) is matches


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("a&amp;b&lt;&#233;&#xE9;&eacute;", "a&b<ééé"),
        ("?a=1&copy=2&copied=3&x", "?a=1&copy=2&copied=3&x"),
        ("&amp;copy;&&amp;amp;", "&copy;&&amp;"),
    ],
)
def test_values(raw: str, read: str) -> None:
    assert written.value(raw) == read


TAGS = re.findall(
    r"\S+",
    "html head body title style p div a b td tr table tbody ul li h1 h2 br img span font center"
    " blockquote dl dt hr meta section form o:p",
)
ATTRIBUTES = [
    "", " class=x", ' class="X y"', " id=f", ' style="display:none"', ' style="color:#fff"',
    ' href="http://a.fr/?a=1&amp;b"', ' href="u?x&copy=1"', " hidden", ' src="http://i.fr/p"',
    " alt='an &eacute;'", " bgcolor=#369", " lang=fr", ' title="http://t.fr"', " HREF=up",
]  # fmt: skip
TEXTS = [
    " ", "\n", "a", "b c", "&nbsp;", "&amp;", "AT&T", "&copy", "http://x.fr", "<!-- x -->", "\xa0",
    "<!--[if mso]><td><![endif]-->", "<!DOCTYPE html>", "<style>.x{color:#fff}</style>", "=",
    "<style>td .x,#f{display:none}</style>", "-----Original Message-----", "<!--", ">", "<",
]  # fmt: skip


@st.composite
def elements(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    tag, content = draw(st.sampled_from(TAGS)), "".join(draw(st.lists(inner, max_size=3)))
    wrapped = {"td": "<table><tr>{}</tr></table>", "li": "<ul>{}</ul>", "tr": "<table>{}</table>"}
    attributes = draw(st.sampled_from(ATTRIBUTES))
    element = f"<{tag}{attributes}>{content}" + draw(st.sampled_from([f"</{tag}>"] * 9 + [""]))
    return wrapped.get(tag, "{}").format(element) if draw(st.booleans()) else element


@settings(max_examples=400, deadline=None, database=None)
@given(st.recursive(st.sampled_from(TEXTS), elements, max_leaves=20))
def test_whatever_is_read_is_what_the_parser_reads(page: str) -> None:
    part = Message(b"Content-Type: text/html\r\n\r\n").root
    found = without(page, part)
    assert found is None or found == by_parser(page, part)


@given(st.text(alphabet=st.sampled_from("<>!-/ap =\"'&#;x\n"), max_size=20))
@settings(max_examples=400, deadline=None, database=None)
def test_whatever_is_written_is_read_or_left(page: str) -> None:
    part = Message(b"Content-Type: text/html\r\n\r\n").root
    found = without(page, part)
    assert found is None or found == by_parser(page, part)
    assert found is not None or re.search("[<&]", page)


URLS = ["http://a.fr/1", "https://b.fr/?x=1&amp;y=2", "http://c.fr/&#233;", "http://d.fr/ x"]
STRETCHES = [
    '<a href="{}">', "</a>", '<img src="{}" alt="x" width=1>', '<a data-x="{}" href="{}">', "word",
    "<p>", "</p>", "<br>", "<div style='display:none'>", "</div>", "http://stands.fr ", "<td ",
    ' x="{}"', "<blockquote>", "</blockquote>", "<!-- ", " -->", "  ", "<b>", "</b>",
]  # fmt: skip


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.sampled_from(STRETCHES), max_size=60), st.randoms(use_true_random=False))
def test_a_campaign_is_read_as_the_parser_reads_it(pieces: list[str], dice: random.Random) -> None:
    template = "".join(pieces)
    part = Message(b"Content-Type: text/html\r\n\r\n").root
    for _ in range(4):  # learnt, met, known, known many at once
        page = re.sub(r"\{\}", lambda _: dice.choice(URLS) + str(dice.random()), template)
        assert without(page, part) in (None, by_parser(page, part))


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.sampled_from(["<p>{}</p>", LINK, '<a href="{}"><b>x</b>', "</a>"]), max_size=40))
def test_a_campaign_of_many_links(pieces: list[str]) -> None:
    part = Message(b"Content-Type: text/html\r\n\r\n").root
    for number in range(5):
        page = "".join(pieces).replace("{}", f"http://a.fr/{number}")
        page = page.replace("a.fr/1", f"a.fr/{number}")
        assert without(page, part) in (None, by_parser(page, part))


ENDLESS = {
    "a link of phrases": ("<a href=u>", "<b>x</b>"),
    "a link of pictures": ('<a href="http://a.fr">', '<img src="http://i.fr">'),
    "a link of names": ('<a href="http://a.fr">', f'<img src="http://i.fr" alt="{"x" * 40}">'),
    "a link of pictures and words": ('<a href="http://a.fr">', '<img src="http://i.fr">x'),
    "a long link of pictures": (f'<a href="http://a.fr">{"x" * 30_000}', '<img src="http://i">'),
    "a tag of URLs": ("<p ", 'data-x="http://a.fr" '),
    "a comment of URLs": ("<!-- ", 'x="http://a.fr" '),
    "URLs that stand as text": ("", '="http"'),
    "URLs without end": ("", '<a href="http'),
    "a URL of references": ('<a href="http://a.fr/', "&amp;"),
    "links": ("", '<a href="http://a.fr">x</a>'),
    "a script of links": ("<script>", '<a href="http://a.fr">x</a>'),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_page_costs_its_length(name: str, part: Part) -> None:
    head, piece = ENDLESS[name]

    def page(size: int) -> bytes:
        return (head + piece * (size // len(piece))).encode()

    def read(octets: bytes) -> None:
        move.MEMORY.forget()
        tidy.read(part, octets, EVERYTHING)

    assert growth(page, read, LONG) < STEEP

"""Tags found where a browser finds them, in time that a hostile page cannot stretch."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.markup import images, place, places, tags, url
from smtpguard.mail.message import Message
from tests.growth import STEEP, growth


def test_only_real_tags_are_told() -> None:
    page = b"""<html><BODY class=">"><title></body></title><!--></body>--><a title="</body>">
<textarea></body></textarea><img src=a></body x></html><!-- </body> -->"""
    told = [(tag.name, tag.closing) for tag in tags(page)]
    assert told == [
        (b"html", False),
        (b"body", False),
        (b"title", False),
        (b"title", True),
        (b"body", True),
        (b"textarea", False),
        (b"textarea", True),
        (b"img", False),
        (b"body", True),
        (b"html", True),
    ]


@pytest.mark.parametrize(
    ("page", "best"),
    [
        (b"<p>x</p></body></html>", b"</body>"),
        (b"<p>x</p></BODY\n></html>", b"</BODY"),
        (b"<p>x</p></html>", b"</html>"),
        (b"<p>x</p>", b""),
        (b"<p>x</p></bodyguard>", b""),
        (b"</body>1<p></body>2", b"</body>2"),
        (b"<!-- </body> -->x", b""),
        (b"<!-->x</body>-->", b"</body>-->"),
        (b"<!--->x</body>-->", b"</body>-->"),
        (b"<!-- a --!>x</body>-->", b"</body>-->"),
        (b"<!doctype html>x</body>", b"</body>"),
        (b"<?xml ?>x</body>", b"</body>"),
        (b"<a b='>' c=\">\" d=x'y>x</body>", b"</body>"),
        (b"1 < 2 </body>", b"</body>"),
        (b"</ x></body>", b"</body>"),
        (b"</></body>", b"</body>"),
        (b"<script>'</scripty></body>'</script></body >", b"</body >"),
        (b'<p title="</body>', b""),
        (b"<p a = '</body> \"", b""),
        (b"<p\x00</body>", b""),
        (b"<br/></body>", b"</body>"),
    ],
)
def test_the_best_place_is_before_the_real_end(page: bytes, best: bytes) -> None:
    at = places(page)[0]
    assert page[at : at + max(len(best), 1)] == best


def tried(page: bytes) -> list[int]:
    """Every place, in the order in which they are tried."""
    found: list[int] = []
    more = True
    while more:
        at, more = place(page, len(found))
        found.append(at)
    return found


@pytest.mark.parametrize(
    ("page", "first"),
    [
        (b"<p>x</p></body></html>\r\n", b"</body>"),
        (b"<body></body>x</BODY >\n</HTML>\n\n", b"</BODY >"),
        (b"x</body>", b"</body>"),
        (b"<!-- x</body></html>", b"</body>"),
        (b"x</body><p>y", b"</body><p>"),
        (b"x", b""),
    ],
)
def test_the_end_of_the_page_is_tried_first_and_every_other_place_after_it(
    page: bytes, first: bytes
) -> None:
    at = tried(page)
    assert page[at[0] :].startswith(first)
    assert len(set(at)) == len(at)
    assert set(places(page)) <= set(at)
    assert [each for each in at if each in places(page)] == places(page)


def test_other_places_come_after_the_best() -> None:
    page = b"<html><body a=b>x</body></html>\r\n"
    assert [page[at:][:7] for at in places(page)] == [b"</body>", b"", b"x</body"]
    assert places(b"x") == [1]


@pytest.mark.parametrize(
    ("tag", "source"),
    [
        (b"<img src=a>", "a"),
        (b"<IMG\nSRC = 'a b' src=c>", "a b"),
        (b'<img alt=">" src="https://t.example/?a=1&amp;b=2">', "https://t.example/?a=1&b=2"),
        (b'<img src="?a&copy=1&reg;&para&#38;&#x41;&nope;&amp">', "?a&copy=1®¶&A&nope;&"),
        (b"<img src=' \n https://t.example/\n a\tb '>", "https://t.example/ ab"),
        (b"<img data-src=x>", ""),
        (b"<img src>", ""),
        (b"<img/src=a/>", "a/"),
        ("<img src=é>".encode("latin-1"), "é"),
    ],
)
def test_a_source_is_read_as_a_browser_reads_it(tag: bytes, source: str) -> None:
    ((found, at),) = images(b"<p>" + tag + b"</p>", "latin-1")
    assert found == source
    assert (at.start, at.end) == (3, 3 + len(tag))


def test_a_url_is_trimmed_as_browsers_do() -> None:
    assert url(" \x00\x1fhttps://a\r\n\t/b \n") == "https://a/b"


WORDS = """
<img_src=a> <img_src='b>'> <img_alt='"'_src=c/> <p_title=" "> <!-- --> - <script> </script> <style>
</style> <textarea> </textarea> _ / < > <b> </b> x ' = ! <a_href=x_y </a <title> </title>
<!doctype_html>
"""
PIECES = st.lists(st.sampled_from(WORDS.split()), max_size=16).map(
    lambda words: "".join(words).replace("_", " ")
)


@settings(max_examples=400, deadline=None)
@given(PIECES)
def test_the_images_told_are_those_a_browser_shows(page: str) -> None:
    octets = page.encode()
    (reading,) = Message(b"Content-Type: text/html; charset=utf-8\r\n\r\n" + octets).readings
    assert [source for source, _ in images(octets, "utf-8")] == [i.source for i in reading.images]
    for _, tag in images(octets, "utf-8"):
        assert octets[tag.start : tag.end].startswith(b"<img")
        assert octets[tag.start : tag.end].endswith(b">")
    assert all(0 <= at <= len(octets) for at in places(octets))


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"<a "),
        (b"", b"<!--"),
        (b"", b"<!-- - -"),
        (b"", b'<a b="'),
        (b"", b"<![CDATA["),
        (b"", b"<"),
        (b"", b"</"),
        (b"<a ", b" "),
        (b"<a b", b" "),
        (b"", b"<title>"),
        (b"", b"<script></script>"),
        (b"", b"<img "),
        (b"<img src=", b"&amp"),
        (b"", b"<body a='"),
    ],
)
def test_hostile_pages_take_linear_time(head: bytes, piece: bytes) -> None:
    def bomb(size: int) -> bytes:
        return head + piece * (size // len(piece))

    def look(page: bytes) -> None:
        places(page)
        list(images(page, "utf-8"))

    assert growth(bomb, look, 600_000) < STEEP

"""Hostile pages are cut before they cost, honest ones never."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail import bounds
from smtpguard.mail.message import Message
from smtpguard.mail.text import Reading
from tests.growth import STEEP, growth


def mail(text: str, subtype: str = "html") -> Message:
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return Message(head.encode() + text.encode())


def read(text: str, subtype: str = "html") -> Reading:
    return mail(text, subtype).readings[0]


def much(text: str, size: int) -> str:
    return text * (size // len(text))


PAGE = 1_600_000
"""Characters of the longer page; the shorter has an eighth of it, and breaks the bounds too."""

HOSTILE: dict[str, Callable[[int], str]] = {
    "unclosed div": lambda n: much("<div>", n),
    "unclosed p": lambda n: much("<p>", n),
    "unclosed links": lambda n: much("<a href=x>", n),
    "unclosed tables": lambda n: much("<table>", n),
    "misnested end tags": lambda n: much("<div><table></div></table>", n),
    "end tags in comments": lambda n: much("<div><!-- </div> -->", n),
    "end tags in values": lambda n: much("<div><b title='</div>'></b>", n),
    "end tags in CDATA": lambda n: much("<div><svg><![CDATA[</svg></div>]]>", n),
    "items in items": lambda n: much("<li><dd>", n),
    "cells in pictures": lambda n: much("<svg><td><td><td>", n),
    "end tags in text": lambda n: much("<div><title></div></title>", n),
    "attributes": lambda n: "<a " + " ".join(f"a{i}=1" for i in range(n // 10)) + ">",
    "attributes with marks": lambda n: "<a " + " ".join(f"a{i}='>'" for i in range(n // 100)) + ">",
    "attributes without space": lambda n: (
        "<a " + "".join(f"a{i}='<'" for i in range(n // 50)) + ">"
    ),
    "attributes by slashes": lambda n: "<a/" + "/".join(f"a{i}" for i in range(n // 20)) + ">",
    "a tag made of tags": lambda n: much("<a href='", n),
    "links": lambda n: much("<a href=x>y</a>", 3 * n),
    "rules of style": lambda n: (
        f"<style>{''.join(f'p{{color:#{i:06x}}}' for i in range(2_000))}</style>"
        + "<p>x" * (n // 80)
    ),
    "everything matched": lambda n: (
        f"<style>{''.join(f'*{{color:#{i:06x}}}' for i in range(400))}</style>" + "<p>x" * (n // 80)
    ),
}
HARMLESS: dict[str, Callable[[int], str]] = {
    "CDATA": lambda n: much("<![CDATA[", n),
    "half a comment": lambda n: much("<!-", n),
    "comments": lambda n: much("<!--", n),
    "an unended value": lambda n: (
        "<div x=\"'><div>" + "<div></b x='" * (n // 180) + "<div>" * (n // 180)
    ),
    "half a tag": lambda n: "<p>x" * (n // 500) + "<a href='" + "x" * (n // 16),
    "brackets in a sheet": lambda n: "<style>a{color:" + "(" * (n // 32) + "}</style>",
    "brackets in a style": lambda n: "<p style='color:" + "(" * (n // 32) + "'>",
    "entities": lambda n: much("&amp;", n),
    "closed elements": lambda n: "<div></div>" * (n // 80),
    "a table": lambda n: "<table>" + "<tr><td>1<td>2" * (n // 160) + "</table>",
    "spaces": lambda n: " " * n,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_is_cut(name: str) -> None:
    def look(message: Message) -> None:
        assert not message.readings[0].complete

    assert growth(lambda size: mail(HOSTILE[name](size)), look, PAGE) < STEEP


@pytest.mark.parametrize("name", HARMLESS)
def test_a_strange_page_is_read_whole(name: str) -> None:
    def look(message: Message) -> None:
        assert message.readings[0].complete

    assert growth(lambda size: mail(HARMLESS[name](size)), look, PAGE) < STEEP


@pytest.mark.parametrize(
    ("head", "piece", "tail"),
    [
        ("", "a", ""), ("", "a@", ""), ("", "www.", ""), ("", "http://", ""), ("", "x@a.", ""),
        ("", ">\n", ""), ("", "---\n", ""), ("", "On a\nb:\n", ""),
        ("", f"http://x{')' * 1990} ", ""), ("On ", "wrote ", ":\n"), ("", "{", ""),
    ],
)  # fmt: skip
def test_plain_text_costs_its_length(head: str, piece: str, tail: str) -> None:
    def look(message: Message) -> None:
        assert message.readings[0].complete

    def text(size: int) -> Message:
        return mail(head + much(piece, size) + tail, "plain")

    assert growth(text, look, 600_000) < STEEP


def test_what_was_read_before_the_cut_is_kept() -> None:
    reading = read("<p>Hello <a href=u>leave</a></p>" + "<div>" * 100_000)
    assert (reading.visible, len(reading.links), reading.complete) == ("Hello leave", 1, False)


def test_ten_mebibytes_of_text() -> None:
    reading = read("word " * (bounds.MAX_TEXT // 5 + 10), "plain")
    assert not reading.complete


def test_depth_is_a_matter_of_open_elements() -> None:
    deep = "<div>" * (bounds.MAX_DEPTH - 10) + "x" + "</div>" * (bounds.MAX_DEPTH - 10)
    assert bounds.fit(deep * 5) == (deep.encode() * 5, True)
    assert not bounds.fit("<div>" * 3_000)[1]


def test_long_values_are_no_attributes() -> None:
    picture = f"<img src='data:image/png;base64,{'aB/+' * 20_000}' alt=x><p>seen"
    assert bounds.fit(picture) == (picture.encode(), True)


@settings(deadline=None, database=None)
@given(
    st.lists(st.sampled_from(["<a", "</p", ">", '"', "'", "=", " ", "x", '="', '">', "b=1", "<"]))
)
def test_a_tame_page_has_short_tags_only(pieces: list[str]) -> None:
    page = "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "_SHORT", 12)
        if bounds._is_tame(page.encode()):
            tags = (token for token in bounds._TOKEN.finditer(page) if token["tag"])
            assert all(len(tag.group()) <= 12 + len('">') for tag in tags)

"""Hostile pages are cut before they cost, honest ones never."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail import bounds
from smtpguard.mail.message import Message
from smtpguard.mail.text import Reading


def read(text: str, subtype: str = "html") -> Reading:
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return Message(head.encode() + text.encode()).readings[0]


HOSTILE = {
    "unclosed div": "<div>" * 180_000,
    "unclosed p": "<p>" * 2_000_000,
    "unclosed links": "<a href=x>" * 90_000,
    "unclosed tables": "<table>" * 100_000,
    "misnested end tags": "<div><table></div></table>" * 30_000,
    "end tags in comments": "<div><!-- </div> -->" * 30_000,
    "end tags in values": "<div><b title='</div>'></b>" * 30_000,
    "end tags in CDATA": "<div><svg><![CDATA[</svg></div>]]>" * 30_000,
    "items in items": "<li><dd>" * 30_000,
    "cells in pictures": "<svg><td><td><td>" * 30_000,
    "end tags in text": "<div><title></div></title>" * 30_000,
    "attributes": "<a " + " ".join(f"a{i}=1" for i in range(100_000)) + ">",
    "attributes with marks": "<a " + " ".join(f"a{i}='>'" for i in range(5_000)) + ">",
    "attributes without space": "<a " + "".join(f"a{i}='<'" for i in range(20_000)) + ">",
    "attributes by slashes": "<a/" + "/".join(f"a{i}" for i in range(50_000)) + ">",
    "a tag made of tags": "<a href='" * 100_000,
    "links": "<a href=x>y</a>" * 60_000,
    "rules of style": "<style>"
    + "".join(f"p{{color:#{i:06x}}}" for i in range(2_000))
    + "</style>"
    + "<p>x" * 20_000,
    "everything matched": "<style>"
    + "".join(f"*{{color:#{i:06x}}}" for i in range(400))
    + "</style>"
    + "<p>x" * 20_000,
}
HARMLESS = {
    "CDATA": "<![CDATA[" * 100_000,
    "half a comment": "<!-" * 300_000,
    "comments": "<!--" * 225_000,
    "an unended value": "<div x=\"'><div>" + "<div></b x='" * 9_000 + "<div>" * 9_000,
    "half a tag": "<p>x" * 3_000 + "<a href='" + "x" * 100_000,
    "brackets in a sheet": "<style>a{color:" + "(" * 50_000 + "}</style>",
    "brackets in a style": "<p style='color:" + "(" * 50_000 + "'>",
    "entities": "&amp;" * 200_000,
    "closed elements": "<div></div>" * 20_000,
    "a table": "<table>" + "<tr><td>1<td>2" * 10_000 + "</table>",
    "spaces": " " * 2_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_is_cut(name: str) -> None:
    begun = time.process_time()
    assert not read(HOSTILE[name]).complete
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("name", HARMLESS)
def test_a_strange_page_is_read_whole(name: str) -> None:
    begun = time.process_time()
    assert read(HARMLESS[name]).complete
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "text",
    [
        "a" * 2_000_000, "a@" * 500_000, "www." * 300_000, "http://" * 300_000, "x@a." * 300_000,
        ">\n" * 300_000, "---\n" * 300_000, "On a\nb:\n" * 100_000, f"http://x{')' * 1990} " * 500,
        "On " + "wrote " * 200_000 + ":\n", "{" * 500_000,
    ],
)  # fmt: skip
def test_plain_text_costs_its_length(text: str) -> None:
    begun = time.process_time()
    assert read(text, "plain").complete
    assert time.process_time() - begun < 5


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

"""The engine of the wire, as we take it for granted."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from smtpguard.mail import markup
from smtpguard.mail.elements import KINDS, UNSEEN
from tests.mail.test_text import read


@pytest.mark.parametrize("tag", KINDS)
def test_an_element_is_of_its_kind_by_number_or_by_name(tag: str) -> None:
    number = LexborHTMLParser("").create_node(tag).tag_id
    assert markup._KINDS.get(number, KINDS[tag]) == KINDS[tag]


def test_only_names_that_are_not_of_html_go_without_a_number() -> None:
    page = LexborHTMLParser("")
    assert {t for t in KINDS if page.create_node(t).tag_id not in markup._KINDS} == {
        "amp-img",
        "xml",
    }


def test_text_is_text_and_comments_are_not_seen() -> None:
    page = LexborHTMLParser("<!DOCTYPE html><!-- --><p>x")
    assert page.body is not None
    assert page.root is not None
    paragraph = page.body.first_child
    assert paragraph is not None
    assert paragraph.first_child is not None
    assert paragraph.first_child.tag_id == markup._TEXT
    comment = page.root.prev
    assert comment is not None
    assert comment.prev is not None
    assert markup._KINDS[comment.tag_id] == markup._KINDS[comment.prev.tag_id] == UNSEEN


def test_what_follows_an_earlier_message_is_below_it() -> None:
    page, _ = markup.gather("<p>Hello</p><p>-----Original Message-----</p><p>old</p>")
    assert page.below
    page, _ = markup.gather("<p>Hello</p><blockquote>old</blockquote>")
    assert not page.below


@pytest.mark.parametrize(
    ("doctype", "selector", "attribute", "hidden"),
    [
        ("<!doctype html>", ".Gone", "class=Gone", True),
        ("<!doctype html>", ".Gone", "class=gone", False),
        ("<!doctype html>", "P#Gone", "id=Gone", True),
        ("", ".GONE", "class=Gone", True),
        ("", "#gone", "id=Gone", True),
    ],
)
def test_classes_and_ids_are_as_they_are_written_but_in_old_pages(
    doctype: str, selector: str, attribute: str, hidden: bool
) -> None:
    page = f"{doctype}<style>{selector}{{display:none}}</style><p {attribute}><a href=u>x</a></p>"
    (link,) = read(page).links
    assert link.why == ("display:none" if hidden else "")

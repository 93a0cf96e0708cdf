"""List-Unsubscribe and List-Unsubscribe-Post, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.unsubscribe.fields import ListUnsubscribe, compose, one_click
from smtpguard.unsubscribe.link import Exit
from tests.growth import STEEP, growth

URL, MAILTO = "https://u.acme.example/u/AQ", "mailto:u@acme.example?subject=unsubscribe%20AQ"


def test_both_uris_are_read_in_their_order() -> None:
    said = ListUnsubscribe.read([f"<{MAILTO}>,\t<{URL}>"])
    assert said == ListUnsubscribe((MAILTO, URL))
    assert (said.https, said.mailto) == (URL, MAILTO)


def test_white_space_within_the_brackets_and_comments_without_are_no_fault() -> None:
    assert ListUnsubscribe.read([f" ( by web ) < {URL[:12]} {URL[12:]} > (or) , <{MAILTO}> "]) == (
        ListUnsubscribe((URL, MAILTO))
    )


@pytest.mark.parametrize(
    ("value", "uris", "faults"),
    [
        ("", (), ("empty",)),
        ("  ", (), ("empty",)),
        (URL, (), ("no URI in angle brackets",)),
        ("<>", (), ("empty URI",)),
        (f"<{URL}", (), ("unclosed angle bracket",)),
        (f"<{URL}> <{MAILTO}>", (URL, MAILTO), ("something other than commas around the URIs",)),
        (f"<{URL}>; <{MAILTO}>", (URL, MAILTO), ("something other than commas around the URIs",)),
        (f"<{URL}>,", (URL,), ("something other than commas around the URIs",)),
        (f"unsubscribe <{URL}>", (URL,), ("something other than commas around the URIs",)),
        ("<u.acme.example/u>", (), ("URI without a scheme",)),
        ("<https://u.acme.example/é>", (), ("URI with characters that must be percent-encoded",)),
        ("<https://a\0b/>", (), ("URI with characters that must be percent-encoded",)),
    ],
)
def test_what_is_malformed_is_named(
    value: str, uris: tuple[str, ...], faults: tuple[str, ...]
) -> None:
    assert ListUnsubscribe.read([value]) == ListUnsubscribe(uris, faults)


def test_no_field_says_nothing_and_two_fields_are_a_fault() -> None:
    assert ListUnsubscribe.read([]) == ListUnsubscribe()
    two = ListUnsubscribe.read([f"<{URL}>", f"<{MAILTO}>"])
    assert two == ListUnsubscribe((URL,), ("more than one field",))


def test_http_is_not_https() -> None:
    said = ListUnsubscribe.read(["<http://u.acme.example/>"])
    assert said.https == ""
    assert said.uris == ("http://u.acme.example/",)
    assert ListUnsubscribe.read(["<HTTPS://u.acme.example/>"]).https == "HTTPS://u.acme.example/"


@settings(deadline=None)
@given(st.text("<>(), ahtps:/@\t", max_size=80))
def test_reading_never_raises(value: str) -> None:
    said = ListUnsubscribe.read([value])
    assert said.uris or said.faults


@pytest.mark.parametrize(
    ("piece", "tail"), [("<", ""), ("<>", ""), ("(", ""), ("<(", ""), ("()", "<a:>")]
)
def test_a_bomb_costs_its_length(piece: str, tail: str) -> None:
    def read(bomb: str) -> None:
        said = ListUnsubscribe.read([bomb])
        assert said.uris or said.faults

    assert growth(lambda size: piece * (size // len(piece)) + tail, read, 500_000) < STEEP


@pytest.mark.parametrize(
    ("values", "promised"),
    [
        (["List-Unsubscribe=One-Click"], True),
        ([" List-Unsubscribe=One-Click "], True),
        (["list-unsubscribe=one-click"], False),
        (["List-Unsubscribe=One-Click", "List-Unsubscribe=One-Click"], False),
        (["One-Click"], False),
        ([], False),
    ],
)
def test_one_click_is_promised_in_one_way_only(values: list[str], promised: bool) -> None:
    assert one_click(values) is promised


def test_what_is_composed_reads_back() -> None:
    fields = dict(compose(Exit(URL, MAILTO)))
    assert fields == {
        "List-Unsubscribe": f"<{URL}>, <{MAILTO}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert ListUnsubscribe.read([fields["List-Unsubscribe"]]) == ListUnsubscribe((URL, MAILTO))
    assert one_click([fields["List-Unsubscribe-Post"]])


def test_one_click_needs_https() -> None:
    assert compose(Exit("", MAILTO)) == [("List-Unsubscribe", f"<{MAILTO}>")]
    assert [name for name, _ in compose(Exit("http://u.acme.example/u/AQ"))] == ["List-Unsubscribe"]
    assert compose(Exit()) == []

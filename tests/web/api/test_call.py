"""Bodies as strangers send them: what is no JSON, what does not fit, and where."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.web.api.asked import Check, Clean, Lift, Suppress
from smtpguard.web.api.call import address, decoded, fitted, people
from smtpguard.web.api.problem import Refused
from tests.growth import STEEP, growth
from tests.web.api.conftest import problem

if TYPE_CHECKING:
    from tests.web.api.conftest import Program


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "not JSON: Expecting value, line 1, column 1"),
        (b"{", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"{} {}", "not JSON: Extra data"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        (b"\xff\xfe{\x00", "not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a": 1, "a": 2}', "a name is given twice"),
        (b'{"a": {"b": 1, "b": 1}}', "a name is given twice"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"9" * 5000, "not JSON that is read here"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deep"),
        (b'{"a": "\n"}', "not JSON"),
    ],
)
def test_what_is_no_json(octets: bytes, said: str) -> None:
    with pytest.raises(Refused) as caught:
        decoded(octets)
    assert caught.value.code == "malformed"
    assert said in caught.value.detail


@given(st.binary(max_size=200))
def test_octets_of_any_kind_are_json_or_refused(octets: bytes) -> None:
    with suppress(Refused):
        assert decoded(octets) == json.loads(octets)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
KEYS = st.sampled_from(
    ["addresses", "controller", "brand", "because", "reason", "at", "class", "x"]
)


@given(st.sampled_from([Suppress, Lift, Check, Clean]), st.dictionaries(KEYS, VALUES) | VALUES)
def test_any_value_fits_or_says_where_not(shape: type[Any], value: object) -> None:
    try:
        fitted(shape, value, "pointer")
    except Refused as refused:
        answer = refused.answer()
        said = json.loads(bytes(answer.body))
        assert said["errors"]
        assert all(one["pointer"].startswith("#") for one in said["errors"])
        assert len(answer.body) < 20_000


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ([], [("#", "expected an object")]),
        ({str(n): 1 for n in range(51)}, [("#", "too many members")]),
        ({"x" * 101: 1}, [("#", "names too long")]),
        ({"addresses": ["a"], "brand": {"a": 1}}, [("#/brand", "no object")]),
        ({}, [("#/addresses", "missing")]),
        ({"addresses": "a@b"}, [("#/addresses", "expected a list")]),
        ({"addresses": ["a", 5]}, [("#/addresses/1", "expected text")]),
        ({"addresses": ["a"], "adresses": []}, [("#/adresses", "did you mean `addresses`?")]),
        ({"addresses": ["a"], "class": "x"}, [("#/class", "not one of marketing")]),
        ({"addresses": ["a"], "a/b~c": 1}, [("#/a~1b~0c", "is not known here")]),
        ({"addresses": ["a"], "brand": None}, [("#/brand", "text")]),
        ({"addresses": ["a"], "brand": "x" * 101}, [("#/brand", "100 characters")]),
        ({"addresses": [], "brand": 5}, [("#/brand", "text"), ("#/addresses", "at least 1")]),
    ],
)
def test_where_it_does_not_fit(value: object, faults: list[tuple[str, str]]) -> None:
    with pytest.raises(Refused) as caught:
        fitted(Check, value, "pointer")
    found = caught.value.faults
    assert [one["pointer"] for one in found] == [place for place, _ in faults]
    assert all(said in one["detail"] for one, (_, said) in zip(found, faults, strict=True))


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({f"k{n:08d}": 1 for n in range(30_000)}, "#"),
        ({"k" * 500_000: 1}, "#"),
        ({"addresses": [1] * 200_000}, "#/addresses/0"),
        ({"addresses": ["x", [], *[[]] * 150_000]}, "#/addresses/1"),
        ({"addresses": [{}] * 120_000}, "#/addresses/0"),
        ({"addresses": ["x"] * 120_000}, "#/addresses"),
    ],
    ids=["members", "name", "numbers", "lists", "objects", "words"],
)
def test_what_does_not_fit_at_all_is_one_fault(value: dict[str, Any], place: str) -> None:
    """To find and tell each of them would take seconds."""
    with pytest.raises(Refused) as caught:
        fitted(Check, decoded(json.dumps(value).encode()), "pointer")
    (fault,) = caught.value.faults
    assert fault["pointer"] == place
    assert len(fault["detail"]) < 200


def test_a_word_costs_its_length() -> None:
    def body(size: int) -> bytes:
        return json.dumps({"addresses": ["\\" * size]}).encode()

    assert growth(body, lambda octets: fitted(Check, decoded(octets), "pointer"), 2_000_000) < STEEP


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("anna@client.example", "anna@client.example"),
        (" <Anna@Client.example> ", "anna@client.example"),
        ("zoé@bücher.example", "zoé@xn--bcher-kva.example"),
        ("a@b.example\n", "a@b.example"),
        ("a@b.example\nc@d.example", None),
        ("a\u202e@b.example", None),
        ("a@b.example\0", None),
        ("\ud800@b.example", None),
        ("a@\udfff.example", None),
        ("@b.example", None),
        ("x" * 980 + "@b.example", "x" * 980 + "@b.example"),
        ("x" * 1000 + "@b.example", None),
        ('"' + '\\"' * 200_000 + '"@b.example', None),
        ("a@" + "b." * 50_000 + "example", None),
    ],
)
def test_an_address_is_one_or_none(word: str, key: str | None) -> None:
    found = address(word)
    assert (found.key if found else None) == key


@given(st.lists(st.text(st.characters(), max_size=30)), st.lists(st.text(st.characters())))
def test_people_of_any_kind_are_read_or_named(addresses: list[str], domains: list[str]) -> None:
    found, faults = people(addresses, domains)
    assert len(found) + len(faults) == len(addresses) + len(domains)


async def test_a_body_is_sent_as_it_is(program: Program) -> None:
    headers = {
        **program.known("crm"),
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }
    answer = await program.client.post("/v1/check", content=b"\x1f\x8b", headers=headers)
    assert problem(answer, 415)["detail"].startswith("Content-Encoding")


async def test_the_type_may_have_parameters(program: Program) -> None:
    headers = {**program.known("crm"), "Content-Type": 'Application/JSON; charset="utf-8"'}
    said = json.dumps({"addresses": ["a@b.example"]})
    answer = await program.client.post("/v1/check", content=said, headers=headers)
    assert answer.status_code == 200

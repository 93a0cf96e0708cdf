from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.policy.model import Field, Host, MailAddress, Model, Octets, Seconds, Url, validate
from smtpguard.policy.source import read


class Inner(Model):
    colour: str = "red"
    number: int = 1


class Outer(Model):
    time: Seconds = 0.0
    size: Octets = 0
    host: Host = "a"
    mail: MailAddress = "a@b"
    url: Url = "https://a"
    inner: Inner = Inner()
    many: dict[str, Inner] = Field(default={})
    listed: tuple[Inner, ...] = ()
    perhaps: Inner | None = None


class Aliased(Model):
    kind: str = Field(default="x", alias="class")


def said(text: str) -> list[str]:
    source = read("f", text.encode())
    return [str(problem) for _, problem in validate(Outer, source, source.value, {})[1]]


def given_back(name: str, value: str) -> Any:
    source = read("f", f"{name}: {value}".encode())
    model, problems = validate(Outer, source, source.value, {})
    assert model, problems
    return getattr(model, name)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("10m", 600),
        ("2h", 7200),
        ("500ms", 0.5),
        ("1d", 86400),
        ("5", 5),
        ("1.5", 1.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert given_back("time", text) == seconds


@pytest.mark.parametrize(
    ("text", "octets"),
    [("25 MiB", 26214400), ("64KiB", 65536), ("1 GB", 10**9), ("512", 512), ("10k", 10240)],
)
def test_sizes(text: str, octets: int) -> None:
    assert given_back("size", text) == octets


@pytest.mark.parametrize(
    "text", ["10 bananas", "-3", "[1]", "true", ".nan", "m", "1e99", "{}", "~"]
)
@pytest.mark.parametrize("name", ["time", "size"])
def test_what_is_no_quantity(name: str, text: str) -> None:
    (problem,) = said(f"{name}: {text}")
    assert problem.startswith(f"f:1:7: {name}: ")
    assert "expected a" in problem


@given(st.integers(0, 10**9))
def test_quantities_are_written_so_that_they_read_back(number: int) -> None:
    shown = Outer(time=float(number) / 1000, size=number).model_dump(mode="json")
    assert Outer.model_validate(shown) == Outer(time=float(number) / 1000, size=number)


def test_hosts_are_kept_in_their_a_label_form() -> None:
    assert given_back("host", "Mail.Exämple.") == "mail.xn--exmple-cua"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "a_b"), ("host", "-a.example"), ("host", "a..b"), ("mail", "acme.example"),
        ("mail", "a b@c.example"), ("url", "ftp://x.example"), ("url", "https://"),
        ("url", "https://user@x.example"),
    ],
)  # fmt: skip
def test_words_that_are_none(name: str, value: str) -> None:
    (problem,) = said(f"{name}: {value}")
    assert value in problem


def test_a_url_has_no_slash_at_its_end() -> None:
    assert given_back("url", "https://x.example/") == "https://x.example"


def test_an_unknown_key_is_named_where_it_stands_with_what_was_meant() -> None:
    text = (
        "inner: {color: b}\nmany: {a: {numbr: 1}}\nlisted: [{colour: x, nmber: 2}]\n"
        "tme: 1\nperhaps: {numbr: 1}"
    )
    assert said(text) == [
        "f:1:9: inner.color: `color` is not known here; did you mean `colour`?",
        "f:2:12: many.a.numbr: `numbr` is not known here; did you mean `number`?",
        "f:3:22: listed.0.nmber: `nmber` is not known here; did you mean `number`?",
        "f:5:11: perhaps.numbr: `numbr` is not known here; did you mean `number`?",
        "f:4:1: `tme` is not known here; did you mean `time`?",
    ]  # fmt: skip


def test_an_alias_is_what_is_meant() -> None:
    source = read("f", b"clas: x")
    ((_, problem),) = validate(Aliased, source, source.value, {})[1]
    assert str(problem) == "f:1:1: `clas` is not known here; did you mean `class`?"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("inner: 3", "f:1:8: inner: expected a mapping (key: value), not `3`"),
        ("many: [1]", "f:1:7: many: expected a mapping (key: value), not a list"),
        ("listed: x", "f:1:9: listed: expected a list, not `x`"),
        ("inner: {colour: 12}", 'expected text, not `12`; write it in quotes: "..."'),
        ("inner: {colour: [a]}", "expected text, not a list"),
        ("inner: {colour: ~}", "expected text, not nothing"),
        ("[1, 2]", "f:1:1: expected a mapping (key: value), not a list"),
    ],
)
def test_what_was_expected_is_said(text: str, problem: str) -> None:
    assert problem in said(text)[0]

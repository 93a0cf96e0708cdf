"""Where links lead, by their text alone; the case folders of dead-unsubscribe-link have more."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.policy.controller import Brand, Unsubscribe
from smtpguard.rules.evidence.target import Targets, fault_of, host_of, ours

BRAND = Brand(
    name="acme",
    names=("Acme",),
    from_domains=frozenset({"acme.example"}),
    unsubscribe=Unsubscribe("https://u.acme.test", hosts=frozenset({"exits.local"})),
)


@pytest.mark.parametrize(
    "target",
    [
        "https://click.mail-depot.net/o/77",
        "HTTPS://click.mail-depot.net.:8443/o",
        "https://u.acme.test/u/1",
        "https://exits.local/u/1",
        "https://www.acme.example/out",
        "https://9.9.9.9/out",
        "mailto:out@mail-depot.net",
        "mailto:out%2B1@acme.example?subject=stop",
    ],
)
def test_one_can_leave(target: str) -> None:
    assert fault_of(target, BRAND) == ""


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("", "the target is empty"),
        ("#", "the target is '#'"),
        ("javascript:out()", "the target is 'javascript:out()'"),
        ("ftp://a.net/out", "the scheme is ftp"),
        ("out.html", "the target is relative"),
        ("https://", "the URL has no host"),
        ("https://[::1/", "the URL is malformed"),
        ("https://acme.example@evil.net/", "the URL hides its host evil.net behind a user name"),
        ("https://evil.net\\@acme.example/", ""),
        ("https://[fe80::1]/", "the host fe80::1 is not public"),
        ("https://10.0.0.1/", "the host 10.0.0.1 is not public"),
        ("https://2130706433/", "the host 2130706433 is not public"),
        ("https://u.other.test/", "the host u.other.test is not public"),
        ("https://example.com/", "the host example.com is not public"),
        ("mailto:", "mailto: without a mail address"),
        ("mailto:no-reply@acme.example", "nobody reads that mailbox"),
        ("mailto:out@localhost", "the host localhost is not public"),
    ],
)
def test_why_one_cannot(target: str, fault: str) -> None:
    assert fault_of(target, BRAND) == fault


def test_hosts() -> None:
    assert host_of("hTTps://A.Example.:80/x") == "a.example"
    assert host_of("mailto:a@b") == host_of("https://[") == host_of("#") == ""


def test_ours_is_what_the_policy_declares() -> None:
    assert ours("https://u.acme.test/u/1", BRAND)
    assert ours("https://exits.local/", BRAND)
    assert not ours("https://www.acme.example/out", BRAND)
    assert not ours("", Brand("bare", ()))


@given(st.text(max_size=80) | st.text(alphabet=":/@[]?#\\.ahtps%0", max_size=40))
@settings(max_examples=200)
def test_any_target_has_an_answer(target: str) -> None:
    assert isinstance(fault_of(target, BRAND), str)
    assert isinstance(host_of(target), str)


SCRAPS = [
    "https://", "http://", "HTTPS://", "https:", "//", "/", "\\", "?", "#", "@", ":8443", ".", " ",
    "mailto:", "u.acme.test", "exits.local", "click.mail-depot.net", "www.acme.example", "10.0.0.1",
    "[::1]", "[", "localhost", "é.fr", "\t", "\n", "x",
]  # fmt: skip
TARGETS = st.lists(st.lists(st.sampled_from(SCRAPS), max_size=6).map("".join), max_size=4)


def host_by_the_book(target: str) -> str:
    if not target[:6].lower().startswith("http"):
        return ""
    try:
        return (urlsplit(target.replace("\\", "/")).hostname or "").rstrip(".")
    except ValueError:
        return ""


@settings(max_examples=300, deadline=None)
@given(TARGETS)
def test_many_targets_are_judged_as_each_is(targets: list[str]) -> None:
    hosts = frozenset({"u.acme.test", "exits.local"})
    assert [host_of(target) for target in targets] == [*map(host_by_the_book, targets)]
    together = Targets(targets)
    assert together.led(hosts) == {i for i, t in enumerate(targets) if host_by_the_book(t) in hosts}
    doubtful = together.doubted(BRAND)
    for i, target in enumerate(targets):
        if i not in doubtful:
            assert target.startswith("https://")
            assert fault_of(target, BRAND) == ""


def test_an_ordinary_link_is_not_doubted() -> None:
    good = ["https://click.mail-depot.net/o/77?x=1", "https://u.acme.test/u/1", "https://a.net"]
    assert Targets(good).doubted(BRAND) == []
    odd = ["https://mail.test", "https://a.net?x", "http://a.net/"]
    assert Targets(odd).doubted(BRAND) == [0, 1, 2]
    assert Targets([*odd, *good, *odd]).doubted(BRAND) == [0, 1, 2, 6, 7, 8]


def test_hosts_that_only_begin_alike_are_told_apart() -> None:
    urls = ["https://u.acme.test/1", "https://u.acme.test.net/2", "https://u.acme.test", "", "x"]
    hosts = frozenset({"u.acme.test"})
    assert Targets(urls).led(hosts) == {0, 2}
    assert Targets(["https://u.acme.test", *urls]).led(hosts) == {0, 1, 3}

"""Which links lead out; the case folders of the unsubscribe rules have the messages."""

import gc
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.fix import Place
from smtpguard.mail.envelope import Envelope, Session
from smtpguard.mail.lexicon import says
from smtpguard.mail.message import Message
from smtpguard.mail.reading import Reading
from smtpguard.policy.controller import Brand, Controller, Existing, Unsubscribe
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules.evidence.exits import Way, exits, offer, sayers, way_through, ways, worded
from smtpguard.rules.evidence.target import ours
from smtpguard.rules.rule import Case

FOREIGN = "https://click.mail-depot.net/o/77"
OWN = "https://u.acme-news.fr/u/abc"


def case(
    body: str,
    url: str = "https://u.acme-news.fr",
    existing: Existing = Existing.KEEP,
    kind: str = "html",
) -> Case:
    exit_pages = Unsubscribe(url, hosts=frozenset({"out.mail-depot.net"}), existing=existing)
    brand = Brand("acme", ("Acme",), unsubscribe=exit_pages)
    stream = Stream("news", Controller("acme", "Acme SAS"), brand, Kind.MARKETING)
    page = f"<html><body>{body}</body></html>" if kind == "html" else body
    raw = f"Content-Type: text/{kind}\r\n\r\n{page}\r\n"
    return Case(Envelope(Session(), None), stream, Message(raw.encode()))


def found(body: str) -> list[str]:
    (only,) = exits(case(body))
    return [link.target for link in only.links]


def test_a_link_counts_by_its_own_words() -> None:
    body = f'<p><a href="/a">Site</a> <a href="{FOREIGN}">Unsubscribe</a> <a href="/b">Jobs</a></p>'
    assert found(body) == [FOREIGN]


def test_many_links_are_searched_through() -> None:
    links = [f'<a href="https://www.acme-news.fr/{i}">Item {i}</a>' for i in range(40)]
    links[7] = f'<a href="{FOREIGN}">Se désabonner</a>'
    links[31] = '<a href="https://www.acme-news.fr/unsubscribe?x">ici</a>'
    expected = [FOREIGN, "https://www.acme-news.fr/unsubscribe?x"]
    assert found("".join(f"<p>{link}</p>" for link in links)) == expected


def test_words_around_count_only_where_no_link_has_its_own() -> None:
    beside = f'<p>To unsubscribe, <a href="{FOREIGN}">click here</a>.</p>'
    (only,) = exits(case(beside))
    assert only.guessed
    assert [link.target for link in only.links] == [FOREIGN]
    (both,) = exits(case(f'{beside}<p><a href="{OWN}">Out</a></p>'))
    assert not both.guessed
    assert [link.target for link in both.links] == [OWN]


@pytest.mark.parametrize(
    ("existing", "target", "way"),
    [
        (Existing.KEEP, FOREIGN, Way.OPEN),
        (Existing.ADD, FOREIGN, Way.NONE),
        (Existing.REPLACE, FOREIGN, Way.NONE),
        (Existing.REPLACE, OWN, Way.OPEN),
        (Existing.REPLACE, "https://out.mail-depot.net/1", Way.OPEN),
    ],
)
def test_whose_exits_count(existing: Existing, target: str, way: Way) -> None:
    asked = case(f'<p><a href="{target}">Unsubscribe</a></p>', existing=existing)
    assert ways(asked) == ((tuple(asked.mail.readings), way),)


def test_without_exits_of_our_own_others_count() -> None:
    asked = case(f'<p><a href="{FOREIGN}">Unsubscribe</a></p>', "", Existing.REPLACE)
    assert exits(asked)[0].way is Way.OPEN
    assert offer(asked, frozenset({"1"})) == ()


def test_the_best_way_counts() -> None:
    hidden = f'<p style="display:none"><a href="{FOREIGN}">Unsubscribe</a></p>'
    assert exits(case(hidden))[0].way is Way.OBSCURED
    assert exits(case(f'{hidden}<p><a href="{OWN}">Unsubscribe</a></p>'))[0].way is Way.OPEN
    assert exits(case("<p>Unsubscribe</p>"))[0].way is Way.NONE


def test_the_offer_is_for_the_parts_that_lack_it() -> None:
    (paragraph,) = offer(case(""), frozenset({"1.1", "2"}))
    assert paragraph.place is Place.UNSUBSCRIBE
    assert paragraph.parts == {"1.1", "2"}
    assert paragraph.personal
    assert paragraph.label
    assert offer(case(""), frozenset()) == ()


def test_what_was_read_goes_with_the_message() -> None:
    asked = case(f'<p><a href="{FOREIGN}">Unsubscribe</a></p>')
    assert exits(asked) is exits(asked)
    gone = weakref.ref(asked.mail)
    del asked
    gc.collect()
    assert gone() is None


WORDS = [
    "unsub",
    "UN%73ub",
    "désabo",
    "nner",
    "opt",
    "-out",
    "/baja",
    "remove me",
    " ",
    "\n",
    "%",
    "%0a",
    "%20",
    "`",
    "://",
    "?action=stop",
    "abmelden",
    "\u0443",
]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=4).map("".join), max_size=6)


@settings(deadline=None, database=None)
@given(st.sampled_from(["unsub", "unsub_url"]), TEXTS)
def test_texts_searched_together_say_what_each_says(topic: str, texts: list[str]) -> None:
    assert sayers(topic, texts) == {i for i, text in enumerate(texts) if says(topic, text)}


@settings(deadline=None, database=None)
@given(TEXTS)
def test_words_are_heard_beside_urls_and_alone(texts: list[str]) -> None:
    assert worded(texts) == {i for i, text in enumerate(texts) if says("unsub", text)}


PIECES = [
    "un",
    "subscribe",
    "to leave this list ",
    "click <i>here</i> ",
    "</p><p>",
    "<br>",
    "&nbsp;",
    "<span style='display:none'>stop receiving</span>",
    "<blockquote>unsubscribe ",
    "</blockquote>",
    "<a href='https://u.acme-news.fr/u/abc'>",
    "<a href='https://out.mail-depot.net/1' style='display:none'>",
    "<a href='http://click.mail-depot.net/unsub'>",
    "<a href='https://click.mail-depot.net/o/7'>",
    "<a href='https://click.mail-depot.net/%75nsub'>Unsubscribe",
    "<a href='mailto:out@acme-news.fr'>",
    "<a href='#'>",
    "</a>",
    "https://www.acme-news.fr/page ",
    "\r\n",
    "\r\n> unsubscribe ",
    "\r\n-----Original Message-----\r\n",
]


def every_link(reading: Reading, brand: Brand) -> tuple[set[int], bool]:
    """Which links count, and whether by what is around them only; each looked at by itself."""
    links = [link for link in reading.links if not link.quoted]
    named = {
        i
        for i, link in enumerate(links)
        if ours(link.target, brand) or says("unsub_url", link.target) or says("unsub", link.text)
    }
    around = {i for i, link in enumerate(links) if says("unsub", link.context)}
    return named or around, not named


@settings(deadline=None, database=None, max_examples=300)
@given(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.sampled_from(Existing),
    st.sampled_from(["html", "plain"]),
    st.sampled_from(["way", "among", "links"]),
)
def test_what_is_looked_for_no_further_is_the_same(
    body: str, existing: Existing, kind: str, first: str
) -> None:
    asked = case(body, existing=existing, kind=kind)
    (only,) = exits(asked)
    counted, guessed = every_link(only.reading, asked.brand)
    links = [link for i, link in enumerate(only.candidates) if i in counted]
    ways = [
        way
        for link in links
        if (mine := ours(link.target, asked.brand)) or existing is Existing.KEEP
        for way in [way_through(link, mine)]
    ]
    some = range(0, len(only.candidates), 2)
    checks: dict[str, Callable[[], bool]] = {
        "way": lambda: only.way is max(ways, default=Way.NONE),
        "among": lambda: only.among(some) == [only.candidates[i] for i in some if i in counted],
        "links": lambda: list(only.links) == links and only.guessed is guessed,
    }
    assert checks[first]()
    assert all(check() for check in checks.values())

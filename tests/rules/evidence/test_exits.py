"""Which links lead out; the case folders of the unsubscribe rules have the messages."""

import gc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.fix import Place
from smtpguard.mail.envelope import Envelope, Session
from smtpguard.mail.lexicon import says
from smtpguard.mail.message import Message
from smtpguard.policy.controller import Brand, Controller, Existing, Unsubscribe
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules.evidence.exits import Way, exits, offer, sayers, way_of, worded
from smtpguard.rules.evidence.view import views
from smtpguard.rules.rule import Case

FOREIGN = "https://click.mail-depot.net/o/77"
OWN = "https://u.acme-news.fr/u/abc"


def case(
    body: str, url: str = "https://u.acme-news.fr", existing: Existing = Existing.KEEP
) -> Case:
    exit_pages = Unsubscribe(url, hosts=frozenset({"out.mail-depot.net"}), existing=existing)
    brand = Brand("acme", ("Acme",), unsubscribe=exit_pages)
    stream = Stream("news", Controller("acme", "Acme SAS"), brand, Kind.MARKETING)
    raw = f"Content-Type: text/html\r\n\r\n<html><body>{body}</body></html>\r\n"
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
    (view,) = views(asked.mail)
    assert way_of(view, exits(asked)) is way


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

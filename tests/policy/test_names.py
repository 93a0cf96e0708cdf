"""Names that somebody types: known, or what was perhaps meant; and which mail they mean."""

import pytest

from smtpguard.person import Person, Reason, Scope, Suppression
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.names import Named, UnknownName, find
from smtpguard.policy.stream import Kind, Stream
from smtpguard.policy.suppression import standing

ACME = Controller("acme", "Acme SAS")
OTHER = Controller("other", "Other SAS")
BRAND = Brand("acme", ("Acme",), suppression_lists=("all", "few"))
SHOP = Brand("shop", ("Shop",), suppression_lists=("all",))
TOYS = Brand("toys", ("Toys",), suppression_lists=("all", "few"))
STREAMS = (
    Stream("news", ACME, BRAND, Kind.MARKETING),
    Stream("invoices", ACME, BRAND, Kind.TRANSACTIONAL),
    Stream("offers", ACME, SHOP, Kind.MARKETING),
    Stream("bears", ACME, TOYS, Kind.MARKETING),
    Stream("letters", OTHER, Brand("other", ("Other",)), Kind.MARKETING),
)


def named(brand: str = "", stream: str = "", kind: Kind = Kind.MARKETING) -> Named:
    return find(["acme", "other"], STREAMS, "acme", brand, stream, kind=kind)


def test_a_stream_names_its_brand_and_class() -> None:
    assert named(stream="invoices").scope == Scope("acme", "invoices")
    assert named(stream="invoices").kind is Kind.TRANSACTIONAL
    assert named("shop", "offers").scope == Scope("shop", "offers")
    assert named("shop").scope == Scope("shop")
    assert named(kind=Kind.TRANSACTIONAL).kind is Kind.TRANSACTIONAL


def test_the_lists_that_stand_against_it() -> None:
    everywhere = ("all", Scope())
    assert named(stream="offers").lists == (everywhere,)
    assert named("acme").lists == (everywhere, ("few", Scope("acme")))
    assert named("toys", "bears").lists == (everywhere, ("few", Scope("toys")))
    assert named().lists == (everywhere, ("few", Scope("acme")), ("few", Scope("toys")))
    assert named(stream="invoices").lists == ()
    assert named(kind=Kind.TRANSACTIONAL).lists == ()


def test_the_only_controller_is_meant() -> None:
    assert find({"acme": 1}, STREAMS, None).controller == "acme"
    with pytest.raises(UnknownName, match=r"^name the controller: there is acme, other$"):
        find(["other", "acme"], STREAMS, None)
    with pytest.raises(UnknownName, match=r"^name the controller: there is none$"):
        find([], STREAMS, None)


@pytest.mark.parametrize(
    ("words", "what", "said"),
    [
        (("acm", "", ""), "controller", "no controller acm in the policies: did you mean acme?"),
        (("zzz", "", ""), "controller", "there is acme, other"),
        (("acme", "shp", ""), "brand", "did you mean shop?"),
        (("acme", "other", ""), "brand", "there is acme, shop, toys"),
        (("acme", "", "nws"), "stream", "did you mean news?"),
        (("acme", "", "letters"), "stream", "no stream letters"),
        (("acme", "shop", "news"), "stream", "no stream news in the policies: there is offers"),
    ],
)
def test_a_slip_is_named(words: tuple[str, str, str], what: str, said: str) -> None:
    with pytest.raises(UnknownName, match="in the policies") as caught:
        find(["acme", "other"], STREAMS, *words)
    assert caught.value.what == what
    assert said in str(caught.value)


SCOPES = (
    Scope(),
    Scope("acme"),
    Scope("shop"),
    Scope("acme", "news"),
    Scope("", "news"),
    Scope("acme", "invoices"),
)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_what_stands_is_what_the_guard_looks_at(reason: Reason, scope: Scope) -> None:
    person = Person((Suppression(reason, scope),))
    for stream in STREAMS[:4]:
        found = named(stream=stream.name).standing(person)
        assert next(iter(found), None) == standing(person, stream)
        assert named(stream=stream.name).standing(person, partly=True) == found


@pytest.mark.parametrize(
    ("mine", "whole", "partly"),
    [
        (named(), [0], [0, 1, 2, 3, 4, 5]),
        (named("acme"), [0, 1], [0, 1, 3, 4, 5]),
        (named("shop"), [0, 2], [0, 2]),
        (named("acme", "news"), [0, 1, 3, 4], [0, 1, 3, 4]),
    ],
)
def test_all_of_it_or_any_of_it(mine: Named, whole: list[int], partly: list[int]) -> None:
    person = Person(tuple(Suppression(Reason.OBJECTION, scope) for scope in SCOPES))
    assert [SCOPES.index(one.scope) for one in mine.standing(person)] == whole
    assert [SCOPES.index(one.scope) for one in mine.standing(person, partly=True)] == partly

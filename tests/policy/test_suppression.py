import pytest

from smtpguard.person import Person, Reason, Scope, Suppression
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Kind, Stream
from smtpguard.policy.suppression import MATRIX, blocks, standing

CELLS = [
    (Reason.OBJECTION, Kind.MARKETING, True),
    (Reason.OBJECTION, Kind.TRANSACTIONAL, False),
    (Reason.OBJECTION, Kind.PERSONAL, False),
    (Reason.ERASURE, Kind.MARKETING, True),
    (Reason.ERASURE, Kind.TRANSACTIONAL, False),
    (Reason.ERASURE, Kind.PERSONAL, False),
    (Reason.COMPLAINT, Kind.MARKETING, True),
    (Reason.COMPLAINT, Kind.TRANSACTIONAL, False),
    (Reason.COMPLAINT, Kind.PERSONAL, False),
    (Reason.HARD_BOUNCE, Kind.MARKETING, True),
    (Reason.HARD_BOUNCE, Kind.TRANSACTIONAL, True),
    (Reason.HARD_BOUNCE, Kind.PERSONAL, False),
    (Reason.MANUAL, Kind.MARKETING, True),
    (Reason.MANUAL, Kind.TRANSACTIONAL, True),
    (Reason.MANUAL, Kind.PERSONAL, False),
]


@pytest.mark.parametrize(("reason", "kind", "blocked"), CELLS)
def test_each_cell_of_the_matrix(reason: Reason, kind: Kind, blocked: bool) -> None:
    assert blocks(reason, kind) is blocked


def test_no_cell_is_left_out() -> None:
    assert {(r, k) for r, k, _ in CELLS} == {(r, k) for r in Reason for k in Kind}
    assert set(MATRIX) == set(Reason)


def stream(kind: Kind, name: str = "news", brand: str = "acme") -> Stream:
    return Stream(name, Controller("acme", "Acme SAS"), Brand(brand, (brand,)), kind)


@pytest.mark.parametrize(
    ("scope", "stands"),
    [
        (Scope(), True),
        (Scope(brand="acme"), True),
        (Scope(brand="other"), False),
        (Scope(brand="acme", stream="news"), True),
        (Scope(stream="offers"), False),
    ],
)
def test_scopes_nest(scope: Scope, stands: bool) -> None:
    person = Person((Suppression(Reason.OBJECTION, scope),))
    assert (standing(person, stream(Kind.MARKETING)) is not None) is stands


def test_the_invoice_arrives_after_an_objection_and_the_first_that_blocks_is_named() -> None:
    objection, bounce = Suppression(Reason.OBJECTION), Suppression(Reason.HARD_BOUNCE)
    assert standing(Person((objection,)), stream(Kind.TRANSACTIONAL)) is None
    assert standing(Person((objection, bounce)), stream(Kind.TRANSACTIONAL)) is bounce
    assert standing(Person((objection, bounce)), stream(Kind.MARKETING)) is objection
    assert standing(Person(), stream(Kind.MARKETING)) is None

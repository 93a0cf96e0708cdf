"""What becomes of the rows of a list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail.address import Address
from smtpguard.person import Person, Reason, Scope, Suppression
from smtpguard.store import partner
from smtpguard.store.cleaning import BATCH, LARGEST, Fate, batches, judge, lines, octets_of
from smtpguard.store.partner import Algorithm
from smtpguard.store.store import Store
from smtpguard.store.table import Row


def standing(person: Person) -> list[Suppression]:
    return [one for one in person.suppressions if one.scope.covers("acme", "news")]


async def test_fates(store: Store) -> None:
    for name, scope in ((b"anna", Scope("acme")), (b"bob", Scope("shop"))):
        wish = Suppression(Reason.OBJECTION, scope, 5, "page")
        await store.suppress("acme", Address(name, b"a.example"), wish)
    cells = ["anna@a.example", " <Bob@A.example> ", "zoe@a.example", "nobody", "@a.example", ""]
    found = await judge(store, "acme", [*cells, "\ud800@a.example"], standing)
    assert [one.fate for one in found] == [Fate.DROP, Fate.KEEP, Fate.KEEP, *[Fate.BAD] * 4]
    assert [one.partly for one in found[:3]] == [False, True, False]
    assert found[0].because
    assert found[0].because.scope == Scope("acme")
    assert await judge(store, "acme", [], standing) == []


async def test_lists_reach_so_far(store: Store) -> None:
    (digest, *_) = partner.digests(Address(b"anna", b"a.example"))
    await partner.load(store, "few", Algorithm.MD5, [digest], now=5, keep=False)
    for scope, fate in ((Scope("acme"), Fate.DROP), (Scope("shop"), Fate.KEEP)):
        (found,) = await judge(store, "acme", ["anna@a.example"], standing, [("few", scope)])
        assert found.fate is fate
        assert found.partly is (fate is Fate.KEEP)


@given(st.binary(max_size=200))
def test_lines_are_given_back(octets: bytes) -> None:
    rows = list(lines(octets))
    assert b"".join(octets_of(row.text) for row in rows) == octets
    assert [row.line for row in rows] == list(range(1, len(rows) + 1))


def test_a_line_has_an_end() -> None:
    short, long = lines(b"a@b.example\n" + b"x" * (LARGEST + 1))
    assert (short.fault, bool(long.fault)) == ("", True)


@pytest.mark.parametrize(
    ("sizes", "portions"),
    [
        ([], []),
        ([10] * BATCH, [BATCH]),
        ([10] * (BATCH + 1), [BATCH, 1]),
        ([LARGEST, 1, LARGEST // 2, LARGEST], [1, 3]),
    ],
)
def test_portions_are_small(sizes: list[int], portions: list[int]) -> None:
    rows = [Row(0, "x" * size, ()) for size in sizes]
    assert [len(batch) for batch in batches(iter(rows))] == portions

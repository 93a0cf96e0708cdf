"""The register of rights requests."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.store.requests import INDEX, Kind, answered, deadline, every, open_request, show
from smtpguard.store.store import Store
from smtpguard.store.wire import Reply, command

JO = Address(b"jo", b"reader.example")
YEAR = 365 * 86_400


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        ("2026-01-31", "2026-02-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-03-31", "2026-04-30"),
        ("2026-11-30", "2026-12-30"),
        ("2026-12-31", "2027-01-31"),
    ],
)
def test_a_month_is_a_month(opened: str, due: str) -> None:
    began = datetime.fromisoformat(f"{opened}T10:00:00").replace(tzinfo=UTC)
    ends = datetime.fromtimestamp(deadline(int(began.timestamp())), UTC)
    assert ends.isoformat() == f"{due}T23:59:59+00:00"


async def test_opened_listed_answered(store: Store, ring: Keyring) -> None:
    now = 4_000_000_000
    one, new = await open_request(store, ring, "acme", JO, Kind.ACCESS, "s", keep=YEAR, now=now)
    then = now - 5_000_000
    other, _ = await open_request(store, ring, "a:{b}", JO, Kind.ACCESS, "t", keep=YEAR, now=then)
    assert new
    assert [found async for found in every(store)] == [other, one]
    assert not await answered(store, "R-000000-000000")
    assert await answered(store, one.number, now + 5)
    assert not await answered(store, one.number)
    found = await show(store, one.number)
    assert found
    assert found.done == now + 5


async def test_one_open_request_of_a_kind(store: Store, ring: Keyring) -> None:
    async def ask(kind: Kind, keep: int = YEAR) -> str:
        opened, _ = await open_request(store, ring, "acme", JO, kind, "s", keep=keep)
        return opened.number

    first = await ask(Kind.ACCESS)
    assert await ask(Kind.ACCESS) == first
    assert await ask(Kind.ERASURE) != first
    await answered(store, first)
    assert await ask(Kind.ACCESS) != first


async def test_it_is_forgotten_on_its_day(store: Store, ring: Keyring) -> None:
    one, _ = await open_request(store, ring, "acme", JO, Kind.ACCESS, "s", keep=YEAR)
    key = INDEX + b":" + one.number.encode()
    (ends,) = await store.ask([command(b"EXPIRETIME", key)])
    assert ends == one.forgotten
    await store.ask([command(b"DEL", key)])
    assert [found async for found in every(store)] == []
    assert await store.ask([command(b"ZCARD", INDEX)]) == [0]
    again, new = await open_request(store, ring, "acme", JO, Kind.ACCESS, "s", keep=YEAR)
    assert new
    assert again.number != one.number


async def test_requests_are_no_records_of_people(store: Store, ring: Keyring) -> None:
    await open_request(store, ring, "acme", JO, Kind.ACCESS, "s", keep=YEAR)
    assert [row async for row in store.rows()] == []


async def test_a_request_forgotten_while_it_is_answered_leaves_nothing(
    store: Store, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = await open_request(store, ring, "acme", JO, Kind.ACCESS, "s", keep=YEAR)
    key, keep = INDEX + b":" + one.number.encode(), store.keep

    async def forgetting(commands: Sequence[bytes]) -> list[Reply]:
        """The request is there for the first question only."""
        return (await keep([*commands, command("DEL", key)]))[:-1]

    monkeypatch.setattr(store, "keep", forgetting)
    await answered(store, one.number)
    assert await store.ask([command("EXISTS", key)]) == [0]

"""Keys that another host's rotation brought are found without a restart."""

from __future__ import annotations

import pytest

from smtpguard.keys import Keyring, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.person import Reason, Suppression
from smtpguard.store.errors import StoreUntrusted
from smtpguard.store.held import Held
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

OLD = Keyring((ReferenceKey("k1", b"1" * 32),))
NEW = Keyring((ReferenceKey("k2", b"2" * 32), *OLD.references))


def test_new_files_are_news_once() -> None:
    held = Held(OLD, lambda: NEW)
    assert held.again()
    assert held.ring == NEW
    assert not held.again()


def test_nothing_to_read_or_nothing_readable_is_no_news() -> None:
    def broken() -> Keyring:
        raise ValueError("damaged")

    for held in (Held(OLD), Held(OLD, broken), Held(OLD, Keyring), Held(OLD, lambda: OLD)):
        assert not held.again()
        assert held.ring == OLD


async def test_a_key_announced_elsewhere_is_read_from_its_file(
    settings: Settings, store: Store
) -> None:
    """One host rotates; the other holds the file already and goes on without a restart."""
    other = await Store.open(settings, OLD, reread=lambda: NEW)
    try:
        await store.hold(NEW)
        reader = Address(b"a", b"client.example")
        await store.suppress("acme", reader, Suppression(Reason.OBJECTION, at=1))
        (person,) = await other.look_up("acme", [reader])
        assert [s.reason for s in person.suppressions] == [Reason.OBJECTION]
    finally:
        await other.close()


async def test_without_the_file_the_store_is_not_trusted(settings: Settings, store: Store) -> None:
    other = await Store.open(settings, OLD, reread=lambda: OLD)
    try:
        await store.hold(NEW)
        with pytest.raises(StoreUntrusted, match="k2, which is not held here"):
            await other.look_up("acme", [Address(b"a", b"client.example")])
    finally:
        await other.close()


async def test_who_only_looks_announces_nothing(settings: Settings, store: Store) -> None:
    looking = await Store.open(settings, NEW, announces=False)
    mark, _, _ = await looking.describe()
    await looking.close()
    assert list(mark.keys) == ["k1"]

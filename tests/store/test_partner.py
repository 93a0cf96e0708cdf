"""Partners' lists: hashes compared with hashes, replaced whole, never silently absent."""

import hashlib

import pytest

from smtpguard.mail.address import Address
from smtpguard.person import Reason, Scope, Suppression
from smtpguard.store.errors import StoreSilent
from smtpguard.store.partner import (
    Algorithm,
    Listed,
    against,
    digests,
    every,
    load,
    look_up,
    purge,
    read,
)
from smtpguard.store.partner import remove as forget
from smtpguard.store.store import Store

ANNA = Address(b"Anna", b"Client.example")
LISTED = (Suppression(Reason.MANUAL, channel="list:advertiser"),)


def made(word: str, algorithm: Algorithm) -> bytes:
    return hashlib.new(algorithm.value, word.encode(), usedforsecurity=False).digest()


@pytest.mark.parametrize("algorithm", Algorithm)
async def test_whoever_is_on_it_is_found(store: Store, algorithm: Algorithm) -> None:
    on_it = [made("anna@client.example", algorithm)]
    assert await load(store, "advertiser", algorithm, on_it, now=5, keep=False) == 1
    tagged = Address(b"anna+news", b"client.example")
    other = Address(b"bob", b"client.example")
    names = ("advertiser",)
    asked = [(ANNA, names), (tagged, names), (other, names), (ANNA, ())]
    assert await against(store, asked) == [LISTED, LISTED, (), ()]


async def test_what_is_known_and_what_is_listed_are_one(store: Store) -> None:
    on_it = [made("anna@client.example", Algorithm.MD5)]
    await load(store, "advertiser", Algorithm.MD5, on_it, now=5, keep=False)
    own = Suppression(Reason.OBJECTION, Scope("acme"), 5, "page")
    await store.suppress("acme", ANNA, own)
    bob = Address(b"bob", b"client.example")
    lists = [("advertiser", Scope("acme")), ("advertiser", Scope("shop"))]
    anna, other = await look_up(store, "acme", [ANNA, bob], lists)
    reach = [Suppression(Reason.MANUAL, scope, channel="list:advertiser") for _, scope in lists]
    assert list(anna.suppressions) == [own, *reach]
    assert other.suppressions == ()
    (plain,) = await look_up(store, "acme", [ANNA], [])
    assert plain.suppressions == (own,)


async def test_a_tagged_hash_is_not_about_the_mailbox(store: Store) -> None:
    on_it = [made("anna+news@client.example", Algorithm.MD5)]
    await load(store, "advertiser", Algorithm.MD5, on_it, now=5, keep=False)
    assert await against(store, [(ANNA, ("advertiser",))]) == [()]


def test_spelling_does_not_matter_and_scripts_are_octets_of_utf8() -> None:
    assert digests(ANNA) == digests(Address(b"anna", b"client.example"))
    wide = Address("Élodie".encode(), b"client.example")
    assert made("élodie@client.example", Algorithm.SHA256) in digests(wide)


async def test_a_list_that_was_never_imported_is_no_empty_list(store: Store) -> None:
    with pytest.raises(StoreSilent, match="advertiser was not imported"):
        await against(store, [(ANNA, ("advertiser",))])
    await load(store, "advertiser", Algorithm.MD5, [], now=5, keep=False)
    assert await against(store, [(ANNA, ("advertiser",))]) == [()]


async def test_replaced_added_purged_removed(store: Store) -> None:
    one, two = (made(word, Algorithm.SHA1) for word in ("a@b.example", "c@d.example"))
    await load(store, "x{y}", Algorithm.SHA1, [one], now=5, keep=False)
    assert await load(store, "x{y}", Algorithm.SHA1, [two], now=6, keep=False) == 1
    assert await load(store, "x{y}", Algorithm.SHA1, [one, two], now=7, keep=True) == 2
    assert await every(store) == [Listed("x{y}", "sha1", 7, 2)]
    assert await purge(store, "x{y}", [one, one, b"?"]) == 1
    assert await forget(store, "x{y}")
    assert not await forget(store, "x{y}")
    assert await every(store) == []


def test_files_of_the_trade_are_read() -> None:
    digest = made("a@b.example", Algorithm.MD5)
    lines = [
        b"email_md5;since\n",
        b'"%s";2026-01-01\r\n' % digest.hex().encode(),
        b"7,%s,x\n" % digest.hex().upper().encode(),
        b"\n",
        b"a@b.example\n",
        made("a@b.example", Algorithm.SHA256).hex().encode(),
    ]
    assert list(read(lines, Algorithm.MD5)) == [digest, digest, None, None]
    bare = b"\xef\xbb\xbf" + digest.hex().encode()
    assert list(read([bare], Algorithm.MD5)) == [digest]

"""Partners' lists: hashes compared with hashes, replaced whole, never silently absent."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from smtpguard.mail.address import Address
from smtpguard.person import Reason, Scope, Suppression
from smtpguard.store.errors import StoreSilent
from smtpguard.store.partner import (
    LAPSE,
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
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store

Redis = Callable[..., Awaitable[list[Any]]]
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
    assert list(read(lines, Algorithm.MD5)) == [(2, digest), (3, digest), (5, None), (6, None)]
    bare = b"\xef\xbb\xbf" + digest.hex().encode()
    assert list(read([bare], Algorithm.MD5)) == [(1, digest)]


def test_whichever_of_two_columns_is_the_address_counts() -> None:
    one, two = (made(word, Algorithm.MD5) for word in ("campaign 7", "a@b.example"))
    line = b"%s;%s\n" % (one.hex().encode(), two.hex().encode())
    assert list(read([line], Algorithm.MD5)) == [(1, one), (1, two)]


@pytest.mark.parametrize(
    "line", [b"5f4dcc3b5aa765d61d8327deb882cf99:salt", b"x" * 32, b"\xff" * 32]
)
def test_what_is_no_plain_hash_is_bad(line: bytes) -> None:
    assert list(read([b"md5\n", line], Algorithm.MD5)) == [(2, None)]


@pytest.mark.parametrize(
    "spelt",
    [
        '"anna"@client.example',
        '"a\\nna"@client.example',
        "ANNA@Client.EXAMPLE.",
        '"anna+x"@client.example',
    ],
)
async def test_no_spelling_hides_who_is_listed(store: Store, spelt: str) -> None:
    on_it = [made("anna@client.example", Algorithm.MD5)]
    await load(store, "advertiser", Algorithm.MD5, on_it, now=5, keep=False)
    address = Address.parse(spelt.encode())
    assert address
    assert await against(store, [(address, ("advertiser",))]) == [LISTED]


@pytest.mark.parametrize("listed", ["jo@bücher.example", "jo@xn--bcher-kva.example"])
@pytest.mark.parametrize("spelt", ["Jo@Bücher.example", "jo@XN--bcher-kva.example"])
async def test_a_domain_is_the_same_in_either_form(store: Store, listed: str, spelt: str) -> None:
    on_it = [made(listed, Algorithm.SHA256)]
    await load(store, "advertiser", Algorithm.SHA256, on_it, now=5, keep=False)
    address = Address.parse(spelt.encode())
    assert address
    assert await against(store, [(address, ("advertiser",))]) == [LISTED]


async def test_an_odd_label_stops_nobody(store: Store) -> None:
    await load(store, "advertiser", Algorithm.MD5, [], now=5, keep=False)
    for odd in (Address(b"jo", b"xn--\xff.example"), Address(b"jo", b"xn--a-.example")):
        assert await against(store, [(odd, ("advertiser",))]) == [()]
    assert await against(store, [(Address(b"Postmaster", b""), ("advertiser",))]) == [()]


async def test_while_a_list_is_replaced_it_stands(
    store: Store, settings: Settings, redis: Redis
) -> None:
    """Whoever asks meanwhile hears the old list or the new one, and anna is on both."""
    rest = [made(f"r{n}", Algorithm.MD5) for n in range(5000)]
    anna = made("anna@client.example", Algorithm.MD5)
    await load(store, "x", Algorithm.MD5, [anna, *rest], now=5, keep=False)
    loading = asyncio.create_task(
        load(store, "x", Algorithm.MD5, [*rest[:2500], anna], now=6, keep=False)
    )
    asked = 0
    while not loading.done():
        assert await against(store, [(ANNA, ("x",))]) == [
            (Suppression(Reason.MANUAL, channel="list:x"),)
        ]
        asked += 1
    assert asked > 3
    assert await loading == 2501
    assert await redis(settings.url, ("KEYS", "sg-list:*")) == [[b"sg-list:{x}"]]
    assert await redis(settings.url, ("TTL", "sg-list:{x}")) == [-1]


async def test_of_two_imports_at_once_one_stands_whole(store: Store) -> None:
    one, two = ([made(f"{word}{n}", Algorithm.MD5) for n in range(4000)] for word in "ab")
    sizes = await asyncio.gather(
        *(load(store, "x", Algorithm.MD5, each, now=5, keep=False) for each in (one, two[:3500]))
    )
    (listed,) = await every(store)
    assert sizes == [4000, 3500]
    assert listed.size in sizes


async def test_an_import_that_breaks_off_changes_nothing_and_lapses(
    store: Store, settings: Settings, redis: Redis
) -> None:
    def broken() -> Iterator[bytes]:
        for n in range(1500):
            yield made(f"r{n}", Algorithm.MD5)
        raise OSError("the disk is gone")

    await load(store, "x", Algorithm.MD5, [made("a", Algorithm.MD5)], now=5, keep=False)
    with pytest.raises(OSError, match="disk"):
        await load(store, "x", Algorithm.MD5, broken(), now=6, keep=False)
    assert await every(store) == [Listed("x", "md5", 5, 1)]
    (keys,) = await redis(settings.url, ("KEYS", "sg-list:{x}:new:*"))
    (left,) = await redis(settings.url, ("TTL", keys[0]))
    assert 0 < left <= LAPSE


async def test_a_list_that_was_evicted_while_it_came_is_not_taken_for_whole(
    store: Store, settings: Settings, redis: Redis
) -> None:
    await load(store, "x", Algorithm.MD5, [made("a", Algorithm.MD5)], now=5, keep=False)
    hashes = iter([made(f"r{n}", Algorithm.MD5) for n in range(2500)])
    asked = store.ask

    async def evicting(commands: Any) -> Any:
        replies = await asked(commands)
        if b"SADD" in commands[0]:
            (keys,) = await redis(settings.url, ("KEYS", "sg-list:{x}:new:*"))
            await redis(settings.url, ("DEL", *keys))
        return replies

    store.ask = evicting  # type: ignore[method-assign]
    with pytest.raises(StoreSilent, match="not kept whole"):
        await load(store, "x", Algorithm.MD5, hashes, now=6, keep=False)
    assert [one.size for one in await every(store)] == [1]

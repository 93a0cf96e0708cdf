"""While an exit does not answer, no link to it is promised, and nobody's mail is lost for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smtpguard.policy.controller import Unsubscribe
from tests.proxy.conftest import NEWSLETTER

if TYPE_CHECKING:
    from tests.proxy.conftest import Bench


async def test_no_link_leads_to_an_exit_that_is_shut(bench: Bench) -> None:
    bench.proxy.shut = frozenset({"https://u.acme.fr"})
    for protocol in ("LMTP", "ESMTP"):
        replies = await bench.send(NEWSLETTER, "a@client.fr", protocol=protocol)
        assert replies[-1].startswith(b"4")
    assert bench.upstream.heard == []
    bench.proxy.shut = frozenset()
    assert (await bench.send(NEWSLETTER, "a@client.fr"))[-1].startswith(b"250")


async def test_another_brands_exit_is_no_concern(bench: Bench) -> None:
    bench.proxy.shut = frozenset({"https://u.other.fr"})
    assert (await bench.send(NEWSLETTER, "a@client.fr"))[-1].startswith(b"250")


async def test_a_stream_without_an_exit_refuses_as_ever(bench: Bench) -> None:
    (stream,) = bench.streams
    brand = replace(stream.brand, unsubscribe=Unsubscribe())
    bench.streams = (replace(stream, brand=brand),)
    bench.proxy.shut = frozenset({"https://u.acme.fr"})
    assert (await bench.send(NEWSLETTER, "a@client.fr"))[-1].startswith(b"5")

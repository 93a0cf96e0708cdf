"""A notice counts as given when the mail that carries it was accepted, and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpguard.person import FirstContact, Person, Source
from smtpguard.policy.stream import Action, Mode
from smtpguard.smtp.wire import UpstreamReply
from tests.proxy.conftest import NEWSLETTER, asked

if TYPE_CHECKING:
    from tests.proxy.conftest import Bench


async def test_first_contact_is_reserved_before_and_committed_after(bench: Bench) -> None:
    bench.change(rules=asked(Action.FIX_OR_REJECT, "missing-data-source", "missing-rights-notice"))
    said = b"X-SmtpGuard-Source: salon; purchased; Salon Bati 2026\r\n" + NEWSLETTER
    await bench.send(said, "a@client.fr")
    await bench.settled()
    ((_, _, sent),) = bench.upstream.heard
    assert b"Salon Bati 2026" in sent
    assert bench.store.events == [("reserve", "a@client.fr"), ("commit", "a@client.fr")]
    assert bench.journalled()[0]["recipients"][0]["informed"]


async def test_a_notice_that_was_not_delivered_was_not_given(bench: Bench) -> None:
    bench.change(rules=asked(Action.FIX_OR_REJECT, "missing-data-source", "missing-rights-notice"))
    bench.upstream.final = UpstreamReply(b"451 4.3.0 later\r\n")
    said = b"X-SmtpGuard-Source: salon; purchased; Salon Bati 2026\r\n" + NEWSLETTER
    replies = await bench.send(said, "a@client.fr")
    await bench.settled()
    assert replies[-1] == b"451 4.3.0 later\r\n"
    assert bench.store.events == [("reserve", "a@client.fr"), ("roll back", "a@client.fr")]


async def test_observing_never_commits_state(bench: Bench) -> None:
    bench.change(
        mode=Mode.OBSERVE,
        rules=asked(Action.FIX_OR_REJECT, "missing-data-source", "missing-rights-notice"),
    )
    said = b"X-SmtpGuard-Source: salon; purchased; Salon Bati 2026\r\n" + NEWSLETTER
    await bench.send(said, "a@client.fr")
    await bench.settled()
    assert bench.store.events == []


async def test_who_was_informed_is_not_informed_again(bench: Bench) -> None:
    bench.change(rules=asked(Action.FIX_OR_REJECT, "missing-data-source", "missing-rights-notice"))
    notice = bench.streams[0].notice("salon")
    source = Source("salon", "Salon Bati 2026", "purchased")
    bench.store.people["a@client.fr"] = Person(contact=FirstContact(True, 1, notice), source=source)
    replies = await bench.send(NEWSLETTER, "a@client.fr")
    await bench.settled()
    assert replies[-1].startswith(b"250")
    assert bench.store.events == []
    assert bench.upstream.heard[0][2].endswith(NEWSLETTER)


@pytest.mark.parametrize("same", [True, False])
async def test_a_notice_goes_into_a_shared_copy_only_if_true_of_all(
    bench: Bench, same: bool
) -> None:
    bench.change(rules=asked(Action.FIX_OR_REJECT, "missing-data-source"))
    salon, list_ = Source("s", "Salon Bati", "purchased"), Source("l", "Annuaire", "rented")
    bench.store.people["a@client.fr"] = Person(source=salon)
    bench.store.people["b@client.fr"] = Person(source=salon if same else list_)
    replies = await bench.send(NEWSLETTER, "a@client.fr", "b@client.fr")
    assert replies[-1][:3] == (b"250" if same else b"550")
    assert len(bench.upstream.heard) == (1 if same else 0)

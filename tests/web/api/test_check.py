"""May somebody be written to: what the guard would say, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smtpguard.mail.address import Address
from smtpguard.person import Reason, Scope, Suppression
from smtpguard.policy.suppression import standing as guard
from smtpguard.web.api.check import moment, standing

if TYPE_CHECKING:
    from tests.web.api.conftest import Program

ANNA = "anna@client.example"


async def may(program: Program, who: str = ANNA, **aim: Any) -> bool:
    said = await program.asks("/v1/check", "crm", addresses=[who], **aim)
    (found,) = said["results"]
    assert found["may_write"] is (not found["against"])
    return bool(found["may_write"])


async def suppress(program: Program, who: str = ANNA, **more: Any) -> None:
    await program.asks("/v1/suppressions", addresses=[who], controller="acme", **more)


async def test_nothing_stands(program: Program) -> None:
    said = await program.asks("/v1/check", "crm", addresses=[ANNA])
    assert said == {
        "controller": "acme",
        "brand": "",
        "stream": "",
        "class": "marketing",
        "results": [
            {"address": ANNA, "may_write": True, "against": [], "elsewhere": [], "lifted": []}
        ],
    }


async def test_which_and_since_when_and_why(program: Program) -> None:
    await suppress(program, stream="news", at="2026-03-31")
    said = await program.asks("/v1/check", "crm", addresses=[ANNA], stream="news")
    assert (said["brand"], said["stream"]) == ("acme", "news")
    assert said["results"][0]["against"] == [
        {
            "reason": "objection",
            "brand": "acme",
            "stream": "news",
            "since": "2026-03-31T00:00:00Z",
            "channel": "api:root",
            "domain": False,
        }
    ]
    other = await program.asks("/v1/check", "crm", addresses=[ANNA], stream="offers")
    (found,) = other["results"]
    assert (found["may_write"], found["against"]) == (True, [])
    assert [one["stream"] for one in found["elsewhere"]] == ["news"]


async def test_who_asks_for_no_stream_hears_of_all(program: Program) -> None:
    await suppress(program, stream="news")
    assert not await may(program)
    assert not await may(program, brand="acme")
    assert await may(program, brand="shop")


async def test_a_brand_that_was_left_is_left_with_its_streams(program: Program) -> None:
    await suppress(program, brand="acme")
    assert not await may(program, stream="news")
    assert await may(program, stream="offers")


async def test_the_class_of_mail_counts(program: Program) -> None:
    await suppress(program)
    assert await may(program, stream="invoices")
    assert await may(program, **{"class": "transactional"})
    assert not await may(program, **{"class": "marketing"})
    await suppress(program, reason="hard-bounce")
    assert not await may(program, stream="invoices")
    # A stream's own class is the one that counts.
    await suppress(program, "bob@client.example")
    assert not await may(program, "bob@client.example", stream="news", **{"class": "personal"})


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("scope", [{}, {"brand": "acme"}, {"stream": "news"}, {"brand": "shop"}])
async def test_it_is_what_the_guard_would_say(
    program: Program, reason: Reason, scope: dict[str, str]
) -> None:
    await suppress(program, reason=reason.value, **scope)
    (person,) = await program.desk.store.look_up("acme", [Address(b"anna", b"client.example")])
    for (controller, name), stream in program.desk.site.streams.items():
        if controller == "acme":
            assert await may(program, stream=name) is (guard(person, stream) is None)


async def test_partners_lists_stand_against_promotional_mail(program: Program) -> None:
    assert not await may(program, "Robin+tag@client.example")
    assert not await may(program, "robin@client.example", stream="news")
    assert not await may(program, "robin@client.example", stream="offers")
    assert await may(program, "robin@client.example", stream="invoices")
    assert await may(program, "ada@client.example", stream="news")
    assert not await may(program, "ada@client.example", stream="offers")
    assert not await may(program, "ada@client.example")
    said = await program.asks("/v1/check", "crm", addresses=["ada@client.example"], brand="shop")
    assert said["results"][0]["against"] == [
        {
            "reason": "manual",
            "brand": "shop",
            "stream": "",
            "since": None,
            "channel": "list:advertiser",
            "domain": False,
        }
    ]


async def test_a_list_that_was_never_imported_is_no_yes(program: Program) -> None:
    from smtpguard.store import partner

    await partner.remove(program.desk.store, "advertiser")
    assert await may(program, stream="news")
    assert await may(program, stream="invoices")
    for aim in ({}, {"stream": "offers"}):
        found = await program.refused("/v1/check", 503, addresses=[ANNA], controller="acme", **aim)
        assert "advertiser was not imported" in found["detail"]


async def test_domains_reach_below_them(program: Program) -> None:
    await program.asks("/v1/suppressions", controller="acme", domains=["firma.example"])
    said = await program.asks("/v1/check", "crm", addresses=["a@mail.firma.example"])
    assert said["results"][0]["against"][0]["domain"] is True


async def test_an_answer_for_each_in_order(program: Program) -> None:
    await suppress(program)
    many = ["bob@client.example", ANNA, ANNA.upper(), "zoe@client.example"]
    said = await program.asks("/v1/check", "crm", addresses=many)
    assert [one["address"] for one in said["results"]] == many
    assert [one["may_write"] for one in said["results"]] == [True, False, False, True]


async def test_what_is_no_address_is_no_yes(program: Program) -> None:
    found = await program.refused("/v1/check", 422, "crm", addresses=[ANNA, "anna", "@b.example"])
    assert found["errors"] == [
        {"pointer": "#/addresses/1", "detail": "not an address"},
        {"pointer": "#/addresses/2", "detail": "not an address"},
    ]
    for odd in ([], [ANNA] * 101, ANNA, [[ANNA]], [5]):
        assert (await program.refused("/v1/check", 422, "crm", addresses=odd))["errors"]


async def test_unicode_addresses(program: Program) -> None:
    await suppress(program, "zoé@bücher.example")
    assert not await may(program, "ZOE\u0301@xn--bcher-kva.example")
    said = await program.asks("/v1/check", "crm", addresses=["zoé@bücher.example"])
    assert said["results"][0]["address"] == "zoé@bücher.example"


def test_a_suppression_is_said_whole() -> None:
    said = standing(Suppression(Reason.MANUAL, Scope("a", "b"), 86_400, "import", domain=True))
    assert said.since == moment(86_400)
    assert (said.brand, said.stream, said.channel, said.domain) == ("a", "b", "import", True)

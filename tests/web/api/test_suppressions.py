"""Recording, and taking back: once the store has it, without doing anything twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from smtpguard.mail.address import Address
from smtpguard.person import ConflictKind, Consent, Scope
from smtpguard.store.consent import Consents
from smtpguard.store.counts import Counts
from smtpguard.store.errors import StoreSilent
from smtpguard.store.outbox import Outbox
from smtpguard.web.api.suppressions import add, lift
from smtpguard.web.hooks import Hook

if TYPE_CHECKING:
    from tests.web.api.conftest import Program

ANNA = "anna@client.example"
PLACE = "/v1/suppressions"
LIFT = "/v1/suppressions/lift"


async def test_once_is_enough(program: Program) -> None:
    for new in (2, 0):
        said = await program.asks(PLACE, "crm", addresses=[ANNA, "bob@client.example"])
        assert said == {
            "controller": "acme",
            "brand": "",
            "stream": "",
            "new": new,
            "known": 2 - new,
            "bad": [],
        }
    assert await program.standing(ANNA) == {("objection", "controller", "api:crm")}
    assert await program.standing("anna+tag@client.example")
    assert not await program.standing(ANNA, "rival")


@pytest.mark.parametrize(
    ("scope", "written"),
    [
        ({"brand": "acme"}, Scope("acme")),
        ({"stream": "offers"}, Scope("shop", "offers")),
        ({"stream": "offers", "brand": "shop"}, Scope("shop", "offers")),
    ],
)
async def test_scopes(program: Program, scope: dict[str, str], written: Scope) -> None:
    said = await program.asks(PLACE, "crm", addresses=[ANNA], reason="complaint", **scope)
    assert (said["brand"], said["stream"]) == (written.brand, written.stream)
    assert await program.standing(ANNA) == {("complaint", str(written), "api:crm")}


async def test_whoever_can_be_read_is_recorded(program: Program) -> None:
    odd = ["nobody", ANNA, "", "\ud800@client.example", " <Bob@Client.example> ", "a@b@c"]
    domains = ["@Firma.example", "gmail.com", "x y", "com"]
    said = await program.asks(PLACE, addresses=odd, domains=domains, controller="acme")
    assert said["new"] == 3
    assert [one["pointer"] for one in said["bad"]] == [
        *(f"#/addresses/{number}" for number in (0, 2, 3, 5)),
        *(f"#/domains/{number}" for number in (1, 2, 3)),
    ]
    assert "gives mailboxes to unrelated people" in said["bad"][4]["detail"]
    assert await program.standing("bob@client.example")
    assert await program.standing("anybody@mail.firma.example")
    assert not await program.standing("anybody@gmail.com")


@pytest.mark.parametrize("path", [PLACE, LIFT])
async def test_nobody_is_an_error(program: Program, path: str) -> None:
    more = {"because": "x"} if path == LIFT else {}
    wishes: list[dict[str, Any]] = [{}, {"addresses": []}]
    for said in (*wishes, {"addresses": ["nobody"], "domains": ["@"]}):
        found = await program.refused(path, 422, "root", controller="acme", **said, **more)
        assert "nobody is named" in found["detail"]
    assert [one["pointer"] for one in found["errors"]] == ["#/addresses/0", "#/domains/0"]


async def test_when_they_said_so(program: Program) -> None:
    await program.asks(PLACE, "crm", addresses=[ANNA], at="2026-03-31T10:00:00+02:00")
    (found,) = (await program.asks("/v1/check", "crm", addresses=[ANNA]))["results"]
    assert found["against"][0]["since"] == "2026-03-31T08:00:00Z"
    for odd in ("2999-01-01", "1969-01-01"):
        assert "has not been yet" in str(await program.refused(PLACE, 422, at=odd, **anna()))
    assert "expected a time" in str(await program.refused(PLACE, 422, at="soon", **anna()))


async def test_what_came_late_is_counted(program: Program) -> None:
    await program.asks(PLACE, "crm", addresses=[ANNA, "bob@client.example"], at="2026-11-01")
    await program.asks(PLACE, "crm", addresses=[ANNA], reason="manual", at="2026-11-01")
    late = await Counts(program.desk.store).late()
    assert [(one.channel, one.count) for one in late] == [("api:crm", 2)]


async def test_what_contradicts_a_consent_is_told(program: Program) -> None:
    desk = program.desk
    given = Consent(Scope("acme"), int(program.now) - 86_400, "form 7", by="import")
    anna = Address(b"anna", b"client.example")
    await Consents(desk.store).add("acme", [(anna, given)])
    await program.asks(PLACE, "crm", addresses=[ANNA], at="2026-10-01", brand="acme")
    found = [one async for *_, one in Consents(desk.store).conflicts("acme")]
    assert [(one.kind, one.channel) for one in found] == [(ConflictKind.OLD_LINK, "api:crm")]
    assert await program.standing(ANNA)


def anna() -> dict[str, Any]:
    return {"addresses": [ANNA], "controller": "acme"}


async def test_taken_back(program: Program) -> None:
    await program.asks(PLACE, stream="news", **anna())
    await program.asks(PLACE, reason="complaint", **anna())
    said = await program.asks(LIFT, stream="news", because="letter of 12 May", **anna())
    assert (said["lifted"], said["stream"], said["bad"]) == (1, "news", [])
    assert await program.standing(ANNA) == {("complaint", "controller", "api:root")}
    again = await program.asks(LIFT, stream="news", because="again", **anna())
    assert again["lifted"] == 0
    (found,) = (await program.asks("/v1/check", **anna()))["results"]
    assert found["lifted"][0]["because"] == "letter of 12 May (api:root)"
    objection = await program.asks(LIFT, because="x", reason="objection", **anna())
    assert objection["lifted"] == 0
    assert (await program.asks(LIFT, because="x", **anna()))["lifted"] == 1


async def test_a_domain_is_taken_back_as_a_domain(program: Program) -> None:
    await program.asks(PLACE, controller="acme", domains=["firma.example"])
    kept = await program.asks(LIFT, controller="acme", because="x", addresses=["a@firma.example"])
    assert kept["lifted"] == 0
    gone = await program.asks(LIFT, controller="acme", because="x", domains=["firma.example"])
    assert gone["lifted"] == 1


@pytest.mark.parametrize("because", [None, "", "  ", "a\nb", "a\u202eb", "x" * 301, 5])
async def test_why_is_asked(program: Program, because: object) -> None:
    more: dict[str, Any] = {} if because is None else {"because": because}
    found = await program.refused(LIFT, 422, **anna(), **more)
    assert [one["pointer"] for one in found["errors"]] == ["#/because"]


async def test_the_company_hears_of_it(program: Program) -> None:
    desk = program.desk
    events = frozenset({"suppression.created", "suppression.lifted"})
    hook = Hook("acme", "https://crm.example/hook", b"x" * 24, events)
    desk.site = replace(desk.site, hooks=(hook,))
    said: dict[str, Any]
    said = {"controller": "acme", "addresses": [ANNA], "domains": ["firma.example"]}
    for _ in range(2):
        await program.asks(PLACE, **said)
    await program.asks(LIFT, because="x", **said)
    jobs = await Outbox(desk.store, desk.ring).listed(dead=False)
    told = sorted((job.event["type"], job.event["recipient"], job.event["channel"]) for job in jobs)
    assert told == [
        ("suppression.created", "@firma.example", "api:root"),
        ("suppression.created", ANNA, "api:root"),
        ("suppression.lifted", "@firma.example", "api:root"),
        ("suppression.lifted", ANNA, "api:root"),
    ]


@pytest.mark.parametrize(("work", "method"), [(add, "opt_out"), (lift, "unsuppress")])
async def test_a_silent_store_is_no_yes(
    program: Program, monkeypatch: pytest.MonkeyPatch, work: object, method: str
) -> None:
    async def silent(*_: object, **__: object) -> None:
        raise StoreSilent("the store did not answer within 1 s")

    monkeypatch.setattr(program.desk.store, method, silent)
    path, more = (PLACE, {}) if work is add else (LIFT, {"because": "x"})
    found = await program.refused(path, 503, **anna(), **more)
    assert (found["code"], found["detail"]) == (
        "store-silent",
        "the store did not answer within 1 s",
    )


async def test_a_thousand_at_once_and_no_more(program: Program) -> None:
    many = [f"reader{n}@client.example" for n in range(1000)]
    assert (await program.asks(PLACE, "crm", addresses=many))["new"] == 1000
    found = await program.refused(PLACE, 422, "crm", addresses=[*many, ANNA])
    assert found["errors"][0]["pointer"] == "#/addresses"


async def test_the_log_names_the_token_and_nobody_else(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    from smtpguard import log

    log.configure()
    await program.asks(PLACE, "crm", addresses=[ANNA, "nobody@@"])
    await program.asks(LIFT, "officer", addresses=[ANNA], because="Anna phoned")
    await program.asks("/v1/clean", "crm", addresses=[ANNA, "x"])
    await program.refused("/v1/check", 422, "crm", addresses=[ANNA, "y@"])
    out = capsys.readouterr()
    lines = out.out.splitlines()
    assert [line.split(", ")[:2] for line in lines] == [
        ["api: what=suppressed", "token=crm"],
        ["api: what=lifted", "token=officer"],
        ["api: what=cleaned", "token=crm"],
    ]
    assert "client.example" not in out.out + out.err
    assert "Anna" not in out.out + out.err

"""Rights requests: listed without their makers, shown with them, closed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.store.requests import Kind, open_request
from smtpguard.unsubscribe.asker import Asker, seal
from smtpguard.web.api import requests
from smtpguard.web.api.requests import NUMBER
from tests.web.conftest import NOW, RING

if TYPE_CHECKING:
    from tests.web.api.conftest import Program

DAY = 86_400


async def opened(
    program: Program, who: str = "jo@reader.example", controller: str = "acme", days: int = 0
) -> str:
    address = Address.parse(who.encode())
    assert address
    asker = seal(RING, Asker(who, "fr", "s'il vous plaît"))
    # Redis forgets by the clock of its host, so that only what the program sees is of another time.
    one, _ = await open_request(
        program.desk.store,
        RING,
        controller,
        address,
        Kind.ERASURE,
        asker,
        keep=400 * DAY * 30,
        now=NOW - days * DAY,
    )
    return one.number


async def test_they_are_listed_without_their_makers(program: Program) -> None:
    late = await opened(program, days=60)
    soon = await opened(program, "al@reader.example")
    await opened(program, "x@reader.example", "rival")
    said = (await program.get("/v1/requests", "officer")).json()
    assert [(one["number"], one["overdue"]) for one in said["requests"]] == [
        (late, True),
        (soon, False),
    ]
    assert said["more"] is False
    assert said["requests"][1]["kind"] == "erasure"
    assert said["requests"][1]["due"] == "2026-12-18T23:59:59Z"
    assert "reader.example" not in str(said)
    everybody = (await program.get("/v1/requests")).json()
    assert len(everybody["requests"]) == 3


async def test_one_is_shown_with_who_makes_it(program: Program) -> None:
    number = await opened(program)
    said = (await program.get(f"/v1/requests/{number}", "officer")).json()
    assert said["asker"] == {
        "address": "jo@reader.example",
        "language": "fr",
        "note": "s'il vous plaît",
    }
    program.desk.ring = Keyring(RING.references, ())
    assert (await program.get(f"/v1/requests/{number}", "officer")).json()["asker"] is None


async def test_one_is_closed_once(program: Program) -> None:
    number = await opened(program)
    program.now += 60
    first = await program.post(f"/v1/requests/{number}/done", name="officer")
    assert (first.status_code, first.json()["overdue"]) == (200, False)
    program.now += 60
    again = await program.post(f"/v1/requests/{number}/done", name="officer")
    assert again.json() == first.json()
    assert (await program.get("/v1/requests", "officer")).json()["requests"] == []
    kept = (await program.get("/v1/requests?done=true", "officer")).json()["requests"]
    assert [one["done"] for one in kept] == [first.json()["done"]]


@pytest.mark.parametrize(
    "number",
    [
        "R-261123-AAAAAA",
        "x",
        "open:acme:k1.x:erasure",
        "R-261123-AAAAAA%0A",
        "..%2Fx",
        "R-1-%C3%A9",
    ],
)
async def test_what_is_no_request(program: Program, number: str) -> None:
    await opened(program)
    for answer in (
        await program.get(f"/v1/requests/{number}"),
        await program.post(f"/v1/requests/{number}/done"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_a_note_of_the_store_s_own_is_no_request(program: Program) -> None:
    """The key that says which request of a person is open begins as a request's does."""
    await opened(program)
    key = RING.references[0]
    person = f"{key.id}.{key.reference('acme', 'jo@reader.example')}"
    answer = await program.get(f"/v1/requests/open:acme:{person}:erasure")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_others_readers_are_nobody_s_business(program: Program) -> None:
    number = await opened(program, controller="rival")
    assert (await program.get(f"/v1/requests/{number}", "officer")).status_code == 404
    assert (await program.post(f"/v1/requests/{number}/done", name="officer")).status_code == 404
    shown = (await program.get(f"/v1/requests/{number}")).json()
    assert shown["done"] is None


async def test_more_than_one_answer_holds(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MOST", 1)
    number = await opened(program)
    assert (await program.get("/v1/requests", "officer")).json()["more"] is False
    await opened(program, "al@reader.example")
    said = (await program.get("/v1/requests", "officer")).json()
    assert (len(said["requests"]), said["more"]) == (1, True)
    assert NUMBER.fullmatch(number)


@pytest.mark.parametrize("query", ["done=perhaps", "dnoe=true", "done=1&done=1"])
async def test_what_is_not_understood(program: Program, query: str) -> None:
    answer = await program.get(f"/v1/requests?{query}")
    assert answer.status_code == 422


async def test_who_looked_is_written_down(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    from smtpguard import log

    log.configure()
    number = await opened(program)
    await program.get(f"/v1/requests/{number}", "officer")
    await program.post(f"/v1/requests/{number}/done", name="officer")
    assert capsys.readouterr().out.splitlines() == [
        f"api: what=request-shown, token=officer, number={number}",
        f"api: what=request-done, token=officer, number={number}",
    ]

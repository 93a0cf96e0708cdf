"""The operations, put together: what is nowhere, what is asked wrongly, what fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from smtpguard.store.store import Store
from smtpguard.web.api.app import application
from smtpguard.web.desk import Desk
from tests.web.api.conftest import problem, token

if TYPE_CHECKING:
    from tests.web.api.conftest import Program


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/check/", "//v1/check", "/v2/check", "/v1/..", "/metrics", "/u/x"]
)
async def test_there_is_nothing_elsewhere(program: Program, path: str) -> None:
    answer = await program.get(path)
    assert problem(answer, 404)["code"] == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/check?address=anna@client.example", "POST"),
        ("DELETE", "/v1/suppressions", "POST"),
        ("PUT", "/v1/stats", "GET, HEAD"),
        ("GET", "/v1/requests/R-1/done", "POST"),
    ],
)
async def test_what_is_asked_wrongly(
    program: Program, method: str, path: str, allowed: str
) -> None:
    answer = await program.client.request(method, path, headers=program.known("root"))
    assert problem(answer, 405)["code"] == "wrong-method"
    assert sorted(answer.headers["allow"].split(", ")) == allowed.split(", ")


async def test_head_is_get_without_a_body(program: Program) -> None:
    answer = await program.client.head("/v1/stats", headers=program.known("root"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


async def test_a_fault_of_ours_says_nothing_of_itself(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("anna@client.example")

    monkeypatch.setattr(desk.store, "look_up", broken)
    transport = httpx.ASGITransport(application(desk), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token('crm')}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        said = {"addresses": ["anna@client.example"], "stream": "invoices"}
        answer = await client.post("/v1/check", json=said, headers=headers)
    assert problem(answer, 503)["code"] == "trouble"
    assert "anna" not in answer.text


async def test_a_store_that_is_closed_is_silent(program: Program, store: Store) -> None:
    await store.close()
    for path, said in (
        ("/v1/check", {"addresses": ["a@b.example"]}),
        ("/v1/clean", {"addresses": ["a@b.example"]}),
        ("/v1/suppressions", {"addresses": ["a@b.example"]}),
    ):
        found = await program.refused(path, 503, "crm", **said)
        assert (found["code"], found["detail"]) == ("store-silent", "the store is closed")
    for path in ("/v1/requests", "/v1/requests/R-261123-AAAAAA", "/v1/stats"):
        assert problem(await program.get(path), 503)["code"] == "store-silent"

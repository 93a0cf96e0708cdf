"""Who is let in: programs with tokens, and nothing that a web page could make a browser send."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smtpguard.policy.peers import Endpoint
from smtpguard.web.api.app import application
from smtpguard.web.api.gate import Flight, Hold
from smtpguard.web.api.problem import Refused
from smtpguard.web.desk import Desk
from smtpguard.web.settings import Api, Right, Web
from tests.web.api.conftest import CHECK, narrow, problem

if TYPE_CHECKING:
    from tests.web.api.conftest import Program


@pytest.fixture
def web() -> Web:
    return narrow()


# --- who -----------------------------------------------------------------------------------------


async def test_a_stranger_learns_nothing(program: Program) -> None:
    for path in ("/v1/check", "/v1/openapi.json", "/v1/nothing", "/", "/v1/requests/R-1"):
        for headers, code in (
            ({}, "no-token"),
            ({"Authorization": "Bearer " + "x" * 32}, "bad-token"),
            ({"Authorization": "Basic cm9vdDpyb290"}, "bad-token"),
        ):
            answer = await program.client.request("POST", path, json=CHECK, headers=headers)
            assert problem(answer, 401)["code"] == code
            assert answer.headers["www-authenticate"].startswith('Bearer realm="smtpguard"')


RIGHTS = [
    ("POST", "/v1/check", Right.CHECK),
    ("POST", "/v1/clean", Right.CHECK),
    ("POST", "/v1/suppressions", Right.SUPPRESS),
    ("POST", "/v1/suppressions/lift", Right.LIFT),
    ("GET", "/v1/requests", Right.REQUESTS),
    ("GET", "/v1/requests/R-261123-AAAAAA", Right.REQUESTS),
    ("POST", "/v1/requests/R-261123-AAAAAA/done", Right.REQUESTS),
    ("GET", "/v1/stats", Right.STATS),
]


@pytest.mark.parametrize(("method", "path", "right"), RIGHTS)
async def test_each_right_is_its_own(
    program: Program, method: str, path: str, right: Right
) -> None:
    (known, *_) = [one for one in program.desk.site.callers if one.name == "crm"]
    for mine in Right:
        caller = replace(known, rights=frozenset({mine}))
        program.desk.site = replace(program.desk.site, callers=(caller,))
        answer = await program.client.request(
            method, path, json={**CHECK, "because": "x"}, headers=program.known("crm")
        )
        if mine is right:
            assert answer.status_code in (200, 404, 422)
        else:
            assert problem(answer, 403)["code"] == "no-right"
            assert "insufficient_scope" in answer.headers["www-authenticate"]


async def test_another_company_is_not_there(program: Program) -> None:
    for name in ("crm", "root"):
        said = {"addresses": ["a@b.example"], "controller": "rival" if name == "crm" else "rivl"}
        found = await program.refused("/v1/check", 422, name, **said)
        assert found["code"] == "unknown-name"
        assert found["errors"][0]["pointer"] == "#/controller"
        assert ("did you mean rival" in found["detail"]) is (name == "root")
    assert "is rival" in (await program.refused("/v1/check", 422, "spy", **CHECK))["detail"]


async def test_the_only_controller_need_not_be_named(program: Program) -> None:
    assert (await program.asks("/v1/check", "crm", addresses=["a@b.example"]))[
        "controller"
    ] == "acme"
    found = await program.refused("/v1/check", 422, "root", addresses=["a@b.example"])
    assert found["detail"] == "name the controller: there is acme, rival"


async def test_without_a_token_there_is_what_was_said_to_be_free(desk: Desk) -> None:
    import httpx

    free = Api(listen=Endpoint("127.0.0.1", 8027), without_token=(Right.STATS,))
    desk.settings = desk.settings.model_copy(update={"api": free})
    transport = httpx.ASGITransport(application(desk))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/v1/stats")).status_code == 200
        assert (await client.post("/v1/check", json=CHECK)).status_code == 403
        wrong = {"Authorization": "Bearer wrong"}
        assert (await client.get("/v1/stats", headers=wrong)).status_code == 401


# --- browsers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8027", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8027", 200),
        ("[::1]", 200),
        ("api.acme.example:443", 200),
        ("API.acme.example.", 200),
        ("192.0.2.7", 200),
        ("evil.example", 421),
        ("evil.example:8027", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1:8027@evil.example", 421),
        ("evil.example#127.0.0.1", 421),
        ("127.0.0.1:80x", 421),
        ("[::1]x", 421),
        ("[::1", 200),
        ("2130706433", 421),
        ("", 421),
    ],
)
async def test_a_name_that_points_here_is_not_ours(
    program: Program, host: str, status: int
) -> None:
    headers = {**program.known("crm"), "Host": host}
    answer = await program.client.post("/v1/check", json=CHECK, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:8027"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
async def test_a_page_is_not_served(program: Program, headers: dict[str, str], status: int) -> None:
    known = program.known("crm")
    answer = await program.client.post("/v1/check", json=CHECK, headers={**known, **headers})
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


async def test_no_page_may_ask_beforehand_either(program: Program) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for headers in (asked, {**asked, **program.known("root")}):
        answer = await program.client.options("/v1/check", headers=headers)
        assert answer.status_code == 403
    plain = await program.client.options("/v1/check", headers=program.known("root"))
    assert problem(plain, 405)["code"] == "wrong-method"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "text/json"]
)
async def test_a_form_is_not_json(program: Program, kind: str) -> None:
    headers = {**program.known("crm"), "Content-Type": kind}
    answer = await program.client.post("/v1/check", content=json.dumps(CHECK), headers=headers)
    assert problem(answer, 415)["code"] == "wrong-type"


# --- too much ------------------------------------------------------------------------------------


def test_what_is_held_is_given_back() -> None:
    flight = Flight(10)
    one, other = Hold(flight), Hold(flight)
    one.add(6)
    with pytest.raises(Refused) as caught:
        other.add(5)
    assert caught.value.code == "busy"
    other.release()
    one.release()
    one.release()
    assert flight.held == 0
    other.add(10)


async def test_strangers_are_told_of_now_and_then(
    program: Program, capsys: pytest.CaptureFixture[str], counted: Callable[[str], float]
) -> None:
    from smtpguard import log

    log.configure()
    before = counted("smtpguard_api_answers_total")
    for _ in range(5):
        await program.client.post("/v1/check", json=CHECK)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["api: what=refused, why=no-token, client=127.0.0.1, before=0"]
    assert counted("smtpguard_api_answers_total") == before + 5

"""The document says what is served, and what is served is what the document says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from smtpguard.web.api.openapi import document
from smtpguard.web.api.operations import OPERATIONS
from smtpguard.web.api.problem import CODES, Refused, pointer
from smtpguard.web.settings import Right
from tests.web.api.test_requests import opened

if TYPE_CHECKING:
    from tests.web.api.conftest import Program


def test_it_is_openapi() -> None:
    validate(document())
    assert document()["openapi"].startswith("3.1")
    assert json.loads(json.dumps(document())) == document()


def test_every_name_is_one_of_a_word() -> None:
    assert all(name.isalpha() for name in document()["components"]["schemas"])


def test_everything_that_is_asked_and_answered_is_explained() -> None:
    assert {one.right for one in OPERATIONS} == set(Right)
    for path in document()["paths"].values():
        for operation in path.values():
            assert operation["summary"].endswith(".")
    for schema in document()["components"]["schemas"].values():
        assert schema.get("description")


@pytest.mark.parametrize("code", CODES)
def test_a_problem_is_what_it_says(code: str) -> None:
    refused = Refused(code, "x", [{"pointer": pointer(("a", 0)), "detail": "y"}] * 99)
    said = json.loads(bytes(refused.answer().body))
    assert fits("Problem", said) == []
    assert len(said["errors"]) == 20
    assert refused.answer().status_code == said["status"] == CODES[code]


def fits(name: str, value: object) -> list[str]:
    """What in a value does not fit the schema of that name."""
    whole = {**document(), "$ref": f"#/components/schemas/{name}"}
    return [error.message for error in OAS31Validator(whole).iter_errors(value)]


async def test_answers_fit_their_schemas(program: Program) -> None:
    number = await opened(program)
    people = {"controller": "acme", "addresses": ["anna@client.example", "robin@client.example"]}
    asked: list[tuple[str, str, dict[str, Any] | None]] = [
        ("suppress", "/v1/suppressions", {**people, "addresses": ["anna@client.example", "x"]}),
        ("check", "/v1/check", people),
        ("clean", "/v1/clean", {**people, "addresses": [*people["addresses"], "x"]}),
        ("lift", "/v1/suppressions/lift", {**people, "because": "x"}),
        ("listRequests", "/v1/requests", None),
        ("showRequest", f"/v1/requests/{number}", None),
        ("closeRequest", f"/v1/requests/{number}/done", None),
        ("stats", "/v1/stats", None),
    ]
    assert [name for name, _, _ in asked] == sorted(
        (one.id for one in OPERATIONS), key=[name for name, _, _ in asked].index
    )
    for name, path, said in asked:
        (operation,) = [one for one in OPERATIONS if one.id == name]
        if operation.asked:
            assert fits(operation.asked.__name__, said) == []
        if operation.method == "GET":
            answer = await program.get(path)
        else:
            answer = await program.post(path, said)
        assert answer.status_code == 200, answer.text
        assert fits(operation.answered.__name__, answer.json()) == []


async def test_it_is_served_to_callers(program: Program) -> None:
    answer = await program.get("/v1/openapi.json", "spy")
    assert answer.json() == document()

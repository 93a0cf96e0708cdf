"""The OpenAPI 3.1 document, made of the operations and of the shapes that requests are held to."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from smtpguard import __version__
from smtpguard.policy.model import Model, schemas
from smtpguard.web.api import problem
from smtpguard.web.api.answered import Problem
from smtpguard.web.api.call import JSON
from smtpguard.web.api.operations import OPERATIONS, TEXTS, Operation

DESCRIPTION = """\
Who may be written to, for the company's own programs. No address stands in a URL. What is written
has been acknowledged by the store when you are answered. 503 means that it may not have been: ask
again; nothing is recorded twice."""
REFERENCE = "#/components/schemas/{model}"
COUNTS = ("SmtpGuard-Keep", "SmtpGuard-Drop", "SmtpGuard-Bad", "SmtpGuard-Partly")
OTHERWISE = {"$ref": "#/components/responses/problem"}


@cache
def document() -> dict[str, Any]:
    """All of it."""
    return _Writer().document()


class _Writer:
    def __init__(self) -> None:
        asked = [one.asked for one in OPERATIONS if one.asked]
        asked += [one.query for one in OPERATIONS if one.query]
        answered: list[type[Model]] = [Problem, *(one.answered for one in OPERATIONS)]
        self.refs, self.shapes = schemas(asked, answered, REFERENCE)

    def document(self) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        for one in OPERATIONS:
            paths.setdefault(one.path, {})[one.method.lower()] = self.operation(one)
        paths["/v1/openapi.json"] = {
            "get": {
                "operationId": "openapi",
                "summary": "This document.",
                "responses": {
                    "200": {
                        "description": "OpenAPI 3.1.",
                        "content": {JSON: {"schema": {"type": "object"}}},
                    },
                    "default": OTHERWISE,
                },
            }
        }
        queries = {self.name(one.query) for one in OPERATIONS if one.query}
        shown = {name: one for name, one in self.shapes.items() if name not in queries}
        codes = ", ".join(f"`{code}` ({status})" for code, status in problem.CODES.items())
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "smtpguard",
                "version": __version__,
                "description": DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "security": [{"token": []}, {}],
            "paths": paths,
            "components": {
                "schemas": shown,
                "responses": {
                    "problem": {
                        "description": f"A problem (RFC 9457); its `code` is one of {codes}.",
                        "content": {problem.MEDIA_TYPE: {"schema": self.refs[Problem]}},
                    }
                },
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        }

    def operation(self, one: Operation) -> dict[str, Any]:
        said: dict[str, Any] = {
            "operationId": one.id,
            "summary": one.summary,
            "description": f"{one.description}\n\nNeeds the right `{one.right.value}`.",
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in re.findall(r"{(\w+)}", one.path)
            ],
            "responses": {
                "200": {"description": "Done.", "content": self.content(one.answered)},
                "default": OTHERWISE,
            },
        }
        if one.query:
            said["parameters"] += self.query(one)
        if one.asked:
            said["requestBody"] = {"required": True, "content": self.content(one.asked)}
        if one.text:
            text = {kind: {"schema": {"type": "string"}} for kind in TEXTS}
            said["requestBody"]["content"] |= text
            said["responses"]["200"]["content"] |= text
            said["responses"]["200"]["headers"] = {
                name: {"description": "Rows; of a list in text.", "schema": {"type": "integer"}}
                for name in COUNTS
            }
        return {name: value for name, value in said.items() if value != []}

    def query(self, one: Operation) -> list[dict[str, Any]]:
        """The parameters behind the question mark."""
        assert one.query
        shape = self.shapes[self.name(one.query)]
        only = " Only for lists in text or CSV." if one.text else ""
        found = []
        for name, schema in shape["properties"].items():
            rest = {key: value for key, value in schema.items() if key != "description"}
            described = f"{schema.get('description', '')}{only}".strip()
            found.append({"name": name, "in": "query", "description": described, "schema": rest})
        return found

    def content(self, shape: type[Model]) -> dict[str, Any]:
        return {JSON: {"schema": self.refs[shape]}}

    def name(self, shape: type[Model]) -> str:
        return str(self.refs[shape]["$ref"]).rpartition("/")[2]

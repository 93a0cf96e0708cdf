"""The operations, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smtpguard import metrics
from smtpguard.policy.model import Model
from smtpguard.store.errors import StoreSilent
from smtpguard.web.api.call import Call
from smtpguard.web.api.gate import Gate
from smtpguard.web.api.openapi import document
from smtpguard.web.api.operations import OPERATIONS, Operation
from smtpguard.web.api.problem import HEADERS, Refused, octets
from smtpguard.web.api.stats import Census
from smtpguard.web.desk import Desk

AT_A_TIME = 2
"""Lists that are looked up at a time; others wait."""


def application(desk: Desk) -> Starlette:
    """The API over a store that is open."""
    paths: dict[str, dict[str, Operation]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = one
    routes = [
        Route(path, _served(desk, by_method), methods=list(by_method))
        for path, by_method in paths.items()
    ]
    routes.append(Route("/v1/openapi.json", _describe))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Gate, desk=desk)],
        exception_handlers={
            Refused: _refused,
            StoreSilent: _silent,
            HTTPException: _elsewhere,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    app.state.turns = asyncio.Semaphore(AT_A_TIME)
    app.state.census = Census(desk)
    return app


Endpoint = Callable[[Request], Awaitable[Response]]


def _served(desk: Desk, by_method: Mapping[str, Operation]) -> Endpoint:
    async def serve(request: Request) -> Response:
        operation = by_method["GET" if request.method == "HEAD" else request.method]
        request.scope["operation"] = operation.id
        call = Call(desk, request.scope["caller"], request)
        call.needs(operation.right)
        answer = await operation.work(call)
        return _json(answer) if isinstance(answer, Model) else answer

    return serve


def _json(answer: Model) -> Response:
    said = answer.model_dump_json(by_alias=True).encode()
    return Response(said + b"\n", headers=dict(HEADERS), media_type="application/json")


async def _describe(request: Request) -> Response:
    request.scope["operation"] = "openapi"
    return Response(octets(document()), headers=dict(HEADERS), media_type="application/json")


def _refused(_: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return refused.answer()


def _silent(_: Request, silent: Exception) -> Response:
    """What was to be written may be, or not; asking again is harmless."""
    metrics.STORE_SILENT.inc()
    return Refused("store-silent", str(silent)).answer()


def _elsewhere(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code != 405:
        return Refused("not-found", "there is nothing here: see /v1/openapi.json").answer()
    return Refused(
        "wrong-method", "ask otherwise: addresses stand in bodies, never in URLs", (), error.headers
    ).answer()


def _failed(_: Request, __: Exception) -> Response:
    """A bug of ours; the server writes the trace."""
    return Refused("trouble", "that is a fault of ours; its trace is in the log").answer()

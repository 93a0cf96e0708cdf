"""The pages, put together."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from smtpguard.web import exits, preferences, rights, why
from smtpguard.web.desk import Desk
from smtpguard.web.gate import Gate
from smtpguard.web.pages import HEADERS, asset, notice, options


def application(desk: Desk) -> Starlette:
    """The exit pages over a store that is open."""
    pages = (
        ("/u/{token}", exits.show, exits.leave),
        ("/left-{width}/{token}", exits.receipt, exits.amend),
        ("/p/{token}", preferences.show, preferences.save),
        ("/r/{token}", rights.show, rights.ask),
    )
    routes: list[BaseRoute] = []
    for path, get, post in pages:
        routes += [
            Route(path, get, methods=["GET"]),
            Route(path, post, methods=["POST"]),
            Route(path, options, methods=["OPTIONS"]),
        ]
    routes += [Route("/why/{token}", why.show), Route("/static/{name}", _file)]
    routes.append(Route("/favicon.ico", _no_icon))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Gate, desk=desk)],
        exception_handlers={404: _nothing, 405: _nothing},
    )
    app.state.desk = desk
    return app


def _file(request: Request) -> Response:
    found = exits.desk_of(request).site.assets.get(request.path_params["name"])
    return asset(found) if found else _nothing(request, None)


def _no_icon(_: Request) -> Response:
    """Browsers ask for one whether there is one or not."""
    return Response(status_code=204, headers=HEADERS)


def _nothing(request: Request, _: Exception | None) -> Response:
    status = getattr(_, "status_code", 404)
    return notice("missing", *exits.desk_of(request).refused(request), status)

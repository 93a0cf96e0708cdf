"""The pages, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from smtpguard.web import exits, incoming, preferences, rights, why
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
        ("/in/{controller}/{name}", incoming.greet, incoming.take),
    )
    routes: list[BaseRoute] = [
        Route(path, _either(get, post), methods=["GET", "POST", "OPTIONS"])
        for path, get, post in pages
    ]
    routes += [Route("/why/{token}", why.show), Route("/static/{name}", _file)]
    routes.append(Route("/favicon.ico", _no_icon))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Gate, desk=desk)],
        exception_handlers={404: _nothing, 405: _nothing, Exception: _failed},
    )
    app.router.redirect_slashes = False  # it would name the Host that the client named
    app.state.desk = desk
    return app


Page = Callable[[Request], Awaitable[Response]]


def _either(get: Page, post: Page) -> Page:
    """What a page is asked by its method; one route, so that a refusal names all of them."""

    async def serve(request: Request) -> Response:
        if request.method == "OPTIONS":
            return options(request)
        return await (post if request.method == "POST" else get)(request)

    return serve


def _file(request: Request) -> Response:
    found = exits.desk_of(request).site.assets.get(request.path_params["name"])
    return asset(found) if found else _nothing(request, None)


def _no_icon(_: Request) -> Response:
    """Browsers ask for one whether there is one or not."""
    return Response(status_code=204, headers=HEADERS)


def _nothing(request: Request, _: Exception | None) -> Response:
    status = getattr(_, "status_code", 404)
    answer = notice("missing", *exits.desk_of(request).refused(request), status)
    answer.headers.update(getattr(_, "headers", None) or {})
    return answer


def _failed(request: Request, _: Exception) -> Response:
    """A bug of ours; the server writes the trace. Nothing was promised: it may be tried again."""
    return notice("trouble", *exits.desk_of(request).refused(request), 503)

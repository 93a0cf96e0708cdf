"""For the operator, on a listener of its own: alive, ready, and what was counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from smtpguard import metrics
from smtpguard.store.counts import Counts
from smtpguard.store.errors import StoreSilent
from smtpguard.store.outbox import Outbox
from smtpguard.web.desk import Desk


def application(desk: Desk, others: Callable[[], Iterable[metrics.Counted]] = tuple) -> Starlette:
    """``/healthz``: the process answers. ``/readyz``: it can also do its work, or says why not.

    ``others`` is what other processes have counted.
    """

    def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        if not desk.ring.links or not desk.ring.references:
            return PlainTextResponse("keys: a link key and a reference key are needed\n", 503)
        try:
            await desk.store.ask(())
        except StoreSilent as error:
            return PlainTextResponse(f"store: {error}\n", 503)
        return PlainTextResponse(f"ok, policy {desk.site.version}\n")

    async def count(_: Request) -> Response:
        with suppress(StoreSilent):  # then they are as old as its last answer
            found = await Counts(desk.store).total()
            metrics.TOGETHER.counts = {name: one.count for name, one in found.items()}
            waiting, dead = await Outbox(desk.store, desk.ring).depth()
            metrics.TOGETHER.webhooks = {"waiting": waiting, "given-up": dead}
        return Response(metrics.page(others()), media_type=metrics.CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/metrics", count),
        ]
    )

"""Everything that the API does, in one list: it is routed, guarded and documented from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from smtpguard.policy.model import Model
from smtpguard.web.api import answered, asked, check, clean, requests, stats, suppressions
from smtpguard.web.api.call import Call
from smtpguard.web.settings import Right

TEXTS = (clean.PLAIN, clean.CSV)
Work = Callable[[Call], Awaitable[Model | Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that may be asked."""

    id: str
    method: str
    path: str
    right: Right
    work: Work
    answered: type[Model]
    asked: type[Model] | None = None
    """The body in JSON."""
    query: type[Model] | None = None
    text: bool = False
    """A list in text or CSV is taken as well; then the query says what JSON says in its body."""

    @property
    def summary(self) -> str:
        """The first line of what the work says of itself."""
        return (self.work.__doc__ or "").partition("\n")[0].strip()

    @property
    def description(self) -> str:
        """All that the work says of itself."""
        lines = (self.work.__doc__ or "").strip().splitlines()
        return "\n".join(line.strip() for line in lines)


OPERATIONS = (
    Operation(
        "suppress",
        "POST",
        "/v1/suppressions",
        Right.SUPPRESS,
        suppressions.add,
        answered.Recorded,
        asked.Suppress,
    ),
    Operation(
        "lift",
        "POST",
        "/v1/suppressions/lift",
        Right.LIFT,
        suppressions.lift,
        answered.Lifted,
        asked.Lift,
    ),
    Operation(
        "check", "POST", "/v1/check", Right.CHECK, check.check, answered.Answers, asked.Check
    ),
    Operation(
        "clean",
        "POST",
        "/v1/clean",
        Right.CHECK,
        clean.clean,
        answered.Cleaned,
        asked.Clean,
        asked.CleanQuery,
        text=True,
    ),
    Operation(
        "listRequests",
        "GET",
        "/v1/requests",
        Right.REQUESTS,
        requests.listed,
        answered.RightsRequests,
        query=asked.RequestsQuery,
    ),
    Operation(
        "showRequest",
        "GET",
        "/v1/requests/{number}",
        Right.REQUESTS,
        requests.shown,
        answered.RightsRequestShown,
    ),
    Operation(
        "closeRequest",
        "POST",
        "/v1/requests/{number}/done",
        Right.REQUESTS,
        requests.done,
        answered.RightsRequest,
    ),
    Operation("stats", "GET", "/v1/stats", Right.STATS, stats.stats, answered.Stats),
)

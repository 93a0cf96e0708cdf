"""What is said instead of an answer: problem details (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from smtpguard.policy.source import Loc

MEDIA_TYPE = "application/problem+json"
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
RETRY = {"Retry-After": "10"}
MOST = 20
"""Faults of one request that are told."""

CODES: Mapping[str, int] = {
    "malformed": 400,
    "no-token": 401,
    "bad-token": 401,
    "no-right": 403,
    "from-a-browser": 403,
    "not-found": 404,
    "wrong-method": 405,
    "too-slow": 408,
    "too-large": 413,
    "wrong-type": 415,
    "wrong-host": 421,
    "invalid": 422,
    "unknown-name": 422,
    "store-silent": 503,
    "busy": 503,
    "trouble": 503,
}
"""Every kind of problem, and its status."""


class Refused(Exception):
    """A request that is not served; ``code`` is one of ``CODES``."""

    def __init__(
        self,
        code: str,
        detail: str,
        faults: Iterable[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = CODES[code]
        self.detail = detail
        self.faults = list(faults)
        self.headers = dict(headers or {})

    def answer(self) -> Response:
        """As it is sent."""
        status = HTTPStatus(self.status)
        said: dict[str, Any] = {
            "type": "about:blank",
            "title": status.phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.faults:
            said["errors"] = self.faults[:MOST]
        headers = {**HEADERS, **(RETRY if self.status == 503 else {}), **self.headers}
        return Response(octets(said), self.status, headers, MEDIA_TYPE)


def octets(said: object) -> bytes:
    """JSON; half a character that somebody sent stays escaped."""
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def pointer(loc: Loc) -> str:
    """Where in the body something stands: a JSON Pointer in a fragment (RFC 6901 §6)."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in loc)
    return "#" + "".join(f"/{step}" for step in steps)

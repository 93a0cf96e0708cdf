"""An answer: a page of our templates with the header fields that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from smtpguard.web.site import Asset, Party
from smtpguard.web.wording import WORDINGS, Wording

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
RETRY = {"Retry-After": "30"}

_TEMPLATES = Environment(
    loader=PackageLoader("smtpguard.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    name: str,
    words: Wording,
    party: Party,
    values: Mapping[str, object],
    status: int = 200,
) -> Response:
    """The page of that template, in the reader's language and the brand's look."""
    text = _TEMPLATES.get_template(f"{name}.html").render(
        words=words, say=words.say, party=party, wordings=WORDINGS.values(), **values
    )
    headers = {**HEADERS, "Content-Language": words.language, "Vary": "Accept-Language"}
    return HTMLResponse(text, status, headers if status != 503 else {**headers, **RETRY})


def notice(kind: str, words: Wording, party: Party, status: int) -> Response:
    """A short page: a heading and a sentence; ``kind`` is the first part of their names."""
    return page("notice", words, party, {"kind": kind}, status)


def see_other(request: Request, place: str) -> Response:
    """On to a page that can be read again; ``place`` is relative, because we do not know our name.

    The language asked for in the link is kept.
    """
    asked = request.query_params.get("l", "")
    mark = "&" if "?" in place else "?"
    kept = f"{mark}l={asked}" if asked in WORDINGS else ""
    return Response(status_code=303, headers={**HEADERS, "Location": place + kept})


def line(text: str, status: int = 200) -> Response:
    """A line for a program."""
    headers = dict(HEADERS) if status != 503 else {**HEADERS, **RETRY}
    return PlainTextResponse(text + "\n", status, headers)


def asset(found: Asset) -> Response:
    """A file whose name is its content's hash. A picture may not run anything."""
    headers = {
        **HEADERS,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "Content-Type": found.type,
    }
    return Response(found.content, headers=headers)


def options(request: Request) -> Response:
    """What may be done here."""
    return Response(status_code=204, headers={**HEADERS, "Allow": "GET, HEAD, OPTIONS, POST"})

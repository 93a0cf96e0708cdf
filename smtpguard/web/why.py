"""``/why/TOKEN``: what stands behind a bounce, for the sender who got it."""

from __future__ import annotations

import re

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from smtpguard.rules import BY_ID
from smtpguard.unsubscribe.why import read
from smtpguard.web.exits import desk_of, unknown
from smtpguard.web.pages import page
from smtpguard.web.wording import choose

_CODE = re.compile(r"``(.+?)``")
_HEADING = re.compile(r"^(Fault|Why|Fix|References)\n", re.MULTILINE)


async def show(request: Request) -> Response:
    """The rule, what was found, what to do; in the bounce's language unless asked otherwise."""
    desk = desk_of(request)
    refusal = read(desk.ring, request.path_params["token"], desk.now)
    rule = BY_ID.get(refusal.rule) if refusal else None
    if refusal is None or rule is None:
        return unknown(request)
    words = choose(request.query_params.get("l", "") or refusal.language, "")
    spoken = words.language if words.language in rule.says else "en"
    return page(
        "why",
        words,
        desk.site.party(),
        {
            "date": words.date(refusal.at),
            "code": refusal.code,
            "rule": rule,
            "finding": f"{rule.id}.{refusal.detail}" if refusal.detail else rule.id,
            "remedy": rule.says[spoken],
            "spoken": spoken,
            "sections": sections(rule.manual),
            "languages": True,
        },
    )


def sections(manual: str) -> list[tuple[str, list[Markup]]]:
    """The parts of a manual page, each with its heading and its paragraphs, as HTML."""
    _, *parts = _HEADING.split(manual)
    return [
        (heading, [_paragraph(piece) for piece in text.strip().split("\n\n")])
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    ]


def _paragraph(text: str) -> Markup:
    """One paragraph, unwrapped; what stands in double backquotes is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(" ".join(text.split())))))  # noqa: S704

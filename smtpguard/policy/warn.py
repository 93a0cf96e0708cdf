"""What ``check`` says of a policy that is right, but should be looked at."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from smtpguard.edit.fix import Change
from smtpguard.policy.controller import Controller
from smtpguard.policy.source import Loc, Problem, Source
from smtpguard.policy.stream import Action, Kind, Mode, Stream

LOOPBACK = re.compile(r"http://(127\.[0-9.]+|localhost)(?=[:/?#]|\Z)", re.IGNORECASE)
FIXES = frozenset({Action.FIX_OR_WARN, Action.FIX_OR_REJECT})


def warnings(
    source: Source,
    streams: Sequence[Stream],
    drafts: Collection[str],
    rules: Mapping[str, Change],
    now: int,
) -> Iterator[Problem]:
    """Warnings about the streams of one file; ``drafts`` are packs nobody has reviewed."""
    for stream in streams:
        loc: Loc = ("streams", stream.name)
        for where, text in _of(stream, drafts, rules, now):
            path = ".".join(map(str, (*loc, *where)))
            yield source.problem((*loc, *where), f"{path}: {text}", key=not where)


def unheard(source: Source, controller: Controller, streams: Sequence[Stream]) -> Iterator[Problem]:
    """Addresses that nobody listens to, for want of a listener of ``kind: feedback``."""
    feedback = controller.feedback
    places: list[tuple[Loc, str]] = [
        (("feedback", name), address)
        for name, addresses in (
            ("bounces", feedback.bounces),
            ("complaints", feedback.complaints),
            ("replies", feedback.replies),
        )
        for address in addresses[:1]
    ]
    brands = {stream.brand.name: stream.brand for stream in streams}
    for name, brand in brands.items():
        if mailto := brand.unsubscribe.mailto:
            places.append((("brands", name, "unsubscribe", "mailto"), mailto))
    for loc, address in places:
        path = ".".join(map(str, loc))
        text = f"no listener here is of `kind: feedback`, so nobody acts on mail to {address}"
        yield source.problem(loc, f"{path}: {text}")


def in_the_clear(source: Source, controller: Controller) -> Iterator[Problem]:
    """Webhooks that tell of readers without TLS, to another host than this."""
    for number, webhook in enumerate(controller.webhooks):
        if webhook.url.startswith("http://") and not LOOPBACK.match(webhook.url):
            text = f"{webhook.url}: without https, readers' addresses travel in the clear"
            loc: Loc = ("webhooks", number, "url")
            yield source.problem(loc, f"webhooks.{number}.url: {text}")


def _of(
    stream: Stream, drafts: Collection[str], rules: Mapping[str, Change], now: int
) -> Iterator[tuple[Loc, str]]:
    if not stream.enforce_suppression:
        yield ("suppression",), "`observe`: people who have opted out are still written to"
    for number, name in enumerate(stream.packs):
        if name in drafts:
            yield ("packs", number), f"pack {name} is a draft that nobody has reviewed"
    for rule, asked in stream.rules.items():
        if asked.until is not None and asked.until <= now:
            again = f"`{asked.otherwise}` holds again"
            yield ("rules", rule, "until"), f"{asked.action} has ended, {again}"
        if rule not in rules and not asked.said_by.startswith("pack "):
            yield ("rules", rule), "is planned, not built: nothing is judged"
    if stream.kind is Kind.MARKETING:
        yield from _of_marketing(stream, rules)
    if stream.mode is Mode.ENFORCE and not _told(stream):
        text = "no mail address here or in feedback.operator: nobody is told when mail is held up"
        yield ("owner",), text
    exits = stream.brand.unsubscribe
    if stream.edits and not stream.brand.dkim:
        text = f"brand {stream.brand.name} has no DKIM key, so what is edited leaves unsigned"
        yield ("edits",), text
    if exits.url and not exits.url.startswith("https://"):
        yield ("brand",), f"{exits.url}: one-click needs https (RFC 8058 §3.1)"


def _told(stream: Stream) -> bool:
    """Whether a letter about it has somewhere to go."""
    return "@" in stream.owner or bool(stream.controller.feedback.operator)


def _of_marketing(stream: Stream, rules: Mapping[str, Change]) -> Iterator[tuple[Loc, str]]:
    if not stream.rules:
        yield (), "marketing without packs or rules: nothing is asked of it"
    if not stream.brand.unsubscribe.url:
        text = f"brand {stream.brand.name} has no unsubscribe.url: no exit can be added"
        yield (), text
    beyond: dict[Change, list[str]] = {}
    for rule, asked in stream.rules.items():
        needs = rules.get(rule, Change.NONE)
        if asked.action in FIXES and needs > stream.edits:
            beyond.setdefault(needs, []).append(rule)
    for needs, names in sorted(beyond.items()):
        allowed, wanted = stream.edits.name.lower(), needs.name.lower()
        text = f"`{allowed}` leaves unmended what needs `{wanted}`: {', '.join(sorted(names))}"
        yield ("edits",), text

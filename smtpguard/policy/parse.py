"""From what operators wrote to what is in force: whole, or every problem at once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import Any

from smtpguard.edit.fix import Change
from smtpguard.policy import entity, pack
from smtpguard.policy.catalogue import CATALOGUE
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.match import told_apart
from smtpguard.policy.model import validate
from smtpguard.policy.pack import Pack
from smtpguard.policy.policy import Policy
from smtpguard.policy.shape import BrandShape, PolicyShape, RuleShape, StreamShape
from smtpguard.policy.source import Loc, Problem, Problems, Source, did_you_mean, read
from smtpguard.policy.stream import Asked, Match, Mode, Stream
from smtpguard.policy.warn import in_the_clear, unheard, warnings

__all__ = ["Problem", "Problems", "load"]


def load(
    paths: Mapping[str, bytes],
    *,
    rules: Mapping[str, Change],
    invariants: Collection[str] = (),
    listeners: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    packs: Mapping[str, bytes] = pack.SHIPPED,
    now: int = 0,
    feedback: bool = True,
) -> Policy:
    """Compile policy files; raises ``Problems``.

    ``paths``: octets by file name, a controller each. ``rules``: the ids that are built, with the
    largest change that their fixes ask for; ``invariants``: those among them that no policy may
    set. ``listeners``: ``smtp`` or ``lmtp`` by name, and ``defaults`` their default streams, where
    the configuration is known. ``packs``: octets by file name. ``now``: seconds since the epoch,
    for overrides that have ended. ``feedback``: a listener takes what comes back by mail.
    """
    stand = _Stand(rules, frozenset(invariants), listeners, packs)
    read_files = [stand.read(name, octets) for name, octets in paths.items()]
    files = [file for file in read_files if file]
    problems = [*stand.problems, *_across(files), *_defaults(files, defaults or {})]
    if problems:
        raise Problems(problems)
    nothing = Problem("policies", 0, 0, "no files: all mail is relayed as personal, unparsed")
    said = [] if files else [nothing]
    said += [w for f in files for w in warnings(f.source, f.streams, stand.drafts, rules, now)]
    said += [w for f in files for w in in_the_clear(f.source, f.controller)]
    if not feedback:
        said += [w for f in files for w in unheard(f.source, f.controller, f.streams)]
    said += [w for f in files for w in _on_listeners(f, listeners or {}, defaults or {})]
    return Policy(
        version=_version(paths, packs),
        controllers={file.controller.name: file.controller for file in files},
        streams=tuple(stream for file in files for stream in file.streams),
        default_refuses=any(file.default == "refuse" for file in files),
        warnings=tuple(str(problem) for problem in sorted(set(said))),
    )


@dataclass(frozen=True, slots=True)
class _File:
    """One file that could be compiled, at least in part."""

    source: Source
    controller: Controller
    streams: tuple[Stream, ...]
    default: str | None


class _Stand:
    """What every file is held against, and the problems so far."""

    def __init__(
        self,
        rules: Mapping[str, Change],
        invariants: frozenset[str],
        listeners: Mapping[str, str] | None,
        packs: Mapping[str, bytes],
    ) -> None:
        self.rules = rules
        self.invariants = invariants
        self.packs = packs
        self.names = pack.names(packs)
        self.compiled: dict[str, Pack | None] = {}
        self.problems: list[Problem] = []
        self.context: dict[str, object] = {
            "rule": CATALOGUE | set(rules) | invariants,
            "pack": frozenset(self.names),
            "listener": None if listeners is None else frozenset(listeners),
        }

    @property
    def drafts(self) -> frozenset[str]:
        """Packs in use that nobody has reviewed."""
        return frozenset(name for name, found in self.compiled.items() if found and found.draft)

    def pack(self, name: str) -> Pack | None:
        if name not in self.compiled:
            file = self.names[name]
            self.compiled[name], problems = pack.parse(file, self.packs[file], self.rules)
            self.problems += problems
        return self.compiled[name]

    def read(self, name: str, octets: bytes) -> _File | None:
        source = read(name, octets)
        self.problems += source.problems
        if source.value is None:
            if not source.problems:
                self.problems.append(Problem(name, 0, 0, "empty: no controller, no streams"))
            return None
        shape, faults = validate(PolicyShape, source, source.value, self.context)
        self.problems += [problem for _, problem in faults]
        if shape is None:
            rest = _without(source.value, [loc for loc, _ in faults])
            shape, _ = validate(PolicyShape, source, rest, self.context)
        return self.file(source, shape) if shape else None

    def file(self, source: Source, shape: PolicyShape) -> _File:
        controller = entity.controller(shape)
        brands = {name: entity.brand(name, given, shape) for name, given in shape.brands.items()}
        if not _written(source, "brands"):
            brands = {shape.controller: entity.brand(shape.controller, BrandShape(), shape)}
        streams = tuple(
            stream
            for name, given in shape.streams.items()
            if (stream := self.stream(source, name, given, controller, brands))
        )
        return _File(source, controller, streams, shape.default.kind if shape.default else None)

    def stream(
        self,
        source: Source,
        name: str,
        given: StreamShape,
        controller: Controller,
        brands: Mapping[str, Brand],
    ) -> Stream | None:
        loc = ("streams", name)
        brand = self.brand(source, loc, given.brand, brands)
        packs = [found for one in given.packs if (found := self.pack(one))]
        if given.kind == "personal" and (given.packs or given.rules):
            text = "personal mail is relayed unparsed: packs and rules have no say in it"
            self.problems.append(source.problem((*loc, "class"), f"{loc_text(loc)}: {text}"))
        asked = self.asked(source, (*loc, "rules"), given.rules, packs)
        if brand is None:
            return None
        return Stream(
            name=name,
            controller=controller,
            brand=brand,
            kind=given.kind,
            match=Match(**given.match.model_dump()) if given.match else Match(),
            owner=given.owner,
            mode=Mode(given.mode),
            edits=Change[given.edits.upper()],
            one_recipient=given.recipients == "one",
            enforce_suppression=given.suppression == "enforce",
            refuse_with_defer=given.refuse_with == "defer",
            pause_after=given.pause.after,
            pause_window=int(given.pause.within),
            pass_when_store_silent=given.store_silent == "pass",
            pass_when_protected=given.protected == "pass",
            purpose=given.purpose,
            reason=dict(given.reason),
            professions=given.audience.professions,
            tracking_hosts=frozenset(given.tracking.hosts),
            downstream_esp=given.downstream_esp,
            reply_language=given.reply_language,
            packs=given.packs,
            rules=asked,
        )

    def brand(
        self, source: Source, loc: Loc, named: str, brands: Mapping[str, Brand]
    ) -> Brand | None:
        if not named and len(brands) == 1:
            return next(iter(brands.values()))
        written = _written(source, "brands")
        if named in brands or named in written or (not named and len(written) == 1):
            return brands.get(named)
        if named:
            text = f"there is no brand `{named[:60]}`{did_you_mean(named, written)}"
        else:
            text = f"say which: {', '.join(written)}"
        where = (*loc, "brand") if named else loc
        problem = source.problem(where, f"{loc_text((*loc, 'brand'))}: {text}", key=not named)
        self.problems.append(problem)
        return None

    def asked(
        self, source: Source, loc: Loc, said: Mapping[str, RuleShape], packs: Sequence[Pack]
    ) -> dict[str, Asked]:
        """What is asked of each rule: the packs' strictest word, and the operator's over it."""
        named = dict.fromkeys(rule for found in packs for rule in found.rules)
        asked = {
            rule: strictest
            for rule in named
            if rule not in self.invariants and (strictest := pack.strictest(packs, rule)).action
        }
        for rule, word in said.items():
            here = (*loc, rule)
            if rule in self.invariants:
                text = f"{loc_text(here)}: always acts, a policy cannot set it"
                self.problems.append(source.problem(here, text, key=True))
                continue
            own, law = pack.action(word.action), pack.lawful(packs, rule)
            if own < law.action:
                self.problems += _unreasoned(source, here, word, law)
            asked[rule] = Asked(
                own,
                source.line(here),
                law=law.law,
                because=word.because,
                approved_by=word.approved_by,
                until=entity.epoch(word.until + timedelta(days=1)) if word.until else None,
                otherwise=pack.strictest(packs, rule).action,
            )
        return asked


def loc_text(loc: Loc) -> str:
    """The way to a value, as problems name it."""
    return ".".join(str(step) for step in loc)


def _unreasoned(source: Source, loc: Loc, word: RuleShape, law: Asked) -> Iterator[Problem]:
    wanted = ("because", "approved_by", "until")
    if lacking := [name for name in wanted if not getattr(word, name)]:
        text = f"{law.said_by} marks `{law.action}` as law; to lower it, add {', '.join(lacking)}"
        yield source.problem(loc, f"{loc_text(loc)}: {text}", key=True)


def _written(source: Source, part: str) -> Collection[str]:
    """Names under ``brands`` or ``streams``, right or wrong in what they hold."""
    value = source.value.get(part) if isinstance(source.value, dict) else None
    return value if isinstance(value, dict) else {}


def _without(value: object, faults: Sequence[Loc]) -> object:
    """``value`` without the parts that do not fit, so that the rest can be looked at too."""
    if not isinstance(value, dict):
        return value
    rest: dict[str, Any] = value
    for loc in faults:
        depth = 1
        if loc and loc[0] in ("streams", "brands"):
            whole = len(loc) < 3 or loc[0] == "brands" or loc[2] in ("class", "brand")
            depth = 2 if whole else 4 if loc[2] == "rules" else 3
        rest = _cut(rest, loc[:depth])
    return {"controller": "unnamed", "legal_name": "-"} | rest


def _cut(value: dict[str, Any], loc: Loc) -> dict[str, Any]:
    if len(loc) > 1 and isinstance(inner := value.get(str(loc[0])), dict):
        return {**value, str(loc[0]): _cut(inner, loc[1:])}
    return {name: part for name, part in value.items() if loc[:1] != (name,)}


def _across(files: Sequence[_File]) -> Iterator[Problem]:
    """What only shows when files, or streams, are held against each other."""
    owners: dict[str, _File] = {}
    for file in files:
        name = file.controller.name
        if name in owners:
            there = owners[name].source.line(("controller",))
            text = f"controller `{name}` is already written in {there}"
            yield file.source.problem(("controller",), text)
        owners.setdefault(name, file)
    yield from _addresses(files)
    placed = [(file, stream) for file in files for stream in file.streams]
    for (first, one), (second, other) in combinations(placed, 2):
        loc, there = ("streams", other.name), first.source.line(("streams", one.name))
        if one.name == other.name:
            text = f"streams.{other.name}: a stream of this name already stands in {there}"
            yield second.source.problem(loc, text, key=True)
        elif Match() not in (one.match, other.match) and not told_apart(one.match, other.match):
            where = first.source.line(("streams", one.name, "match"))
            text = (
                f"streams.{other.name}.match: can take the same mail as `{one.name}` in {where};"
                " give both a criterion in which they differ"
            )
            yield second.source.problem((*loc, "match"), text, key=True)
    said = [file for file in files if file.default]
    for file in said[1:]:
        if file.default != said[0].default:
            text = f"default: {said[0].source.line(('default',))} says `{said[0].default}`"
            yield file.source.problem(("default",), text, key=True)


def _addresses(files: Sequence[_File]) -> Iterator[Problem]:
    """Feedback goes to one controller, and to a mailbox that the listener does not read itself."""
    owners: dict[str, _File] = {}
    for file in files:
        told = file.controller.feedback
        for address in sorted({*told.bounces, *told.complaints, *told.replies}):
            owner = owners.setdefault(address.casefold(), file)
            if owner is not file:
                there = owner.source.line(("feedback",))
                text = f"feedback: {address} already belongs to {there}"
                yield file.source.problem(("feedback",), text)
    mailtos = {s.brand.unsubscribe.mailto.casefold() for file in files for s in file.streams}
    for file in files:
        operator = file.controller.feedback.operator.casefold()
        if operator and (operator in owners or operator in mailtos):
            text = f"feedback.operator: {operator} is read by the feedback listener itself"
            yield file.source.problem(("feedback", "operator"), text)


def _defaults(files: Sequence[_File], defaults: Mapping[str, str]) -> Iterator[Problem]:
    """Default streams of listeners that cannot be."""
    streams = {stream.name: (file, stream) for file in files for stream in file.streams}
    written = {name for file in files for name in _written(file.source, "streams")}
    for listener, name in defaults.items():
        if name not in written:
            text = f"there is no stream `{name}`, its default{did_you_mean(name, written)}"
            yield Problem(f"listener {listener}", 0, 0, text)
        elif name in streams:
            file, stream = streams[name]
            if stream.match.listener not in ("", listener):
                text = f"match names listener `{stream.match.listener}`, but it is the default"
                loc = ("streams", name, "match", "listener")
                yield file.source.problem(loc, f"{loc_text(loc)}: {text} of `{listener}`")


def _on_listeners(
    file: _File, listeners: Mapping[str, str], defaults: Mapping[str, str]
) -> Iterator[Problem]:
    """What does not go well with the listeners that there are."""
    for stream in file.streams:
        loc: Loc = ("streams", stream.name)
        used = [stream.match.listener] if stream.match.listener else list(listeners)
        smtp = [name for name in used if listeners.get(name) == "smtp"]
        if stream.one_recipient and smtp:
            text = (
                f"streams.{stream.name}.recipients: `one` on SMTP listener {', '.join(smtp)}: a"
                " second RCPT gets 452, which applications ignore; put it behind an MTA queue with"
                " _destination_recipient_limit = 1, or use LMTP"
            )
            yield file.source.problem((*loc, "recipients"), text)
        if listeners and stream.match == Match() and stream.name not in defaults.values():
            text = f"streams.{stream.name}: takes no mail: no match, and no listener's default"
            yield file.source.problem(loc, text, key=True)


def _version(*parts: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for octets in sorted(part.values()):
            digest.update(len(octets).to_bytes(8, "big") + octets)
    return digest.hexdigest()[:12]

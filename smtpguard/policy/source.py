"""What an operator wrote, read with the place of every word: YAML 1.2, and every problem at once.

The only reader of YAML in the house. It reads octets that it is given, never a file, and answers
with plain values or with ``Problem`` values; it knows nothing of what the words mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

if TYPE_CHECKING:
    from ruamel.yaml.error import StreamMark
    from ruamel.yaml.events import Event

DEPTH = 32
"""Levels of nesting that are read."""
VALUES = 100_000
"""Values of one file, those repeated through aliases counted each time."""

Loc = tuple[str | int, ...]
"""The way to a value: keys of mappings and indexes of sequences."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file. Lines and columns count from 1; 0: the whole file."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.text}"


class Problems(ValueError):
    """All that is wrong, in the order of the files; what was read must not be used."""

    def __init__(self, items: Iterable[Problem]) -> None:
        self.items = tuple(sorted(set(items)))
        super().__init__("\n".join(str(item) for item in self.items))


@dataclass(slots=True)
class Source:
    """One file: its plain value, where each part of it stands, and what was wrong on the way."""

    name: str
    value: object = None
    keys: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    places: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def at(self, loc: Loc, *, key: bool = False) -> tuple[int, int]:
        """Line and column of the value at ``loc``, or of its key; of what is nearest above it."""
        if key and loc in self.keys:
            return self.keys[loc]
        while loc and loc not in self.places:
            loc = loc[:-1]
        return self.places.get(loc, (0, 0))

    def line(self, loc: Loc) -> str:
        """``file:line`` of the key at ``loc``, for naming a place inside a sentence."""
        return f"{self.name}:{self.at(loc, key=True)[0]}"

    def problem(self, loc: Loc, text: str, *, key: bool = False) -> Problem:
        """A problem with the value at ``loc``, or with its key."""
        return Problem(self.name, *self.at(loc, key=key), text)


def read(name: str, octets: bytes) -> Source:
    """Read one file; never raises. Where ``problems`` is not empty, ``value`` may lack parts."""
    source = Source(name)
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = octets[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        source.problems.append(Problem(name, line, column, "not UTF-8"))
        return source
    try:
        source.value = _Composer(source, YAML(typ="safe", pure=True).parse(text)).document()
    except _Unreadable as error:
        source.problems.append(error.problem)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = error.problem or error.context or "not YAML"
        source.problems.append(Problem(name, line, column, " ".join(str(said).split())))
    except (YAMLError, ValueError, IndexError, AttributeError, AssertionError, TypeError) as error:
        # The reader names no place for these, and a few odd inputs surprise it altogether.
        said = str(getattr(error, "reason", "") or "cannot be read as YAML")
        place = getattr(error, "position", 0)
        before_text = text[:place] if isinstance(place, int) else ""
        line, column = before_text.count("\n") + 1, len(before_text) - before_text.rfind("\n")
        source.problems.append(Problem(name, line, column, said))
    return source


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``; did you mean `x`?`` when one of ``words`` is close to ``word``, else nothing."""
    close = get_close_matches(word, sorted(words), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


class _Unreadable(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Composer:
    """Plain values from the events of one document (YAML 1.2 §10.3, the core schema)."""

    def __init__(self, source: Source, events: Iterator[Event]) -> None:
        self.source = source
        self.events = events
        self.anchors: dict[str, tuple[object, int]] = {}
        self.size = 0

    def document(self) -> object:
        value: object = None
        documents = 0
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.unreadable(event.start_mark, "a second document; only one is read")
                value = self.node(next(self.events), ())
        return value

    def node(self, event: Event, loc: Loc) -> object:
        mark = event.start_mark
        self.source.places[loc] = (mark.line + 1, mark.column + 1)
        if len(loc) > DEPTH:
            raise self.unreadable(mark, f"nested more than {DEPTH} levels deep")
        if isinstance(event, AliasEvent):
            return self.alias(event)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise self.unreadable(mark, f"tag {tag} is not read here")
        before = self.size
        self.count(1, mark)
        if isinstance(event, ScalarEvent):
            plain = event.style is None and not tag
            value = _scalar(event.value) if plain else event.value
        elif isinstance(event, MappingStartEvent):
            value = self.mapping(loc)
        else:
            assert isinstance(event, SequenceStartEvent)
            value = self.sequence(loc)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.size - before)
        return value

    def alias(self, event: AliasEvent) -> object:
        if event.anchor not in self.anchors:
            raise self.unreadable(event.start_mark, f"no anchor &{event.anchor} before this alias")
        value, size = self.anchors[event.anchor]
        self.count(size, event.start_mark)
        return value

    def mapping(self, loc: Loc) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            mark = event.start_mark
            if not isinstance(event, ScalarEvent):
                raise self.unreadable(mark, "a key must be a word")
            key, here = event.value, (*loc, event.value)
            place = (mark.line + 1, mark.column + 1)
            if key in found:
                first = self.source.keys[here][0]
                again = f"`{key}` is given twice; the first stands in line {first}"
                self.source.problems.append(Problem(self.source.name, *place, again))
                self.skip(loc)
                continue
            self.source.keys[here] = place
            found[key] = self.node(next(self.events), here)
        return found

    def skip(self, loc: Loc) -> None:
        """Read a value that does not count, and forget where it stands."""
        kept = dict(self.source.keys), dict(self.source.places)
        self.node(next(self.events), loc)
        self.source.keys, self.source.places = kept

    def sequence(self, loc: Loc) -> list[object]:
        found: list[object] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            found.append(self.node(event, (*loc, len(found))))
        return found

    def count(self, size: int, mark: StreamMark) -> None:
        self.size += size
        if self.size > VALUES:
            raise self.unreadable(mark, f"more than {VALUES} values")

    def unreadable(self, mark: StreamMark, text: str) -> _Unreadable:
        return _Unreadable(Problem(self.source.name, mark.line + 1, mark.column + 1, text))


_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_BASED = re.compile(r"0o[0-7]{1,18}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,3})?")


def _scalar(text: str) -> object:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def write(value: object) -> str:
    """Plain values as YAML that ``read`` reads back."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()

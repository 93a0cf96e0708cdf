"""The kinds of value an operator writes, and how a file is held against the shape asked of it.

The only importer of pydantic: the shapes of policies and of the configuration are ``Model``
classes, and ``validate`` turns all that does not fit into ``Problem`` values with their place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import models_json_schema

from smtpguard.mail.address import Address
from smtpguard.policy.peers import Endpoint, Peers
from smtpguard.policy.source import Loc, Problem, Source, did_you_mean

__all__ = [  # the shapes take pydantic's own words from here
    "AfterValidator",
    "BeforeValidator",
    "EndpointIn",
    "ExactUrl",
    "Field",
    "Host",
    "MailAddress",
    "Model",
    "Name",
    "Octets",
    "PathIn",
    "PeersIn",
    "Seconds",
    "Secret",
    "Text",
    "Url",
    "ValidationInfo",
    "host",
    "model_validator",
    "one_of",
    "schema",
    "schemas",
    "spelled",
    "url",
    "validate",
]


class Model(BaseModel):
    """What a file, or a part of it, may hold: nothing but the fields named."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


M = TypeVar("M", bound=Model)

# Durations and sizes ------------------------------------------------------------------------------

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_OCTETS = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("KMGT", 1)
    for suffix, base in (("IB", 1024), ("B", 1000), ("", 1024))
}
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([A-Za-z]{0,3})")


def _quantity(value: object, units: Mapping[str, float], example: str) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected {example}")
    if not isinstance(value, str):
        if value < 0 or value != value or value > 1e15:
            raise ValueError(f"out of range, expected {example}")
        return None
    match = _QUANTITY.fullmatch(value.strip())
    if not match or match[2] not in units:
        raise ValueError(f"`{value[:40]}` is not understood, expected {example}")
    return float(match[1]) * units[match[2]]


def _seconds(value: Any) -> Any:
    found = _quantity(value, _SECONDS, "a time such as 30s, 10m or 2h (ms, s, m, h, d, w)")
    return value if found is None else found


def _octets(value: Any) -> Any:
    text = value.upper() if isinstance(value, str) else value
    found = _quantity(text, _OCTETS, "a size such as 25 MiB, 64 KiB or 1 GB")
    return value if found is None else int(found)


def _written_seconds(value: float) -> str:
    for unit in "wdhm":
        if value and value % _SECONDS[unit] == 0:
            return f"{int(value / _SECONDS[unit])}{unit}"
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"


def _written_octets(value: int) -> str | int:
    for unit in ("GiB", "MiB", "KiB"):
        if value and value % _OCTETS[unit.upper()] == 0:
            return f"{value // int(_OCTETS[unit.upper()])} {unit}"
    return value


_QUANTITY_SCHEMA = {"type": ["string", "number"]}

Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    PlainSerializer(_written_seconds),
    WithJsonSchema(_QUANTITY_SCHEMA | {"examples": ["30s", "10m", "2h"]}),
]
"""A duration: ``10m``, ``1.5s``; a bare number is seconds."""

Octets = Annotated[
    int,
    BeforeValidator(_octets),
    PlainSerializer(_written_octets),
    WithJsonSchema(_QUANTITY_SCHEMA | {"examples": ["25 MiB", "64 KiB"]}),
]
"""A size: ``25 MiB``, ``1 GB``; a bare number is octets."""

# Words --------------------------------------------------------------------------------------------

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_MAIL = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@(\S+)")
_URL = re.compile(r"https?://([^\s/?#:@]+)(:[0-9]{1,5})?([/?#]\S*)?")


def host(text: str) -> str:
    """A host name in lower case, IDN in its A-label form (RFC 5890 §2.3.2.1); or ``ValueError``."""
    name = text.strip().lower().removesuffix(".")
    if not name.isascii():
        name = Address(b"", name.encode("utf-8", "replace")).domain_key  # RFC 5890 §2.3.2.1
    if not _HOST.fullmatch(name):
        raise ValueError(f"`{text[:60]}` is not a host name")
    return name


def _mail_address(text: str) -> str:
    match = _MAIL.fullmatch(text)
    if not match:
        raise ValueError(f"`{text[:60]}` is not a mail address")
    host(match[1])
    return text


def url(text: str) -> str:
    """An http(s) URL, without a slash at its end; or ``ValueError``."""
    return exact_url(text).rstrip("/")


def exact_url(text: str) -> str:
    """An http(s) URL as it is written; or ``ValueError``."""
    match = _URL.fullmatch(text)
    if not match or int((match[2] or ":443")[1:]) not in range(1, 1 << 16):
        raise ValueError(f"`{text[:60]}` is not an http(s) URL")
    host(match[1])
    return text


def _one_line(text: str) -> str:
    if any(c < " " or c == "\x7f" for c in text):
        raise ValueError("must be one line of text, without control characters")
    return text.strip()


def spelled(pattern: str, what: str) -> AfterValidator:
    """A validator: the whole value matches ``pattern``, or it is not ``what``."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"`{text[:60]}` is not {what}")
        return text

    return AfterValidator(check)


def _secret(text: str, info: ValidationInfo) -> str:
    if not re.fullmatch("(credential|file):.+", text):
        raise ValueError("expected credential:NAME or file:PATH, not a secret itself")
    base = (info.context or {}).get("base")
    kind, _, path = text.partition(":")
    return f"file:{Path(base) / path}" if base and kind == "file" else text


Text = Annotated[str, AfterValidator(_one_line)]
"""One line."""
Name = Annotated[
    str,
    spelled(
        "[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?",
        "a name: lower-case letters, digits, `-`, `_`, `.`, at most 64",
    ),
]
Secret = Annotated[str, AfterValidator(_secret)]
"""Where a secret is: ``credential:NAME`` (systemd) or ``file:PATH``; never the secret itself."""
Host = Annotated[str, AfterValidator(host)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
Url = Annotated[str, AfterValidator(url)]
ExactUrl = Annotated[str, AfterValidator(exact_url)]
"""To some servers a final slash is another place."""


def one_of(what: str) -> AfterValidator:
    """A validator: the value is one of the words that ``validate`` was given under ``what``."""

    def known(value: str, info: ValidationInfo) -> str:
        words = (info.context or {}).get(what)
        if words is not None and value not in words:
            raise ValueError(f"there is no {what} `{value[:60]}`{did_you_mean(value, words)}")
        return value

    return AfterValidator(known)


def _path(value: Any, info: ValidationInfo) -> Any:
    base = (info.context or {}).get("base")
    return Path(base) / value if base and isinstance(value, str) and value else value


PathIn = Annotated[Path, BeforeValidator(_path), PlainSerializer(str)]
"""A path, relative to the directory of the file it stands in."""

# Addresses ----------------------------------------------------------------------------------------


def _endpoint(value: Any, info: ValidationInfo) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    if not isinstance(value, str):
        raise ValueError("expected HOST:PORT, [IPv6]:PORT or unix:/path")
    found = Endpoint.parse(value)
    base = (info.context or {}).get("base")
    return Endpoint(path=str(Path(base) / found.path)) if base and found.path else found


def _peers(value: Any) -> Peers:
    if isinstance(value, Peers):
        return value
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise ValueError("expected a list of networks, such as [127.0.0.0/8, 10.1.0.0/16]")
    return Peers.parse(value)


EndpointIn = Annotated[
    Endpoint,
    PlainValidator(_endpoint),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:10025", "unix:/run/x.sock"]}),
]
PeersIn = Annotated[
    Peers,
    PlainValidator(_peers),
    PlainSerializer(Peers.written),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]

# A file against its shape -------------------------------------------------------------------------


def validate(
    shape: type[M], source: Source, value: object, context: Mapping[str, object]
) -> tuple[M | None, list[tuple[Loc, Problem]]]:
    """Hold ``value``, read from ``source``, against ``shape``: the model, or all problems."""
    try:
        return shape.model_validate(value, context=dict(context)), []
    except ValidationError as error:
        return None, [
            (item["loc"], _problem(shape, source, item["loc"], item))
            for item in error.errors(include_url=False)
        ]


def schema(shape: type[Model], title: str) -> dict[str, Any]:
    """The JSON Schema of one kind of file, for editors."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **shape.model_json_schema(), "title": title}


def schemas(
    asked: Sequence[type[Model]], answered: Sequence[type[Model]], template: str
) -> tuple[dict[type[Model], dict[str, Any]], dict[str, Any]]:
    """The JSON Schemas of shapes that refer to each other: a reference to each, and all by name.

    ``template`` is what a reference looks like, ``{model}`` being the name.
    """
    modes: list[tuple[type[Model], Literal["validation", "serialization"]]]
    modes = [(shape, "validation") for shape in dict.fromkeys(asked)]
    modes += [(shape, "serialization") for shape in dict.fromkeys(answered)]
    refs, found = models_json_schema(modes, ref_template=template)
    return {cast("type[Model]", shape): ref for (shape, _), ref in refs.items()}, found["$defs"]


def _problem(shape: type[Model], source: Source, loc: Loc, item: Mapping[str, Any]) -> Problem:
    loc = tuple(step for step in loc if step != "[key]")
    path = ".".join(str(step) for step in loc)
    kind, given = item["type"], item["input"]
    if kind == "extra_forbidden":
        text = f"`{loc[-1]}` is not known here{did_you_mean(str(loc[-1]), _fields(shape, loc))}"
        return source.problem(loc, f"{path}: {text}" if len(loc) > 1 else text, key=True)
    if kind == "missing":
        return source.problem(loc[:-1], f"{path}: missing", key=True)
    text = _SAID.get(kind, _as_is)(item, given)
    return source.problem(loc, f"{path}: {text}" if path else text, key="[key]" in item["loc"])


def _as_is(item: Mapping[str, Any], given: object) -> str:
    said = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return said if item["type"] == "value_error" else f"{said}, not {_shown(given)}"


def _choice(item: Mapping[str, Any], given: object) -> str:
    words = re.findall(r"'([^']*)'", item["ctx"]["expected"])
    return f"{_shown(given)} is not one of {', '.join(words)}{did_you_mean(str(given), words)}"


def _text(item: Mapping[str, Any], given: object) -> str:
    if isinstance(given, list | dict):
        return f"expected text, not {_shown(given)}"
    return f'expected text, not {_shown(given)}; write it in quotes: "..."'


_SAID: dict[str, Callable[[Mapping[str, Any], object], str]] = {
    "enum": _choice,
    "literal_error": _choice,
    "string_type": _text,
    "model_type": lambda _, given: f"expected a mapping (key: value), not {_shown(given)}",
    "dict_type": lambda _, given: f"expected a mapping (key: value), not {_shown(given)}",
    "tuple_type": lambda _, given: f"expected a list, not {_shown(given)}",
}


def _shown(given: object) -> str:
    match given:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case bool():
            return f"`{str(given).lower()}`"
        case _:
            return f"`{str(given)[:60]}`"


def _fields(shape: object, loc: Loc) -> list[str]:
    """The names that could stand where the last step of ``loc`` stands."""
    for step in loc[:-1]:
        if isinstance(shape, type) and issubclass(shape, Model):
            shape = next(
                (f.annotation for n, f in shape.model_fields.items() if step in (n, f.alias)), None
            )
        else:
            shape = next((a for a in reversed(get_args(shape)) if a is not ...), None)
        while get_origin(shape) in (Annotated, Union, UnionType):  # a part that may be left out
            shape = get_args(shape)[0]
    if isinstance(shape, type) and issubclass(shape, Model):
        return [f.alias or name for name, f in shape.model_fields.items()]
    return []

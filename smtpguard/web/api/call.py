"""One request: who asks, for what; its body read within the limits, its names looked up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from smtpguard.mail.address import Address
from smtpguard.policy.model import Model, validate
from smtpguard.policy.names import Named, UnknownName, find
from smtpguard.policy.source import Loc, Source
from smtpguard.policy.stream import Kind
from smtpguard.store.cleaning import LONGEST_ADDRESS
from smtpguard.store.shared_domain import why_shared
from smtpguard.store.store import Who
from smtpguard.store.table import read_domain
from smtpguard.web.api.answered import Fault
from smtpguard.web.api.asked import Aim
from smtpguard.web.api.caller import Caller
from smtpguard.web.api.gate import Hold
from smtpguard.web.api.problem import Refused, pointer
from smtpguard.web.desk import Desk
from smtpguard.web.settings import Right

JSON = "application/json"
MOST_MEMBERS = 50
"""Of one object; the largest shape has seven."""
LONGEST_NAME = 100
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose maker is known."""

    desk: Desk
    caller: Caller
    request: Request

    def needs(self, right: Right) -> None:
        """Raises ``Refused`` when the caller may not."""
        if right not in self.caller.rights:
            challenge = 'Bearer realm="smtpguard", error="insufficient_scope"'
            detail = f"`{right.value}` is not among what {self.caller.name or 'you'} may"
            raise Refused("no-right", detail, (), {"WWW-Authenticate": challenge})

    @property
    def media_type(self) -> str:
        """What the body is, without parameters, in lower case. Raises ``Refused``."""
        headers = self.request.headers
        if "content-encoding" in headers:
            raise Refused("wrong-type", "Content-Encoding is not read: send the body as it is")
        return headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def turn(self) -> asyncio.Semaphore:
        """To be held by whoever asks the store for long."""
        found: asyncio.Semaphore = self.request.app.state.turns
        return found

    async def octets(self, most: int) -> bytes:
        """The whole body, no longer than ``most``, arrived in time. Raises ``Refused``."""
        hold: Hold = self.request.scope["hold"]
        too_large = Refused("too-large", f"more than {most} octets")
        length = self.request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > most:
            raise too_large
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.desk.settings.api.limits.seconds):
                async for piece in self.request.stream():
                    size += len(piece)
                    if size > most:
                        raise too_large
                    hold.add(len(piece))
                    pieces.append(piece)
        except TimeoutError:
            raise Refused("too-slow", "it did not arrive") from None
        except ClientDisconnect:
            raise Refused("malformed", "it broke off") from None
        hold.whole = True
        return b"".join(pieces)

    async def asked(self, shape: type[M]) -> M:
        """The body, held against its shape. Raises ``Refused``."""
        if self.media_type != JSON:
            raise Refused("wrong-type", f"the body must be {JSON}", (), {"Accept-Post": JSON})
        value = decoded(await self.octets(self.desk.settings.api.limits.body))
        return fitted(shape, value, "pointer")

    def query(self, shape: type[M]) -> M:
        """What stands behind the question mark, held against its shape. Raises ``Refused``."""
        pairs = self.request.query_params.multi_items()
        if len(dict(pairs)) < len(pairs):
            raise Refused("invalid", "a parameter is given twice")
        return fitted(shape, dict(pairs), "parameter")

    def named(self, aim: Aim, kind: Kind = Kind.MARKETING, place: str = "pointer") -> Named:
        """The mail that is meant, among what the caller may ask for. Raises ``Refused``."""
        site = self.desk.site
        own = [name for name in site.controllers if self.caller.sees(name)]
        streams = site.streams.values()
        try:
            return find(own, streams, aim.controller, aim.brand, aim.stream, kind=kind)
        except UnknownName as unknown:
            where = pointer((unknown.what,)) if place == "pointer" else unknown.what
            said = str(unknown)
            raise Refused("unknown-name", said, [{place: where, "detail": said}]) from None


def decoded(octets: bytes) -> Any:
    """The JSON that octets are (RFC 8259, no name twice). Raises ``Refused``."""
    try:
        return json.loads(octets.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise Refused("malformed", "not UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Refused("malformed", f"not JSON: {error.msg}, {place}") from None
    except RecursionError:
        raise Refused("malformed", "not JSON that is read here: nested too deep") from None
    except ValueError as error:
        raise Refused("malformed", f"not JSON that is read here: {error}") from None


def fitted(shape: type[M], value: object, place: str) -> M:
    """A value held against a shape. Raises ``Refused``, which names each place."""
    fault = _clumsy(value, place)
    if fault is not None:
        raise Refused("invalid", fault["detail"], [fault])
    found, problems = validate(shape, Source("request"), value, {})
    if found is None:
        faults = [_fault(loc, problem.text, place) for loc, problem in problems]
        raise Refused("invalid", "; ".join(fault["detail"] for fault in faults[:3]), faults)
    return found


def people(addresses: Sequence[str], domains: Sequence[str]) -> tuple[list[Who], list[Fault]]:
    """Those who can be read, and what is wrong with the others."""
    found: list[Who] = []
    faults: list[Fault] = []
    for place, word in enumerate(addresses):
        if (one := address(word)) is not None:
            found.append(one)
        else:
            faults.append(Fault(pointer=pointer(("addresses", place)), detail="not an address"))
    for place, word in enumerate(domains):
        name = read_domain(word.removeprefix("@")) if word.isprintable() else None
        why = why_shared(name) if name else "not a domain"
        if name and not why:
            found.append(name)
        else:
            faults.append(Fault(pointer=pointer(("domains", place)), detail=why))
    return found, faults


def address(word: str) -> Address | None:
    """The address that a word is, with or without angle brackets."""
    text = word.strip().removeprefix("<").removesuffix(">")
    if len(text) > LONGEST_ADDRESS:
        return None
    return Address.parse(text.encode("utf-8", "surrogatepass"))


def _clumsy(value: object, place: str) -> dict[str, str] | None:
    """What is far from any shape: to list all that is wrong with it would take seconds."""
    if not isinstance(value, dict):
        return _fault((), "expected an object: {...}", place)
    if len(value) > MOST_MEMBERS or any(len(name) > LONGEST_NAME for name in value):
        return _fault((), "too many members, or names too long", place)
    for name, one in value.items():
        if isinstance(one, list):
            odd = next((at for at, item in enumerate(one) if not isinstance(item, str)), None)
            if odd is not None:
                return _fault((name, odd), "expected text", place)
        elif isinstance(one, dict):
            return _fault((name,), "expected no object here", place)
    return None


def _fault(loc: Loc, text: str, place: str) -> dict[str, str]:
    said = text.partition(": ")[2] if loc and text.startswith(str(loc[0])) else text
    where = pointer(loc) if place == "pointer" else ".".join(map(str, loc))
    return {place: where, "detail": said or text}


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")

"""Names that somebody types or sends, held against the policies: which mail they mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from smtpguard.person import Person, Scope, Suppression
from smtpguard.policy.stream import Kind, Stream
from smtpguard.policy.suppression import blocks

WHOLE = Scope()


class UnknownName(ValueError):
    """A name that the policies do not have; ``str()`` says so, and what was perhaps meant."""

    def __init__(self, what: str, word: str, known: Sequence[str]) -> None:
        near = get_close_matches(word, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(known) or 'none'}"
        said = f"no {what} {word} in the policies" if word else f"name the {what}"
        super().__init__(f"{said}: {hint}")
        self.what = what
        """``controller``, ``brand`` or ``stream``."""


@dataclass(frozen=True, slots=True)
class Named:
    """Mail of a controller, or of one brand or stream of it."""

    controller: str
    scope: Scope = WHOLE
    """A stream's brand is named too."""
    kind: Kind = Kind.MARKETING
    lists: tuple[tuple[str, Scope], ...] = ()
    """Partners' hashed lists that stand against it, and how far each reaches."""
    streams: frozenset[str] = frozenset()
    """All that it may come from."""

    def standing(self, person: Person, *, partly: bool = False) -> list[Suppression]:
        """What stands against that mail to ``person``; ``partly``: against any of it, not all."""
        return [
            one
            for one in person.suppressions
            if blocks(one.reason, self.kind)
            and (
                one.scope.covers(self.scope.brand, self.scope.stream)
                or (partly and self._holds(one.scope))
            )
        ]

    def _holds(self, scope: Scope) -> bool:
        return self.scope.covers(scope.brand, scope.stream) or scope.stream in self.streams


def find(
    controllers: Collection[str],
    known: Iterable[Stream],
    controller: str | None,
    brand: str = "",
    stream: str = "",
    *,
    kind: Kind = Kind.MARKETING,
) -> Named:
    """The mail that these names mean; no controller is the only one. ``UnknownName``.

    ``kind`` is the class of mail where no stream says it. Without a brand or stream, the lists
    are those that stand against anything.
    """
    if controller is None and len(controllers) == 1:
        (controller,) = controllers
    if controller is None or controller not in controllers:
        raise UnknownName("controller", controller or "", sorted(controllers))
    own = [one for one in known if one.controller.name == controller]
    if brand and brand not in {one.brand.name for one in own}:
        raise UnknownName("brand", brand, sorted({one.brand.name for one in own}))
    meant = next((one for one in own if one.name == stream), None)
    if stream and (meant is None or brand not in ("", meant.brand.name)):
        names = sorted(one.name for one in own if brand in ("", one.brand.name))
        raise UnknownName("stream", stream, names)
    scope = Scope(meant.brand.name, stream) if meant else Scope(brand)
    kind = meant.kind if meant else kind
    lists = _lists(own) if kind is Kind.MARKETING else ()
    near = tuple(
        (name, reach) for name, reach in lists if not scope.brand or reach.covers(scope.brand, "")
    )
    streams = {one.name for one in own if scope.covers(one.brand.name, one.name)}
    return Named(controller, scope, kind, near, frozenset(streams))


def _lists(own: Sequence[Stream]) -> tuple[tuple[str, Scope], ...]:
    """The lists of a controller: of all its brands, or of some."""
    brands = {one.brand.name: one.brand for one in own}
    said: dict[str, list[str]] = {}
    for brand in brands.values():
        for name in brand.suppression_lists:
            said.setdefault(name, []).append(brand.name)
    return tuple(
        (name, reach)
        for name, by in sorted(said.items())
        for reach in ([WHOLE] if len(by) == len(brands) else [Scope(each) for each in by])
    )

"""Who writes, as the pages show it: compiled from the policies of one moment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.policy import Policy
from smtpguard.policy.stream import Kind, Stream
from smtpguard.web.api.caller import Caller
from smtpguard.web.hooks import Hook
from smtpguard.web.inlets import Inlet
from smtpguard.web.look import stylesheet

LOGOS = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
}
LARGEST_LOGO = 512 * 1024


@dataclass(frozen=True, slots=True)
class Asset:
    """A file served by us, under a name that changes with it."""

    content: bytes = field(repr=False)
    type: str


@dataclass(frozen=True, slots=True)
class Party:
    """Who writes to a reader, in words; what the policies no longer know is shown by its id."""

    company: str
    brand: str
    purpose: str = ""
    address: str = ""
    """Postal."""
    contact: str = ""
    """Mail address or URL where rights are exercised."""
    privacy: str = ""
    languages: tuple[str, ...] = ()
    style: str = ""
    """Name of the stylesheet among the assets."""
    logo: str = ""
    alone: bool = False
    """The company writes under no other name."""

    @property
    def contact_link(self) -> str:
        """The target of a link to the contact."""
        web = self.contact.startswith(("https://", "http://"))
        return self.contact if web or not self.contact else f"mailto:{self.contact}"


@dataclass(frozen=True, slots=True)
class Site:
    """Everybody that a link may name."""

    version: str
    controllers: Mapping[str, Controller]
    streams: Mapping[tuple[str, str], Stream]
    """By controller and name."""
    brands: Mapping[tuple[str, str], Brand]
    assets: Mapping[str, Asset]
    styles: Mapping[str, str]
    """Asset by colour."""
    logos: Mapping[tuple[str, str], str]
    """Asset by controller and brand."""
    hooks: tuple[Hook, ...] = ()
    inlets: Mapping[tuple[str, str], Inlet] = field(default_factory=dict)
    """Tools that tell us of opt-outs, by controller and name."""
    callers: tuple[Caller, ...] = ()
    """Programs that may use the API."""

    def listens(self, controller: str) -> bool:
        """Whether anybody there wants to be told of anything."""
        return any(hook.controller == controller for hook in self.hooks)

    def party(self, controller: str = "", brand: str = "", stream: str = "") -> Party:
        """Who stands behind these ids."""
        entity = self.controllers.get(controller)
        known = self.streams.get((controller, stream))
        sign = known.brand if known else self.brands.get((controller, brand))
        return Party(
            company=entity.legal_name if entity else controller,
            brand=sign.names[0] if sign else brand or controller,
            purpose=known.purpose if known else "",
            address=entity.address if entity else "",
            contact=entity.rights_contact if entity else "",
            privacy=entity.privacy_url if entity else "",
            languages=sign.languages if sign else (),
            style=self.styles[sign.colour if sign else ""],
            logo=self.logos.get((controller, sign.name), "") if sign else "",
            alone=sum(owner == controller for owner, _ in self.brands) == 1,
        )

    def choices(self, controller: str) -> list[Stream]:
        """What a reader can switch on and off: the promotional streams, brand by brand."""
        own = [one for (name, _), one in self.streams.items() if name == controller]
        wanted = [one for one in own if one.kind is Kind.MARKETING]
        return sorted(wanted, key=lambda one: (one.brand.name, one.name))


def build(
    policy: Policy,
    logos: Mapping[str, bytes],
    hooks: tuple[Hook, ...] = (),
    inlets: tuple[Inlet, ...] = (),
    callers: tuple[Caller, ...] = (),
) -> Site:
    """Compile; ``logos`` are the files that brands name, those missing are not shown."""
    brands = {(one.controller.name, one.brand.name): one.brand for one in policy.streams}
    assets: dict[str, Asset] = {}

    def keep(content: bytes, suffix: str, kind: str) -> str:
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
        assets[name] = Asset(content, kind)
        return name

    styles = {
        colour: keep(stylesheet(colour), "css", "text/css; charset=utf-8")
        for colour in {"", *(brand.colour for brand in brands.values())}
    }
    pictures: dict[tuple[str, str], str] = {}
    for place, brand in brands.items():
        suffix = brand.logo.rpartition(".")[2].lower()
        content = logos.get(brand.logo, b"")
        if suffix in LOGOS and 0 < len(content) <= LARGEST_LOGO:
            pictures[place] = keep(content, suffix, LOGOS[suffix])
    return Site(
        policy.version,
        policy.controllers,
        {(one.controller.name, one.name): one for one in policy.streams},
        brands,
        assets,
        styles,
        pictures,
        hooks,
        {(one.controller, one.name): one for one in inlets},
        callers,
    )

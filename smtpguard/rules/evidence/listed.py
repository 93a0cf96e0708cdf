"""The way out that the header offers: List-Unsubscribe and List-Unsubscribe-Post."""

from __future__ import annotations

from dataclasses import dataclass

from smtpguard.edit.fix import OfferExit
from smtpguard.mail.field import Field
from smtpguard.policy.controller import Existing
from smtpguard.rules.evidence.target import fault_of, ours
from smtpguard.rules.rule import Case, once
from smtpguard.unsubscribe.fields import ListUnsubscribe


@dataclass(frozen=True, slots=True)
class Listed:
    """What the header offers."""

    fields: tuple[Field, ...]
    """All List-Unsubscribe fields."""
    posts: tuple[Field, ...]
    """All List-Unsubscribe-Post fields."""
    uris: tuple[str, ...]
    """URIs of the first field, also where they are legible only after RFC 2047 decoding."""
    usable: tuple[str, ...]
    """Those of them, https or mailto, through which somebody can leave."""
    faults: tuple[str, ...]
    """Why the field is malformed."""

    @property
    def https(self) -> tuple[str, ...]:
        """The https URIs, usable or not."""
        return tuple(uri for uri in self.uris if uri[:8].lower() == "https://")

    @property
    def web(self) -> tuple[str, ...]:
        """The http and https URIs."""
        return tuple(uri for uri in self.uris if uri[:4].lower() == "http")

    @property
    def contradictory(self) -> bool:
        """One of the two fields stands there more than once, with different values."""
        return any(len({field.raw for field in same}) > 1 for same in (self.fields, self.posts))


NOTHING = Listed((), (), (), (), ())


@once
def listed(case: Case) -> Listed:
    """Read both fields of the message."""
    mail = case.mail
    fields = mail.named("list-unsubscribe")
    posts = mail.named("list-unsubscribe-post")
    if not fields and not posts:
        return NOTHING
    read = ListUnsubscribe.read([field.value for field in fields])
    uris, faults = read.uris, read.faults
    if fields and not uris and fields[0].text != fields[0].value:
        uris = ListUnsubscribe.read([fields[0].text]).uris
        faults = ("encoded word",) if uris else faults
    usable = tuple(
        uri
        for uri in uris
        if uri[:8].lower().startswith(("https://", "mailto:")) and not fault_of(uri, case.brand)
    )
    return Listed(fields, posts, uris, usable, faults)


def foreign(case: Case, header: Listed) -> bool:
    """The policy wants our own exit, and the header offers another's."""
    return case.brand.unsubscribe.existing is Existing.REPLACE and not any(
        ours(uri, case.brand) for uri in header.uris
    )


def offer_exit(case: Case, header: Listed) -> tuple[OfferExit, ...]:
    """Our own exit in the header, where the brand has one."""
    if not case.brand.unsubscribe.url:
        return ()
    return (OfferExit(replace=bool(header.fields or header.posts)),)

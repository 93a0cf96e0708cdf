"""Whose addresses these are: the ones that a policy names, with any ``+tag``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from smtpguard.keys import Keyring
from smtpguard.mail.address import Address
from smtpguard.policy.controller import Bounces, Controller
from smtpguard.policy.policy import Policy


class Purpose(StrEnum):
    """What an address is there for."""

    REPLIES = "replies"
    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Post:
    """One recipient of a mail, as we know it."""

    purpose: Purpose
    controller: Controller
    tag: str = ""
    """What stood after the ``+``, as written."""


class Desk:
    """The addresses of one policy, and the keys that open its tokens."""

    def __init__(self, policy: Policy, ring: Keyring) -> None:
        self.ring = ring
        self._known: dict[str, Post] = {}
        self._bounces: dict[tuple[str, str], Bounces] = {}
        # An address with two purposes gets the stricter reading: the first one named.
        for written, post in _addresses(policy):
            address = Address.parse(written.encode())
            if address is not None:
                self._known.setdefault(address.key, post)
        self._listening = {one.name for one in policy.controllers.values() if one.webhooks}
        for stream in policy.streams:
            self._bounces[stream.controller.name, stream.brand.name] = stream.brand.bounces

    def post(self, address: Address) -> Post | None:
        """What a recipient is to us; ``None`` for a stranger's address."""
        if (known := self._known.get(address.key)) is not None:
            return known
        local = address.local
        for plus in range(len(local) - 1, 0, -1):
            if local[plus : plus + 1] == b"+":
                known = self._known.get(Address(local[:plus], address.domain).key)
                if known is not None:
                    tag = local[plus + 1 :].decode("utf-8", "replace")
                    return Post(known.purpose, known.controller, tag)
        return None

    def bounces(self, controller: str, brand: str) -> Bounces:
        """How many bounces are too many."""
        return self._bounces.get((controller, brand), Bounces())

    def listens(self, controller: str) -> bool:
        """Whether the company wants to be told of anything."""
        return controller in self._listening and bool(self.ring.links)

    def reference(self, controller: str, address: Address) -> str:
        """What log and journal call a person."""
        return self.ring.references[0].reference(controller, address.key)


def _addresses(policy: Policy) -> Iterator[tuple[str, Post]]:
    for controller in policy.controllers.values():
        feedback = controller.feedback
        for purpose, addresses in (
            (Purpose.REPLIES, feedback.replies),
            (Purpose.BOUNCES, feedback.bounces),
            (Purpose.COMPLAINTS, feedback.complaints),
        ):
            for address in addresses:
                yield address, Post(purpose, controller)
    for stream in policy.streams:
        if mailto := stream.brand.unsubscribe.mailto:
            yield mailto, Post(Purpose.UNSUBSCRIBE, stream.controller)

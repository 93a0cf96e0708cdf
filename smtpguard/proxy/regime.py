"""What is in force at one moment: a transaction keeps the regime it began with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smtpguard.keys import Keyring
from smtpguard.policy.match import Matcher
from smtpguard.policy.policy import Policy
from smtpguard.sign import Signer


@dataclass(frozen=True, slots=True)
class Regime:
    """A policy, compiled, and the keys that go with it."""

    policy: Policy
    matcher: Matcher
    signers: Mapping[str, tuple[Signer, ...]] = field(default_factory=dict)
    """By signing domain, lower case."""
    ring: Keyring = field(default_factory=Keyring)

    def pseudonym(self, controller: str, key: str) -> str:
        """The reference under which the store knows a person, for log and journal."""
        return self.ring.references[0].reference(controller, key)

    def signers_for(self, from_domain: str) -> tuple[Signer, ...]:
        """The keys of the From domain, or of the nearest domain above it."""
        domain = from_domain
        while domain:
            if domain in self.signers:
                return self.signers[domain]
            _, _, domain = domain.partition(".")
        return ()

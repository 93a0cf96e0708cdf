"""The keys that this host holds: read again when the store names one that is not among them."""

from __future__ import annotations

from collections.abc import Callable

from smtpguard.keys import Keyring


class Held:
    """One ring, shared by whatever reads or writes the store."""

    def __init__(self, ring: Keyring, reread: Callable[[], Keyring] | None = None) -> None:
        self.ring = ring
        self._reread = reread

    def replace(self, ring: Keyring) -> None:
        """Hold other keys from now on."""
        self.ring = ring

    def again(self) -> bool:
        """Look into the key files again, which another host's rotation may have brought.

        True when they hold something new; a ring that cannot be read is no news.
        """
        if self._reread is None:
            return False
        try:
            ring = self._reread()
        except ValueError:
            return False
        if not ring.references or ring == self.ring:
            return False
        self.ring = ring
        return True

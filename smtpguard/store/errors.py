"""Why the store did not answer."""

from __future__ import annotations


class StoreSilent(ConnectionError):
    """The store could not be asked; ``str()`` is the reason, without addresses or secrets."""


class StoreUntrusted(StoreSilent):
    """The store answers, but its answer would prove nothing; ``mend`` says what to do about it."""

    def __init__(self, why: str, mend: str) -> None:
        super().__init__(f"{why}: {mend}")
        self.why = why
        self.mend = mend

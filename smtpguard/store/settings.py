"""How the store is reached, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

EMBEDDED = "embedded:"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that ``Store.open`` needs to know. Times are seconds."""

    state: Path
    """Directory in which the host remembers which store is the right one."""
    url: str = EMBEDDED
    """``embedded:[directory]``, ``redis://``, ``rediss://`` or ``unix://``."""
    password: str = field(default="", repr=False)
    """Instead of one in the URL."""
    durability_asserted: bool = False
    """The operator vouches that the store neither evicts nor forgets; it is not asked."""
    deadline: float = 1.0
    """For one batch, connecting included."""
    blip: float = 4.0
    """How long a failing store is tried again before anybody hears of it."""
    replicas: int = 0
    """How many replicas must have a suppression before it counts as written."""
    reservation: int = 900
    """After that, a reserved first contact counts as not reserved."""
    contact_retention: int = 1096 * 86400
    """After that, somebody who was informed counts as new: 36 months."""

    @property
    def embedded(self) -> Path | None:
        """Directory of the embedded Valkey; ``None`` for a store elsewhere."""
        if not self.url.startswith(EMBEDDED):
            return None
        given = self.url.removeprefix(EMBEDDED)
        return Path(given) if given else self.state / "store"

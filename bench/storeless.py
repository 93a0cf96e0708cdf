"""``smtpguard`` whose store says at once that it has written an opt-out, and writes none.

What the pages cost by themselves; only the benchmark has it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from smtpguard.cli import main
from smtpguard.store.leaving import Recorded
from smtpguard.store.store import Store


async def opt_out(
    self: Store, controller: str, items: Iterable[Any], tell: Any = None
) -> list[Recorded]:
    """Nothing."""
    return [Recorded(new=True) for _ in items]


if __name__ == "__main__":
    Store.opt_out = opt_out  # type: ignore[method-assign]
    sys.exit(main(sys.argv[1:]))

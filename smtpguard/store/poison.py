"""How often one and the same message broke a rule, on any worker or machine.

A message that breaks a rule gets 451, and the third time 550: a 4xx that never changes is poison.
Its next try may come to another worker. Asked only when a rule broke.

=============================  ==================================================================
``sg-broke:{<hash of octets>}``  how often; lapses when no queue holds the message any more
=============================  ==================================================================
"""

from __future__ import annotations

from smtpguard.store.script import Script
from smtpguard.store.store import Store

KEPT = 7 * 86_400
"""Seconds; Postfix gives up after five days (``maximal_queue_lifetime``)."""

BREAK = Script("""
local before = redis.call('GET', KEYS[1]) or 0
redis.call('SET', KEYS[1], before + 1, 'EX', ARGV[1])
return tonumber(before)
""")


async def broke(store: Store, digest: bytes) -> int:
    """It broke a rule again; how often before, anywhere. Raises ``StoreSilent``."""
    key = b"sg-broke:{%b}" % digest.hex().encode()
    (before,) = await store.ask([BREAK.call((key,), KEPT)])
    return int(before)

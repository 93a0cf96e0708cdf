"""Words by which programs that read bounces take a refused text for a dead mailbox.

A mailing tool reads the bounce of a newsletter and writes to its reader no more. Many, Mautic among
them, do not go by the status code: they search the whole diagnosis for words in a certain order,
as "address ... unknown", inside longer words and across lines. What is refused for its content
says nothing of the reader, so it should hold none of these, not even with one half in the name of
a rule and the other in that of a stream. ``docs/bounces.md`` says which tools were tried.
"""

from __future__ import annotations

from collections.abc import Iterable

_WHO = "account|address|alias|email|mailbox|recipient|user"
_NOBODY = "|".join(f"{no} {who}" for no in ("no", "no such") for who in _WHO.split("|"))

ORDERS = (
    (_WHO, "full|invalid|unknown|disabled|discontinued|unavailable|inactiv|expire|suspend|locked"),
    (_WHO, "reject|refused|restrict|activated|verified|no longer"),
    (_WHO, "not|n't", "available|found|exist|allowed|list|member"),
    (_WHO, "lookup", "fail"),
    ("invalid|unknown|illegal|bad|inactive|wrong|deactivated", _WHO),
    ("no", "valid", _WHO),
    (_NOBODY,),
    ("over|exceed", "quota"),
    ("quota", "exceed"),
    ("insufficient", "storage"),
    ("space", "not", "enough"),
    ("larger", "limit"),
    ("file too large|mailbox is full",),
    ("relay", "denied|prohibited|disallowed|permit|allow"),
    ("unable to|unauthorized", "relay"),
    ("sender", "not|rejected"),
    ("not", "permit"),
    ("access", "denied"),
    ("bounce", "administrator"),
    ("not our customer|have an account|local user|not local|not ok",),
    ("transaction|auth|verify", "fail"),
    ("message|mail|content|mime|client", "refused|reject|filtered|blocked|mismatch"),
    ("mime error|invalid data",),
    ("host|domain", "unknown|not found|not allow"),
    ("no route|hop count|i/o error|points back",),
    ("system", "busy|error"),
    ("temporar", "unavailable|problem"),
    ("service", "unavailable"),
    ("spam", "detect|trap|scale"),
    ("delivery", "suspend|failed"),
    ("connection", "broken|refused|reset|timed"),
    ("forgery|abuse|junk mail|denyip|no permit|notauthorized|unrouteable",),
)
"""What stands in such an order, however far apart; a bar is "or"."""

_ORDERS = tuple(tuple(tuple(words.split("|")) for words in order) for order in ORDERS)


def mistakable(lines: Iterable[str]) -> bool:
    """Whether such a program would find something to go by."""
    text = "\n".join(lines).lower()
    return any(_holds(text, order) for order in _ORDERS)


def _holds(text: str, order: tuple[tuple[str, ...], ...]) -> bool:
    """Whether a word of each stands after one of the words before it."""
    at = 0
    for words in order:
        ends = [start + len(word) for word in words if (start := text.find(word, at)) >= 0]
        if not ends:
            return False
        at = min(ends)
    return True

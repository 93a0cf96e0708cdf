"""Who is still written to: reasons against classes of mail.

===========  =========  =============  =========================================================
reason       marketing  transactional  because
===========  =========  =============  =========================================================
objection    blocked    passes         GDPR art. 21(2)-(3) is about marketing: the invoice and
                                       the password reset arrive
erasure      blocked    passes         what is still owed to them may be said
complaint    blocked    passes         an objection, said to their provider
hard-bounce  blocked    blocked        nobody is there to read it
manual       blocked    blocked        the operator's own word: do not write
===========  =========  =============  =========================================================

Personal mail is correspondence: never looked up, never blocked.
"""

from __future__ import annotations

from smtpguard.person import Person, Reason, Suppression
from smtpguard.policy.stream import Kind, Stream

_MARKETING = frozenset({Kind.MARKETING})
_COMMERCIAL = frozenset({Kind.MARKETING, Kind.TRANSACTIONAL})

MATRIX: dict[Reason, frozenset[Kind]] = {
    Reason.OBJECTION: _MARKETING,
    Reason.ERASURE: _MARKETING,
    Reason.COMPLAINT: _MARKETING,
    Reason.HARD_BOUNCE: _COMMERCIAL,
    Reason.MANUAL: _COMMERCIAL,
}
"""The classes of mail that each reason blocks."""


def blocks(reason: Reason, kind: Kind) -> bool:
    """Whether a suppression for that reason stands against mail of that class."""
    return kind in MATRIX[reason]


def standing(person: Person, stream: Stream) -> Suppression | None:
    """The first suppression that stands against mail of ``stream`` to ``person``."""
    return next(
        (
            suppression
            for suppression in person.suppressions
            if blocks(suppression.reason, stream.kind)
            and suppression.scope.covers(stream.brand.name, stream.name)
        ),
        None,
    )

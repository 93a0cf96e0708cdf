"""An alternative of the message without a link to unsubscribe.

Fault
    One of the alternatives (text/plain, text/html, text/x-amp-html) has a link to unsubscribe and
    another has none. Parts that are shown together count as one.
Why
    The reader sees one alternative, and the mail program chooses which. A way out that stands
    only in the HTML does not exist for who reads plain text.
Fix
    A paragraph with the reader's own link at the end of each alternative that lacks it.

References
    GDPR art. 12(1); RFC 2046 §5.1.4
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.edit.fix import Change
from smtpguard.rules.evidence.exits import Way, offer, ways
from smtpguard.rules.evidence.view import certainty_of_absence, parts_of, places
from smtpguard.rules.rule import Case, Finding, Rule


def check(case: Case) -> Iterator[Finding]:
    """Whether some readers find a way out and others do not."""
    without = [view for view, way in ways(case) if way is Way.NONE]
    if not without or len(without) == len(ways(case)):
        return
    parts = parts_of(without)
    types = sorted({view[0].part.type for view in without})
    yield Finding(
        RULE.id,
        found=f"no unsubscribe link in {', '.join(types)}",
        where=places(parts),
        fixes=offer(case, parts),
        certainty=certainty_of_absence(case.mail),
    )


RULE = Rule(
    __name__,
    check,
    says={
        "en": "One alternative part of the message has no unsubscribe link. Add one there.",
        "fr": "Une des versions (texte ou HTML) du message n'a pas de lien de desinscription."
        " Ajoutez-le.",
        "it": "Una delle versioni (testo o HTML) del messaggio non ha il link di"
        " disiscrizione. Aggiungerlo.",
    },
    change=Change.BODY,
)

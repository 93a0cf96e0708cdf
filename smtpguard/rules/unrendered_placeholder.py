"""A template tag that nobody filled in.

Fault
    A tag of one of thirteen template families (``{{...}}``, ``*|UNSUB|*``, ``%%...%%``,
    ``[[...]]`` ...) stands in Subject, From, a List-* field or the target of a link, also
    percent-encoded; or a link that unsubscribes ends in ``undefined`` or ``null``. Tags in other
    visible text are only warned of, those in code (``<pre>``, ``<code>``) not at all. Tags of a
    declared ``downstream_esp``, which renders them behind us, pass.
Why
    "Dear {{first_name}}" is a bad day; ``https://links.invalid/{{unsub}}`` is a mail that nobody
    can leave.
Fix
    None: only the sending application knows the value.

References
    GDPR art. 12(2); 15 USC 7704(a)(3) (a functioning mechanism)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtpguard.mail.lexicon import placeholders
from smtpguard.rules.evidence.exits import Exits, exits
from smtpguard.rules.evidence.quote import quote
from smtpguard.rules.evidence.view import places
from smtpguard.rules.rule import Case, Certainty, Finding, Rule

_RENDERED_LATER = {
    "mailgun": re.compile(r"%[\w.]+%"),
    "ses": re.compile(r"\{\{\s*amazonSES\w+\s*\}\}"),
    "postmark": re.compile(r"\{\{\{?\s*pm:\w+\s*\}?\}\}"),
    "sendgrid": re.compile(r"<%.*%>|\[(?:unsubscribe|weblink)\]", re.IGNORECASE),
    "mailjet": re.compile(r"\[\[\w+\]\]|\{\{(?:var|data):.*\}\}|\{%.*%\}"),
}
"""Tags that a relay behind us fills in."""
_QUOTED_WORD = re.compile(r"(?:<<|\u00ab)\s?(?P<word>[A-Za-z_]{2,30})\s?(?:>>|\u00bb)")
_MERGE_NAME = re.compile(
    r"\w*_\w*|(?:pre)?nom|civilite|societe|entreprise|e?mail|nome|cognome|azienda|titolo"
    r"|vorname|nachname|firma|anrede|(?:first|last)?name|company|title|nombre|apellido|naam",
    re.IGNORECASE,
)
"""Guillemets are quotation marks first: only the usual merge fields in them are tags."""
_UNSET = re.compile(
    r"[/=](?:undefined|null|none|nan|\[object object\]|%5bobject(?:%20|\+)object%5d)(?=[/?&#]|$)",
    re.IGNORECASE,
)
_UNSET_VALUE, _UNSET_SEGMENT = (
    re.compile(rf"{first}(?:undef|n(?:ull|one|an)|\[obj|%5bobj)") for first in "=/"
)
"""How it begins, looked for in all links at once; from a single character on, which is fastest."""


def check(case: Case) -> Iterator[Finding]:
    """Look where a tag is surely wrong, then where it may be meant."""
    for field in case.mail.fields:
        key = field.key
        if (key in ("subject", "from") or key.startswith("list-")) and (
            tag := _unrendered(case, field.text)
        ):
            yield Finding(RULE.id, found=quote(tag, 60), where=field.name)
    for reading in case.mail.readings:
        part = reading.part
        if tag := _unrendered(case, "\n".join([link.target for link in reading.links])):
            yield Finding(RULE.id, "link", found=quote(tag, 60), where=places([part.number]))
        elif tag := _unrendered(case, reading.prose):
            yield Finding(
                RULE.id,
                "text",
                found=quote(tag, 60),
                where=places([part.number]),
                certainty=Certainty.HEURISTIC,
            )
    for found in exits(case):
        if unset := _unset(found):
            where = places([found.reading.part.number])
            yield Finding(RULE.id, "unset", found=quote(f"{unset} in the link"), where=where)


def _unrendered(case: Case, text: str) -> str:
    """The first tag in ``text`` that nobody fills in later, or nothing."""
    for tag in placeholders(text):
        quoted = _QUOTED_WORD.fullmatch(tag)
        if quoted and not _MERGE_NAME.fullmatch(quoted["word"]):
            continue
        later = _RENDERED_LATER.get(case.stream.downstream_esp)
        if later is None or not later.fullmatch(tag):
            return tag
    return ""


def _unset(found: Exits) -> str:
    """What stands in a link that unsubscribes, in the place of a value; or nothing."""
    urls = found.targets.urls
    spelt = "\n".join(urls).lower()
    if not (_UNSET_VALUE.search(spelt) or _UNSET_SEGMENT.search(spelt)):
        return ""
    likely = [i for i, target in enumerate(urls) if _UNSET.search(target)]
    unset = (_UNSET.search(link.target) for link in found.among(likely))
    return next((value.group() for value in unset if value), "")


RULE = Rule(
    __name__,
    check,
    says={
        "en": "A template placeholder was not filled in (for example in the unsubscribe"
        " link). Fill it in and send again.",
        "fr": "Une variable de modele n'a pas ete remplacee (par exemple dans le lien de"
        " desinscription). Remplissez-la et renvoyez.",
        "it": "Un segnaposto del modello non e stato sostituito (per esempio nel link di"
        " disiscrizione). Compilarlo e reinviare.",
    },
)

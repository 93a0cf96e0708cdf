"""Marketing mail that does not say where complaints are sent.

Fault
    The policy names addresses for complaints (``feedback.complaints``), and the message has no
    CFBL-Address field. Where the policy names none nothing is asked; Feedback-ID, which Google
    reads, is not looked at.
Why
    A mailbox provider that finds the field sends a report when a reader presses "this is spam",
    without any contract. Until then nobody knows, and the next newsletter goes out to them.
Fix
    The field is put at the top with the first of these addresses, and signed with the rest. Only
    where the guard's key stands for both the domain of From and that of the address: providers do
    not heed it otherwise. The report names the reader by what it returns, so that no id is added.

References
    RFC 9477 §3.1, §5.1; RFC 5965
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpguard.edit.fix import AddField, Change
from smtpguard.mail.address import Address
from smtpguard.mail.field import mailboxes
from smtpguard.rules.rule import Case, Finding, Rule

FIELD = "CFBL-Address"


def check(case: Case) -> Iterator[Finding]:
    """Whether complaints that are listened to can come."""
    complaints = case.controller.feedback.complaints
    if not complaints or case.mail.named(FIELD.lower()):
        return
    fix = AddField(FIELD, f"{complaints[0]}; report=arf")
    found = f"no {FIELD} field"
    yield Finding(RULE.id, found=found, fixes=(fix,) if _heeded(case, complaints[0]) else ())


def _heeded(case: Case, complaints: str) -> bool:
    """Whether one of our signatures stands for the writer and for that address."""
    fields = case.mail.named("from")
    writers = mailboxes(fields[0].value) if len(fields) == 1 else ()
    known = (Address.parse(complaints.encode()), *(writer.address for writer in writers))
    domains = [address.domain_key for address in known if address is not None]
    return len(domains) == 2 and any(
        all(f".{domain}".endswith(f".{signer}") for domain in domains) for signer in case.signs
    )


RULE = Rule(
    __name__,
    check,
    says={
        "en": "The CFBL-Address field is missing: complaints come back by it. Add one.",
        "fr": "Le champ CFBL-Address manque: les plaintes reviennent par lui. Ajoutez-le.",
        "it": "Manca il campo CFBL-Address: i reclami tornano con esso. Aggiungerlo.",
    },
    change=Change.HEADERS,
)

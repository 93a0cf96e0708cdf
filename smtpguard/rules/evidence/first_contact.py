"""Whether somebody was already told who writes to them, and from where their address came."""

from __future__ import annotations

from smtpguard.person import Source
from smtpguard.rules.rule import Case


def source_of(case: Case) -> Source | None:
    """Where the address came from, as a trusted client says, or else as the register says."""
    return case.said.source or (case.person.source if case.person else None)


def informed(case: Case) -> bool:
    """Whether the controller has already informed the recipient.

    A notice that is only reserved was not given. One of another source or purpose was given about
    something else; a notice without a version was given before there was a guard.
    """
    person = case.person
    if person is None:
        return False
    contact = person.contact
    if contact is not None and contact.informed:
        source = source_of(case)
        return contact.notice in ("", case.stream.notice(source.id if source else ""))
    before = case.controller.assume_known_before
    return before is not None and person.known_since is not None and person.known_since < before

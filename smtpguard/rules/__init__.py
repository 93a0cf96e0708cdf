"""What can be wrong: one file, one fault.

A rule only reads. It yields findings; a finding may carry fixes; ``edit`` makes them and
``verdict`` decides. ``rule.py`` is the contract, ``evidence`` what several rules look at. A rule's
id is its file name, its manual page its docstring; ``ALL`` is written by hand, and a test
compares it with the folder.
"""

from __future__ import annotations

from collections.abc import Mapping

from smtpguard.rules import (
    dead_unsubscribe_link,
    deceptive_from,
    hidden_unsubscribe_link,
    mail_loop,
    malformed_headers,
    malformed_list_unsubscribe,
    missing_data_source,
    missing_feedback_headers,
    missing_list_unsubscribe,
    missing_one_click,
    missing_postal_address,
    missing_rights_notice,
    missing_sender_identity,
    missing_unsubscribe_alternative,
    missing_unsubscribe_link,
    multiple_recipients,
    overlong_line,
    protected_content,
    suppressed_domain,
    suppressed_recipient,
    unavailable_suppressions,
    unconsented_tracking_pixel,
    unrendered_placeholder,
    unsigned_list_headers,
)
from smtpguard.rules.rule import Rule

ALL: tuple[Rule, ...] = (
    mail_loop.RULE,
    multiple_recipients.RULE,
    unavailable_suppressions.RULE,
    suppressed_recipient.RULE,
    suppressed_domain.RULE,
    protected_content.RULE,
    malformed_headers.RULE,
    overlong_line.RULE,
    deceptive_from.RULE,
    missing_sender_identity.RULE,
    missing_postal_address.RULE,
    missing_data_source.RULE,
    missing_rights_notice.RULE,
    unrendered_placeholder.RULE,
    dead_unsubscribe_link.RULE,
    missing_unsubscribe_link.RULE,
    hidden_unsubscribe_link.RULE,
    missing_unsubscribe_alternative.RULE,
    missing_list_unsubscribe.RULE,
    missing_one_click.RULE,
    malformed_list_unsubscribe.RULE,
    unsigned_list_headers.RULE,
    missing_feedback_headers.RULE,
    unconsented_tracking_pixel.RULE,
)
"""In the order in which they speak: what stands against the mail at all, then who sends it, what
the reader is told, how the reader gets out. The first that refuses leads the bounce."""

BY_ID: Mapping[str, Rule] = {rule.id: rule for rule in ALL}

"""Who is asked about a mail, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smtpguard.policy.stream import Action, Asked, Stream
from smtpguard.rules import ALL
from smtpguard.rules.rule import Phase, Scope
from smtpguard.verdict.judge import MANY, Roster, asked, roster
from tests.verdict.cases import STREAM

DAY = 86_400
NOW = 1_800_000_000


def allowed_until(until: int | None, otherwise: Action = Action.REJECT) -> Asked:
    return Asked(Action.ALLOW, "test", until=until, otherwise=otherwise)


def names(found: Roster) -> set[str]:
    return {rule.id for rule in found.of_message}


def test_a_roster_is_made_once_for_a_stream() -> None:
    assert roster(ALL, STREAM, NOW) is roster(ALL, STREAM, NOW + DAY)
    assert roster(ALL, replace(STREAM), NOW) is not roster(ALL, STREAM, NOW)
    assert roster(ALL[:3], STREAM, NOW).rules == ALL[:3]


@pytest.mark.parametrize("at", [NOW - 9 * DAY, NOW - 1, NOW, NOW + 5 * DAY, NOW + 10 * DAY - 1])
def test_a_roster_says_what_holds_at_that_moment(at: int) -> None:
    rules = {
        "missing-postal-address": allowed_until(NOW),
        "overlong-line": allowed_until(NOW + 10 * DAY),
        "missing-data-source": allowed_until(NOW - 8 * DAY),
        "missing-one-click": Asked(Action.WARN, "test"),
    }
    stream = replace(STREAM, rules=rules)
    for before in (NOW - 99 * DAY, NOW + 99 * DAY):
        roster(ALL, stream, before)
        found = roster(ALL, stream, at)
        assert found.of_message == asked(ALL, stream, Scope.MESSAGE, Phase.DOT, at)
        assert found.of_recipient == asked(ALL, stream, Scope.RECIPIENT, Phase.DOT, at)
        assert found.at_rcpt == asked(ALL, stream, Scope.RECIPIENT, Phase.RCPT, at)
    assert ("missing-postal-address" in names(found)) is (at >= NOW)
    assert found.duties == (frozenset({"missing-data-source"}) if at >= NOW - 8 * DAY else set())


def test_rosters_of_streams_that_are_gone_are_forgotten() -> None:
    streams = [replace(STREAM, name=str(number)) for number in range(MANY + 1)]
    first = roster(ALL, streams[0], NOW)
    for stream in streams[1:]:
        roster(ALL, stream, NOW)
    assert roster(ALL, streams[0], NOW) is not first


def test_another_stream_in_its_place_has_a_roster_of_its_own() -> None:
    """An object may be given the identity of one that is gone."""
    for _ in range(100):
        stream: Stream = replace(STREAM, rules={"overlong-line": Asked(Action.WARN, "test")})
        assert "overlong-line" in names(roster(ALL, stream, NOW))
        del stream
        stream = replace(STREAM, rules={})
        assert "overlong-line" not in names(roster(ALL, stream, NOW))

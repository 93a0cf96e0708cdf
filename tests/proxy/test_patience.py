"""One bad template is deferred after so many refusals; poison is remembered for a while."""

from dataclasses import replace

import pytest

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Recipient
from smtpguard.policy.controller import Brand, Controller, Unsubscribe
from smtpguard.policy.stream import Action, Kind, Stream
from smtpguard.proxy.patience import REMEMBERED, WAITS, Breakages, Patience, Pauses
from smtpguard.reply import Reply
from smtpguard.rules.rule import Finding
from smtpguard.store.troubles import Cause, Count, Name
from smtpguard.verdict.decision import Defer, Refuse, Ruling
from smtpguard.verdict.judge import FAILED
from smtpguard.verdict.weigh import Outcome, Weighed

STREAM = Stream(
    "news",
    Controller("acme", "Acme SAS"),
    Brand("acme", ("Acme",)),
    Kind.MARKETING,
    pause_after=3,
    pause_window=60,
)


def test_the_stream_pauses_after_so_many_refusals() -> None:
    pauses = Pauses()
    said = [pauses.refused(STREAM, "missing-unsubscribe-link", now) for now in range(6)]
    assert [deferred for deferred, _ in said] == [False, False, False, True, True, True]
    assert [begins for _, begins in said] == [False, False, False, True, False, False]


def test_another_fault_or_stream_is_counted_apart() -> None:
    pauses = Pauses()
    for now in range(4):
        pauses.refused(STREAM, "missing-unsubscribe-link", now)
    assert pauses.refused(STREAM, "deceptive-from", 4) == (False, False)
    assert pauses.refused(replace(STREAM, name="other"), "missing-unsubscribe-link", 4) == (
        False,
        False,
    )


def test_slow_refusals_never_pause() -> None:
    pauses = Pauses()
    assert not any(pauses.refused(STREAM, "x", now * 30.0)[0] for now in range(50))


def test_it_resumes_when_the_window_has_passed_without_any() -> None:
    pauses = Pauses()
    for now in range(5):
        pauses.refused(STREAM, "x", now)
    assert pauses.refused(STREAM, "x", 500.0) == (False, False)


def test_zero_never_pauses() -> None:
    pauses = Pauses()
    never = replace(STREAM, pause_after=0)
    assert not any(pauses.refused(never, "x", 0.0)[0] for _ in range(1000))


def test_breakages_are_counted_and_forgotten() -> None:
    breakages = Breakages()
    breakages.note(b"poison")
    breakages.note(b"poison")
    assert breakages.of(b"poison") == 2
    for number in range(REMEMBERED):
        breakages.note(number.to_bytes(4))
    assert breakages.of(b"poison") == 0


# --- what is answered, and counted for who must hear of it ---------------------------------------

FAULT = Finding("missing-unsubscribe-link")
NO = Reply(550, "6.0", ("missing-unsubscribe-link: no", "[id=1]"))
LATER = Reply(451, "6.0", NO.text)
URL = "https://u.acme.example"
WITH_EXIT = replace(STREAM, brand=replace(STREAM.brand, unsubscribe=Unsubscribe(URL)))


def ruling(
    finding: Finding = FAULT, outcome: Outcome = Outcome.REFUSED, stream: Stream | None = STREAM
) -> Ruling:
    address = Address.parse(b"jo@client.example")
    assert address is not None
    weighed = (Weighed(finding, Action.REJECT, outcome),)
    verdict = Refuse(NO) if outcome is Outcome.REFUSED else Defer(LATER)
    return Ruling(Recipient(address), stream, verdict, weighed)


def test_a_pause_is_told_to_the_client_and_counted() -> None:
    patience = Patience()
    replies = [patience.answer("1", (ruling(),), NO, now) for now in range(5)]
    assert [reply.code for reply in replies] == [550, 550, 550, 451, 451]
    assert replies[-1].text == (
        NO.text[0],
        "The stream pauses for this fault after 3 refusals like it.",
        NO.text[1],
    )
    (note,) = patience.taken()
    assert note.name == Name(Cause.PAUSED, "acme", "news", "missing-unsubscribe-link")
    assert (note.after, note.span, note.count) == (3, 60, 5)
    assert note.counts == {("news", "missing-unsubscribe-link"): Count(3, 2, "550 5.6.0")}
    assert patience.taken() == []


def test_what_pauses_elsewhere_pauses_here() -> None:
    patience = Patience()
    patience.pauses.elsewhere = {Name(Cause.PAUSED, "acme", "news", "missing-unsubscribe-link")}
    assert patience.answer("1", (ruling(),), NO, 0).code == 451
    other = ruling(Finding("deceptive-from"))
    assert patience.answer("1", (other,), NO, 0).code == 550
    patience.pauses.elsewhere = ()
    assert patience.answer("1", (ruling(),), NO, 1000).code == 550


def test_what_is_put_off_is_counted_for_its_cause() -> None:
    patience = Patience()
    held = ruling(outcome=Outcome.DEFERRED, stream=WITH_EXIT)
    assert patience.answer("1", (held,), LATER, 0) == LATER
    assert patience.answer("1", (held,), LATER, 0, {URL}) == LATER
    waits, silent = patience.taken()
    assert waits.name == Name(Cause.HELD, "acme", "news", "missing-unsubscribe-link")
    assert (waits.after, waits.span) == (0, WAITS)
    assert silent.name == Name(Cause.EXIT, "acme", URL)
    assert silent.counts == {("news", "missing-unsubscribe-link"): Count(0, 1, "451 4.6.0")}


@pytest.mark.parametrize(
    ("finding", "outcome", "reply"),
    [
        (Finding("suppressed-recipient"), Outcome.REFUSED, NO),
        (Finding("unavailable-suppressions"), Outcome.DEFERRED, LATER),
        (Finding(FAULT.rule, FAILED, reply=(451, "3.0")), Outcome.DEFERRED, LATER),
        (Finding("multiple-recipients"), Outcome.DEFERRED, LATER),
    ],
)
def test_what_is_not_the_contents_fault_is_not_counted(
    finding: Finding, outcome: Outcome, reply: Reply
) -> None:
    patience = Patience()
    for now in range(9):
        assert patience.answer("1", (ruling(finding, outcome),), reply, now) == reply
    assert patience.taken() == []


def test_a_stream_that_never_pauses_is_not_counted() -> None:
    patience = Patience()
    never = ruling(stream=replace(STREAM, pause_after=0))
    assert {patience.answer("1", (never,), NO, now).code for now in range(9)} == {550}
    assert patience.taken() == []


def test_mail_of_no_stream_is_nobodys() -> None:
    assert Patience().answer("1", (ruling(stream=None),), NO, 0) == NO


def test_what_could_not_be_told_is_told_later() -> None:
    patience = Patience()
    for now in range(4):
        patience.answer("1", (ruling(),), NO, now)
    notes = patience.taken()
    patience.answer("1", (ruling(),), NO, 5)
    patience.put_back(notes)
    (note,) = patience.taken()
    assert note.count == 5
    assert note.counts[("news", FAULT.rule)] == Count(3, 2, "550 5.6.0")

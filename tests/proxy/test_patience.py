"""One bad template is deferred after so many refusals; poison is remembered for a while."""

from dataclasses import replace

from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Kind, Stream
from smtpguard.proxy.patience import REMEMBERED, Breakages, Pauses

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

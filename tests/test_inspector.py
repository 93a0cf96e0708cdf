"""The inspector answers as this process would, is stopped by the clock, and comes back."""

from __future__ import annotations

import asyncio

import pytest

from smtpguard import inspector
from smtpguard.edit.fix import Change
from smtpguard.inspector import InspectionFailed, Inspector
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.person import Person
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Action, Asked, Kind, Mode, Stream
from smtpguard.verdict.deliberate import Question, deliberate

STREAM = Stream(
    "news",
    Controller("acme", "Acme SAS"),
    Brand("acme", ("Acme",), frozenset({"acme.fr"})),
    Kind.MARKETING,
    mode=Mode.ENFORCE,
    edits=Change.BODY,
    rules={
        rule: Asked(Action.FIX_OR_REJECT, "test")
        for rule in ("missing-sender-identity", "missing-unsubscribe-link")
    },
)
QUESTION = Question(
    Envelope(
        Session(protocol="LMTP"),
        Address(b"news", b"acme.fr"),
        recipients=(Recipient(Address(b"a", b"client.fr")),),
    ),
    b"From: Acme <news@acme.fr>\r\n\r\nBonjour, voici nos prix.\r\n",
    (STREAM,),
    (Person(),),
)


async def test_it_comes_to_the_same() -> None:
    inspector = Inspector(30)
    try:
        assert await inspector.deliberate(QUESTION) == deliberate(QUESTION)
        assert await inspector.deliberate(QUESTION) == deliberate(QUESTION)
    finally:
        await inspector.close()


async def test_the_clock_stops_it_and_the_next_question_is_answered() -> None:
    inspector = Inspector(0.0)
    try:
        with pytest.raises(InspectionFailed, match="TimeoutError"):
            await inspector.deliberate(QUESTION)
        inspector.seconds = 30
        assert await inspector.deliberate(QUESTION) == deliberate(QUESTION)
    finally:
        await inspector.close()


async def test_a_process_that_dies_costs_one_answer() -> None:
    inspector = Inspector(30)
    try:
        await inspector.deliberate(QUESTION)
        process = inspector._process
        assert process is not None
        process.kill()
        await process.wait()
        assert await inspector.deliberate(QUESTION) == deliberate(QUESTION)
    finally:
        await inspector.close()


async def test_what_cannot_be_judged_is_said_so() -> None:
    inspector = Inspector(30)
    broken = Question(QUESTION.envelope, QUESTION.raw, (), ())
    try:
        with pytest.raises(InspectionFailed, match="IndexError"):
            await inspector.deliberate(broken)
    finally:
        await inspector.close()


async def test_a_host_without_processes_is_not_the_mails_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError("no process left")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(InspectionFailed, match="no process left") as failed:
        await Inspector(5).deliberate(QUESTION)
    assert not failed.value.by_mail


async def test_who_waits_too_long_behind_others_hears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspector, "PATIENCE", 0.01)
    one = Inspector(5)
    async with one._turn:
        with pytest.raises(InspectionFailed, match="waits") as failed:
            await one.deliberate(QUESTION)
    assert not failed.value.by_mail
    assert await one.deliberate(QUESTION) == deliberate(QUESTION)
    await one.close()

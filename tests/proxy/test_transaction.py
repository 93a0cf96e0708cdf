"""One transaction keeps its order: decide, mend, send, and only then say 250."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from smtpguard.edit.edit import apply, invert
from smtpguard.edit.fix import Change
from smtpguard.mail import message
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Parameter, Recipient, Session
from smtpguard.person import Person, Reason, Suppression
from smtpguard.policy.stream import Action, Kind, Match, Mode
from smtpguard.reply import Reply
from smtpguard.rules import BY_ID
from smtpguard.rules.rule import Case, Finding
from smtpguard.smtp.wire import UpstreamReply
from smtpguard.verdict.decision import Decision
from tests.proxy.conftest import NEWSLETTER, asked

if TYPE_CHECKING:
    from tests.proxy.conftest import Bench

LEFT = Person((Suppression(Reason.OBJECTION),))
REFUSED = UpstreamReply(b"550-5.1.1 No such user,\r\n550 5.1.1 word for word\r\n")


async def test_a_newsletter_is_mended_and_the_upstreams_word_passed_on(bench: Bench) -> None:
    replies = await bench.send(NEWSLETTER, "a@client.fr")
    assert replies[-1] == b"250 2.0.0 Ok: queued as 4F2\r\n"
    (_, _, sent), *rest = bench.upstream.heard
    assert not rest
    assert sent.startswith(b"Received: from mta ([127.0.0.1])\r\n")
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in sent
    assert b"https://u.acme.fr/u/" in sent.partition(b"\r\n\r\n")[2]
    assert bench.upstream.released == bench.upstream.leased == 1


async def test_the_journal_names_every_octet_that_changed(bench: Bench) -> None:
    await bench.send(NEWSLETTER, "a@client.fr")
    (entry,) = bench.journalled()
    ((_, _, sent),) = bench.upstream.heard
    (copy,) = entry["copies"]
    assert copy["size"] == len(sent)
    assert len(sent) - len(NEWSLETTER) == sum(
        new - (end - start) for start, end, new, _ in copy["edits"]
    )
    assert "a@client.fr" not in bench.journal.path.read_text()


async def test_the_copy_inverts_to_what_came(bench: Bench) -> None:
    taken: list[Decision] = []
    conclude = bench.proxy.conclude

    def noting(decision: Decision) -> None:
        taken.append(decision)
        conclude(decision)

    bench.proxy.conclude = noting  # type: ignore[method-assign]
    await bench.send(NEWSLETTER, "a@client.fr")
    (copy,) = taken[0].copies
    assert apply(NEWSLETTER, copy.edits) == copy.raw == bench.upstream.heard[0][2]
    assert apply(copy.raw, invert(NEWSLETTER, copy.edits)) == NEWSLETTER


async def test_a_refusal_sends_nothing_and_says_what_to_do(bench: Bench) -> None:
    bench.change(edits=Change.HEADERS)
    replies = await bench.send(NEWSLETTER, "a@client.fr")
    text = replies[-1].decode()
    assert text.startswith("550-5.6.0 missing-unsubscribe-link: No visible unsubscribe link")
    assert "stream=acme/news" in text
    assert "owner=marketing@acme.fr" in text
    assert "the stream allows edits: headers" in text
    assert not bench.upstream.heard
    assert len(text[:512].split("id=")[1]) > 10, "the id is within the first 512 octets"


async def test_observe_changes_nothing_but_the_trace(bench: Bench) -> None:
    bench.change(mode=Mode.OBSERVE)
    await bench.send(NEWSLETTER, "a@client.fr")
    ((_, _, sent),) = bench.upstream.heard
    assert sent.endswith(NEWSLETTER)
    assert sent.count(b"\r\nReceived:") == 0
    (entry,) = bench.journalled()
    findings = {f["rule"]: f for f in entry["recipients"][0]["findings"]}
    found = findings["missing-unsubscribe-link"]
    assert (found["asked"], found["outcome"], found["observed"]) == ("fix-or-reject", "fixed", True)


async def test_observe_still_refuses_who_opted_out(bench: Bench) -> None:
    bench.change(mode=Mode.OBSERVE, match=Match(sender="@acme.fr"))
    bench.store.people["a@client.fr"] = LEFT
    (reply,) = await bench.send(NEWSLETTER, "a@client.fr")
    assert reply.startswith(b"550-5.7.1 suppressed-recipient: ")
    assert b"objection" not in reply
    assert b"a@client.fr" not in reply


async def test_only_the_suppressed_recipient_is_refused_at_rcpt(bench: Bench) -> None:
    bench.change(match=Match(sender="@acme.fr"), rules={})
    bench.store.people["gone@client.fr"] = LEFT
    replies = await bench.send(NEWSLETTER, "gone@client.fr", "a@client.fr")
    assert [reply[:3] for reply in replies] == [b"550", b"250", b"250"]
    ((_, rcpts, _),) = bench.upstream.heard
    assert rcpts == [b"TO:<a@client.fr>"]


async def test_who_left_between_rcpt_and_dot_gets_nothing(bench: Bench) -> None:
    bench.change(match=Match(sender="@acme.fr"), rules={})
    look_up = bench.store.look_up

    async def leaving(controller: str, addresses: Any) -> list[Person]:
        found = await look_up(controller, addresses)
        bench.store.people["a@client.fr"] = LEFT
        return found

    bench.store.look_up = leaving  # type: ignore[method-assign]
    replies = await bench.send(NEWSLETTER, "a@client.fr", "b@client.fr")
    assert replies[-1].startswith(b"451-4.7.1 1 of 2 recipients")
    assert not bench.upstream.heard


async def test_where_a_retry_would_not_help_it_is_refused_with_the_count(bench: Bench) -> None:
    bench.change(rules={})
    bench.store.people["a@client.fr"] = LEFT
    replies = await bench.send(NEWSLETTER, "a@client.fr", "b@client.fr")
    assert replies[-1].startswith(b"550-5.7.1 suppressed-recipient")
    assert b"1 of 2 recipients of this transaction" in replies[-1]
    assert not bench.upstream.heard


async def test_lmtp_answers_each_and_gives_each_a_link_of_their_own(bench: Bench) -> None:
    bench.store.people["b@client.fr"] = LEFT
    replies = await bench.send(
        NEWSLETTER, "a@client.fr", "b@client.fr", "c@client.fr", protocol="LMTP"
    )
    assert [reply[:3] for reply in replies] == [b"250"] * 3 + [b"250", b"550", b"250"]
    sent = {rcpts[0]: content for _, rcpts, content in bench.upstream.heard}
    assert set(sent) == {b"TO:<a@client.fr>", b"TO:<c@client.fr>"}
    links = [c.split(b"https://u.acme.fr/u/")[1].split(b">")[0] for c in sent.values()]
    assert links[0] != links[1]


async def test_lmtp_recipients_with_equal_copies_share_one_transaction(bench: Bench) -> None:
    bench.change(rules={})
    await bench.send(NEWSLETTER, "a@client.fr", "b@client.fr", protocol="LMTP")
    ((_, rcpts, _),) = bench.upstream.heard
    assert rcpts == [b"TO:<a@client.fr>", b"TO:<b@client.fr>"]


async def test_lmtp_passes_each_recipients_own_upstream_answer_on(bench: Bench) -> None:
    bench.change(rules={})
    bench.upstream.rcpts[b"TO:<b@client.fr>"] = REFUSED
    replies = await bench.send(NEWSLETTER, "a@client.fr", "b@client.fr", protocol="LMTP")
    assert replies[-2:] == [b"250 2.0.0 Ok: queued as 4F2\r\n", REFUSED.octets]


async def test_one_copy_that_breaks_costs_the_others_nothing(bench: Bench) -> None:
    begin = bench.upstream.begin

    async def breaking(session: Session, seconds: float | None = None) -> Any:
        if bench.upstream.leased == 1:
            bench.upstream.leased += 1
            raise ZeroDivisionError
        return await begin(session, seconds)

    bench.upstream.begin = breaking  # type: ignore[method-assign]
    readers = ("a@client.fr", "b@client.fr", "c@client.fr")
    replies = await bench.send(NEWSLETTER, *readers, protocol="LMTP")
    assert sorted(reply[:3] for reply in replies[3:]) == [b"250", b"250", b"451"]
    assert all(b"ZeroDivision" not in reply for reply in replies)
    assert len(bench.upstream.heard) == 2


async def test_the_upstream_is_asked_about_each_recipient_as_it_comes(bench: Bench) -> None:
    bench.change(rules={})
    bench.upstream.rcpts[b"TO:<b@client.fr>"] = REFUSED
    replies = await bench.send(NEWSLETTER, "a@client.fr", "b@client.fr")
    assert replies[:2] == [b"250 2.0.0 Ok: queued as 4F2\r\n", REFUSED.octets]
    assert replies[2].startswith(b"250")


async def test_a_personal_link_never_goes_into_a_shared_copy(bench: Bench) -> None:
    replies = await bench.send(NEWSLETTER, "a@client.fr", "b@client.fr")
    assert replies[-1].startswith(b"550")
    assert b"a link belongs to one reader" in replies[-1]
    assert not bench.upstream.heard


async def test_one_recipient_per_transaction(bench: Bench) -> None:
    bench.change(one_recipient=True, match=Match(sender="@acme.fr"))
    replies = await bench.send(NEWSLETTER, "a@client.fr", "b@client.fr")
    assert [reply[:3] for reply in replies] == [b"250", b"452", b"250"]
    ((_, rcpts, _),) = bench.upstream.heard
    assert rcpts == [b"TO:<a@client.fr>"]


async def test_the_store_silent_defers_marketing_and_asks_nobody_else(bench: Bench) -> None:
    bench.change(match=Match(sender="@acme.fr"))
    bench.store.silent = True
    (reply,) = await bench.send(NEWSLETTER, "a@client.fr")
    assert reply.startswith(b"451-4.3.0 unavailable-suppressions: ")
    assert bench.upstream.leased == 0


async def test_a_stream_may_say_to_pass_when_the_store_is_silent(bench: Bench) -> None:
    bench.change(match=Match(sender="@acme.fr"), pass_when_store_silent=True, rules={})
    bench.store.silent = True
    replies = await bench.send(NEWSLETTER, "a@client.fr")
    assert replies[-1].startswith(b"250")


async def test_a_password_reset_reaches_who_left_the_newsletter(bench: Bench) -> None:
    news = bench.streams[0]
    reset = replace(
        news, name="resets", kind=Kind.TRANSACTIONAL, match=Match(sender="no-reply@acme.fr")
    )
    bench.streams = (replace(news, match=Match(sender="bounce@acme.fr")), reset)
    bench.store.people["a@client.fr"] = LEFT
    assert (await bench.send(NEWSLETTER, "a@client.fr"))[0].startswith(b"550")
    replies = await bench.send(NEWSLETTER, "a@client.fr", sender="no-reply@acme.fr")
    assert replies[-1].startswith(b"250")
    ((_, _, sent),) = bench.upstream.heard
    assert sent.endswith(NEWSLETTER), "transactional mail is never injected into"


@pytest.mark.parametrize("personal", [True, False])
async def test_personal_and_unmatched_mail_is_never_parsed(
    bench: Bench, personal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spy stands where the body would be walked, and sees nobody."""
    walked: list[int] = []
    monkeypatch.setattr(message, "read_parts", lambda *_: walked.append(1))
    news = bench.streams[0]
    match = Match(sender="@acme.fr") if personal else Match(sender="@elsewhere.fr")
    bench.streams = (replace(news, kind=Kind.PERSONAL, match=match),)
    trusted = b"X-SmtpGuard-Campaign: spring\r\n" + NEWSLETTER
    for protocol in ("ESMTP", "LMTP"):
        replies = await bench.send(trusted, "a@client.fr", protocol=protocol)
        assert replies[-1].startswith(b"250")
    assert all(sent.endswith(NEWSLETTER) for _, _, sent in bench.upstream.heard)
    assert all(b"SmtpGuard-Campaign" not in sent for _, _, sent in bench.upstream.heard)
    assert not walked
    assert bench.store.asked == 0
    assert all("person" not in r for e in bench.journalled() for r in e["recipients"])


async def test_unmatched_mail_may_be_refused(bench: Bench) -> None:
    bench.change(match=Match(sender="@elsewhere.fr"))
    bench.default_refuses = True
    replies = await bench.send(NEWSLETTER, "a@client.fr")
    assert replies[-1].startswith(b"550-5.7.1 No stream")


async def test_what_an_untrusted_client_says_is_removed_and_not_believed(bench: Bench) -> None:
    bench.change(rules=asked(Action.FIX_OR_REJECT, "missing-data-source"))
    bench.trusted = False
    said = b"X-SmtpGuard-Source: salon; purchased; Salon Bati 2026\r\n" + NEWSLETTER
    replies = await bench.send(said, "a@client.fr")
    assert replies[-1].startswith(b"550-5.7.1 missing-data-source")


async def test_the_upstream_down_is_a_451_in_its_place(bench: Bench) -> None:
    bench.upstream.down = True
    assert (await bench.send(NEWSLETTER, "a@client.fr"))[0].startswith(b"451 4.4.1")
    replies = await bench.send(NEWSLETTER, "a@client.fr", protocol="LMTP")
    assert replies[-1].startswith(b"451 4.4.1")


async def test_mail_refused_upstream_is_told_to_each_rcpt(bench: Bench) -> None:
    bench.upstream.mail = UpstreamReply(b"550 5.7.1 not you\r\n")
    assert await bench.send(NEWSLETTER, "a@client.fr") == [b"550 5.7.1 not you\r\n"]
    assert bench.upstream.released == 1


async def test_smtputf8_is_refused_where_the_upstream_cannot(bench: Bench) -> None:
    (reply,) = await bench.send(NEWSLETTER, parameters=(Parameter(b"SMTPUTF8"),))
    assert reply.startswith(b"553 5.6.7")


async def test_one_bad_template_pauses_the_stream(bench: Bench) -> None:
    bench.change(edits=Change.NONE, pause_after=2)
    replies = [(await bench.send(NEWSLETTER, "a@client.fr"))[-1] for _ in range(4)]
    assert [reply[:3] for reply in replies] == [b"550", b"550", b"451", b"451"]
    assert b"pauses for this fault" in replies[-1]


async def test_refuse_with_defer(bench: Bench) -> None:
    bench.change(edits=Change.NONE, refuse_with_defer=True)
    replies = await bench.send(NEWSLETTER, "a@client.fr")
    assert replies[-1].startswith(b"451-4.6.0 missing-unsubscribe-link")


async def test_a_rule_that_raises_costs_only_its_finding(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(BY_ID["missing-unsubscribe-link"], check=_raising)
    monkeypatch.setattr(
        "smtpguard.verdict.deliberate.ALL", (broken, BY_ID["missing-list-unsubscribe"])
    )
    codes = [(await bench.send(NEWSLETTER, "a@client.fr"))[-1][:3] for _ in range(4)]
    assert codes == [b"451", b"451", b"550", b"550"], "a 4xx that never changes is poison"
    bench.change(kind=Kind.TRANSACTIONAL)
    bench.proxy.regime = bench.regime()
    assert (await bench.send(NEWSLETTER, "a@client.fr"))[-1].startswith(b"250")


async def test_a_transaction_keeps_the_policy_it_began_with(bench: Bench) -> None:
    begun = await bench.proxy.mail(_session(bench), None, ())
    bench.change(edits=Change.NONE)
    bench.proxy.regime = bench.regime()
    assert not isinstance(begun, Reply)
    await begun.rcpt(Recipient(Address(b"a", b"client.fr")))
    replies = [reply async for reply in begun.data(NEWSLETTER)]
    assert replies == [b"250 2.0.0 Ok: queued as 4F2\r\n"]


async def test_abandoning_gives_the_connection_back(bench: Bench) -> None:
    begun = await bench.proxy.mail(_session(bench), None, ())
    assert not isinstance(begun, Reply)
    await begun.rcpt(Recipient(Address(b"a", b"client.fr")))
    assert (bench.upstream.leased, bench.upstream.released) == (1, 0)
    await begun.abandon()
    await begun.abandon()
    assert bench.upstream.released == 1


async def test_a_large_message_is_judged_elsewhere_and_comes_to_the_same(bench: Bench) -> None:
    large = NEWSLETTER + b"Une ligne de plus, sans malice.\r\n" * 6000
    replies = await bench.send(large, "a@client.fr")
    assert replies[-1].startswith(b"250")
    assert bench.proxy.inspector._process is not None
    assert b"https://u.acme.fr/u/" in bench.upstream.heard[0][2][-400:]
    await asyncio.wait_for(bench.proxy.close(), 10)


async def test_a_message_that_takes_too_long_to_judge_is_stopped_by_the_clock(bench: Bench) -> None:
    large = NEWSLETTER + b"Une ligne de plus, sans malice.\r\n" * 6000
    bench.proxy.inspector.seconds = 0.0
    codes = [(await bench.send(large, "a@client.fr"))[-1][:3] for _ in range(3)]
    assert codes == [b"451", b"451", b"554"]
    assert not bench.upstream.heard
    await asyncio.wait_for(bench.proxy.close(), 10)


def _raising(case: Case) -> Iterator[Finding]:
    raise ZeroDivisionError(case.stream.name)


def _session(bench: Bench) -> Any:
    return Session("smtp", "ESMTP", "127.0.0.1", "mta", trusted=bench.trusted)

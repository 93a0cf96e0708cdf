"""What the listener takes, what it does about it, and what nobody can make it do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpguard.feedback import receiver
from smtpguard.keys import Keyring, LinkKey
from smtpguard.smtp.wire import UpstreamReply
from tests.feedback.conftest import RING, token

if TYPE_CHECKING:
    from tests.feedback.conftest import Bench

OTHER = Keyring(RING.references, (LinkKey(1, b"x" * 64),))


def mail(subject: str = "Re: Nouvelles", body: str = "", **fields: str) -> str:
    given = {
        "From": "Reader <reader@client.fr>",
        "To": "news@acme.fr",
        "Subject": subject,
        "Message-ID": "<r1@client.fr>",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    return "".join(f"{name}: {value}\n" for name, value in given.items()) + f"\n{body}\n"


# -- whose mail it takes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recipient",
    [
        "unsubscribe@acme.fr",
        "Unsubscribe@ACME.fr",
        "unsubscribe+anything@acme.fr",
        "bounces+a+b@acme.fr",
        "abuse@acme.fr",
        "leave@beta.it",
    ],
)
async def test_our_own_addresses_with_any_tag_are_taken(bench: Bench, recipient: str) -> None:
    (taken, _) = await bench.send(mail(), recipient)
    assert taken == "250 2.1.5 Ok"


@pytest.mark.parametrize(
    "recipient",
    [
        "postmaster@acme.fr",
        "nobody@acme.fr",
        "unsubscribe@else.fr",
        "unsubscribeX@acme.fr",
        "+a@b.c",
    ],
)
async def test_everybody_else_is_a_stranger(bench: Bench, recipient: str) -> None:
    (refused,) = await bench.send(mail(), recipient)
    assert refused.startswith("550 5.1.1 ")


async def test_more_recipients_than_it_takes_are_put_off(bench: Bench) -> None:
    replies = await bench.send(mail(), *(f"news+{n}@acme.fr" for n in range(21)))
    assert replies[19] == "250 2.1.5 Ok"
    assert replies[20].startswith("452 4.5.3")


async def test_it_offers_what_it_can_pass_on_and_no_reports(bench: Bench) -> None:
    offered = await bench.feedback.capabilities()
    assert offered.size == 26_214_400
    assert offered.eightbitmime
    assert not offered.dsn
    assert not offered.smtputf8


# -- mailto ----------------------------------------------------------------------------------------


async def test_the_mail_that_our_own_link_opens(bench: Bench) -> None:
    replies = await bench.send(mail(f"unsubscribe {token()}"), "unsubscribe@acme.fr")
    assert replies[-1].startswith("250 2.0.0 ")
    assert await bench.left() == ["objection stream:news by mailto"]
    assert not bench.passed_on()


@pytest.mark.parametrize("where", ["tag", "body", "link", "subject", "folded", "percent"])
async def test_a_token_wherever_mail_programs_put_it(bench: Bench, where: str) -> None:
    to, subject, body = "unsubscribe@acme.fr", "unsubscribe", ""
    word = token()
    if where == "tag":
        to = f"unsubscribe+{word}@acme.fr"
    elif where == "body":
        body = f"unsubscribe {word}"
    elif where == "link":
        body = f"https://u.acme.fr/u/{word}"
    elif where == "percent":
        subject = f"unsubscribe%20{word}"
    elif where == "folded":
        subject = f"unsubscribe {word[:30]}\n {word[30:]}"
    else:
        subject = word
    await bench.send(mail(subject, body), to)
    assert await bench.left() == ["objection stream:news by mailto"]


async def test_twice_is_once(bench: Bench) -> None:
    for _ in range(2):
        replies = await bench.send(mail(f"unsubscribe {token()}"), "unsubscribe@acme.fr")
        assert replies[-1].startswith("250 ")
    assert len(await bench.standing("reader@client.fr")) == 1
    first, second = bench.journalled()
    assert first["did"] == ["suppressed objection stream:news"]
    assert second["did"] == ["known objection stream:news"]


async def test_a_token_is_proof_whoever_sends_it(bench: Bench) -> None:
    await bench.send(
        mail(f"unsubscribe {token('a@client.fr')}", From="b@client.fr"),
        "unsubscribe@acme.fr",
        sender="b@client.fr",
    )
    assert await bench.left("a@client.fr") == ["objection stream:news by mailto"]
    assert not await bench.left("b@client.fr")


@pytest.mark.parametrize("word", [token(ring=OTHER), token()[:-1], token()[:-2] + "AA", "x" * 90])
async def test_a_forged_token_does_nothing_and_is_read_by_a_person(bench: Bench, word: str) -> None:
    replies = await bench.send(mail(f"unsubscribe {word}"), "unsubscribe@acme.fr")
    assert replies[-1].startswith("250 ")
    assert not await bench.left()
    assert len(bench.passed_on()) == 1


async def test_who_writes_a_letter_with_it_is_heard_and_read(bench: Bench) -> None:
    letter = mail(f"unsubscribe {token()}", "And delete what you hold about me, as the law says.")
    await bench.send(letter, "unsubscribe@acme.fr")
    assert await bench.left()
    assert len(bench.passed_on()) == 1


async def test_without_a_token_the_sender_must_have_got_the_message(bench: Bench) -> None:
    await bench.send(mail("unsubscribe"), "unsubscribe@acme.fr")
    assert not await bench.left()
    await bench.sent("n1@acme.fr", "reader@client.fr")
    await bench.send(mail("unsubscribe", In_Reply_To="<n1@acme.fr>"), "unsubscribe@acme.fr")
    assert await bench.left() == ["objection stream:news by mailto"]


# -- replies ---------------------------------------------------------------------------------------


async def test_stop_from_whom_the_message_went_to(bench: Bench) -> None:
    await bench.sent("n1@acme.fr", "reader@client.fr")
    await bench.send(mail(body="STOP\n\nJean Dupont", In_Reply_To="<n1@acme.fr>"))
    assert await bench.left() == ["objection brand:acme by reply"]
    assert not bench.passed_on()


async def test_stop_with_the_token_in_what_it_quotes(bench: Bench) -> None:
    body = f"STOP\n\nLe lundi, Acme <news@acme.fr> a écrit :\n> Bonjour\n> https://u.acme.fr/u/{token()}"
    await bench.send(mail(body=body))
    assert await bench.left() == ["objection brand:acme by reply"]


async def test_stop_above_a_newsletter_that_somebody_forwarded(bench: Bench) -> None:
    theirs, own = token("friend@client.fr"), token("reader@client.fr")
    quoted = f"STOP\n\n> See https://u.acme.fr/u/{theirs}\n> and https://u.acme.fr/u/{own}\n"
    await bench.send(mail(body=quoted))
    assert await bench.left() == ["objection brand:acme by reply"]
    assert not await bench.left("friend@client.fr")


async def test_a_reply_that_merely_quotes_our_footer(bench: Bench) -> None:
    body = (
        "Merci, très intéressant !\n\nLe lundi, Acme <news@acme.fr> a écrit :\n> Bonjour\n"
        f"> Se désinscrire : https://u.acme.fr/u/{token()}\n> STOP"
    )
    await bench.sent("n1@acme.fr", "reader@client.fr")
    await bench.send(mail(body=body, In_Reply_To="<n1@acme.fr>"))
    assert not await bench.left()
    assert len(bench.passed_on()) == 1


async def test_a_footer_quoted_without_marks(bench: Bench) -> None:
    body = (
        "Great offer, what does it cost?\n\nFrom: Acme <news@acme.fr>\nSent: Monday\n"
        f"Subject: News\n\nUnsubscribe\nhttps://u.acme.fr/u/{token()}"
    )
    await bench.send(mail(body=body))
    assert not await bench.left()


async def test_stop_in_the_middle_of_a_discussion(bench: Bench) -> None:
    body = f"Hello,\nwe talked about it.\nSTOP\nis what I said then.\n{token()}"
    await bench.sent("n1@acme.fr", "reader@client.fr")
    await bench.send(mail(body=body, In_Reply_To="<n1@acme.fr>"))
    assert not await bench.left()
    assert len(bench.passed_on()) == 1


async def test_a_clear_sentence_with_a_question_after_it(bench: Bench) -> None:
    await bench.sent("n1@acme.fr", "reader@client.fr")
    body = "Please unsubscribe me from this list. And where is my order 4711?"
    await bench.send(mail(body=body, References="<n0@acme.fr> <n1@acme.fr>"))
    assert await bench.left()
    assert len(bench.passed_on()) == 1


async def test_an_html_reply(bench: Bench) -> None:
    await bench.sent("n1@acme.fr", "reader@client.fr")
    body = (
        "<div>D&eacute;sinscription</div><div class=gmail_quote>Le lundi, Acme a écrit :"
        "<blockquote>Bonjour, nos prix</blockquote></div>"
    )
    fields = {"Content-Type": "text/html; charset=utf-8", "In-Reply-To": "<n1@acme.fr>"}
    await bench.send(mail(body=body, **fields))
    assert await bench.left()


@pytest.mark.parametrize("sender", ["Victim <victim@client.fr>", "a@b.c, victim@client.fr"])
async def test_a_stranger_cannot_speak_for_another(bench: Bench, sender: str) -> None:
    """From is anybody's to write: the message must have gone to that person, and nobody else."""
    await bench.sent("n1@acme.fr", "reader@client.fr")
    await bench.sent("n2@acme.fr", "reader@client.fr", "victim@client.fr")
    await bench.sent("n3@acme.fr", "victim@client.fr")
    for answered in ("<n1@acme.fr>", "<n2@acme.fr>", "<guessed@acme.fr>"):
        await bench.send(mail(body="STOP", From=sender, In_Reply_To=answered))
    assert not await bench.left("victim@client.fr")
    assert len(bench.passed_on()) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto-Submitted": "auto-replied"},
        {"X-Autoreply": "yes"},
        {"Precedence": "auto_reply"},
        {"Subject": "Automatic reply: Nouvelles"},
        {"Subject": "Absence : Nouvelles"},
        {"List-Id": "<friends.example>"},
        {"Precedence": "list"},
    ],
)
async def test_machines_and_lists_say_nothing_for_anybody(
    bench: Bench, fields: dict[str, str]
) -> None:
    await bench.sent("n1@acme.fr", "reader@client.fr")
    body = f"STOP\n\nunsubscribe {token()}"
    for to in ("news@acme.fr", "unsubscribe@acme.fr"):
        await bench.send(mail(body=body, **{"In-Reply-To": "<n1@acme.fr>", **fields}), to)
    assert not await bench.left()
    assert len(bench.passed_on()) == 2


# -- what is not understood ------------------------------------------------------------------------


async def test_the_operator_gets_it_as_it_came_with_our_trace(bench: Bench) -> None:
    came = mail(body="When do you open?").encode().replace(b"\n", b"\r\n")
    await bench.send(came)
    ((envelope, _, content),) = bench.upstream.heard
    assert envelope == b"FROM:<reader@client.fr> SIZE=%d" % len(content)
    assert content.startswith(b"Received: from mx.acme.fr ([127.0.0.1])\r\n")
    assert b"by guard.acme.fr (smtpguard 0a1b2c3d) with ESMTP id " in content
    assert content.endswith(came)
    assert bench.upstream.released == 1


@pytest.mark.parametrize("how", ["down", "refuses", "defers"])
async def test_what_cannot_be_passed_on_stays_with_its_sender(bench: Bench, how: str) -> None:
    if how == "down":
        bench.upstream.down = True
    else:
        code = b"550 5.1.1 no" if how == "refuses" else b"451 4.3.0 later"
        bench.upstream.final = UpstreamReply(code + b"\r\n")
    replies = await bench.send(mail(body="When do you open?"))
    assert replies[-1].startswith("451 4.4.0 ")


async def test_a_silent_store_is_451(bench: Bench) -> None:
    await bench.store.close()
    replies = await bench.send(mail(f"unsubscribe {token()}"), "unsubscribe@acme.fr")
    assert replies[-1].startswith("451 4.3.0 ")


async def test_where_no_operator_is_named_the_sender_hears_of_it(bench: Bench) -> None:
    replies = await bench.send(mail(body="When do you open?"), "leave@beta.it")
    assert replies[-1].startswith("550 5.7.0 ")
    assert not bench.upstream.heard


async def test_mail_that_circles_between_two_guards_ends(bench: Bench) -> None:
    received = (
        "by guard.acme.fr (smtpguard 0a1b2c3d) with ESMTP id X; Mon, 23 Nov 2026 10:00:00 +0000"
    )
    came = "".join(f"Received: from b.test\n\t{received}\n" for _ in range(3)) + mail(body="STOP")
    replies = await bench.send(came)
    assert replies[-1].startswith("554 5.4.6 ")
    assert not bench.upstream.heard


async def test_a_mail_for_two_of_our_addresses_is_passed_on_once(bench: Bench) -> None:
    replies = await bench.send(mail(body="Hello?"), "news@acme.fr", "abuse@acme.fr")
    assert [reply[:3] for reply in replies] == ["250", "250", "250"]
    assert len(bench.passed_on()) == 1


async def test_lmtp_answers_for_each(bench: Bench) -> None:
    replies = await bench.send(
        mail(body="Hello?"), "news@acme.fr", "leave@beta.it", protocol="LMTP"
    )
    assert [reply[:3] for reply in replies] == ["250", "250", "250", "550"]


async def test_one_line_a_mail_and_nobodys_address_in_it(bench: Bench) -> None:
    await bench.send(mail(f"unsubscribe {token()}"), "unsubscribe@acme.fr")
    await bench.send(mail(body="When do you open?"))
    left, asked = bench.journalled()
    reference = RING.references[0].reference("acme", "reader@client.fr")
    assert (left["what"], left["persons"], left["code"]) == ("leave", [reference], 250)
    assert (asked["what"], asked["did"], asked["passed_on"]) == ("unknown", ["unclear"], True)
    assert "client.fr" not in bench.journal.path.read_text()


# -- hostile ---------------------------------------------------------------------------------------

BOMB = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(200))


@pytest.mark.parametrize(
    "hostile",
    [
        BOMB,
        "Subject: \0\0\n\n\0STOP\0\n",
        "",
        "\n",
        "From: " + "(" * 50_000 + "\n\nSTOP\n",
        "Content-Type: text/html\n\n" + "<div>" * 100_000 + "STOP",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
        "Content-Type: message/delivery-status\n\n" + "\n \n" * 50_000 + "--b--\n",
        "Subject: " + "AQ" * 100_000 + "\n\n" + "AQ" * 500_000,
        "In-Reply-To: " + "<a@b>" * 50_000 + "\n\nSTOP\n",
        "Subject: x\n\n" + "please stop " * 100_000,
    ],
    ids=range(10),
)
@pytest.mark.parametrize("sender", ["reader@client.fr", ""])
async def test_hostile_mail_is_passed_on_and_does_nothing(
    bench: Bench, hostile: str, sender: str
) -> None:
    for to in ("news@acme.fr", "bounces@acme.fr"):
        replies = await bench.send(hostile, to, sender=sender)
        assert replies[-1].startswith("250 ")
    assert not await bench.left()


async def test_a_tag_at_another_address_says_whose_mail_it_is_not_what_they_want(
    bench: Bench,
) -> None:
    await bench.send(mail(body="When do you open?"), f"news+{token()}@acme.fr")
    assert not await bench.left()
    await bench.send(mail(body="Stop"), f"news+{token()}@acme.fr")
    assert await bench.left() == ["objection brand:acme by reply"]


async def test_what_cannot_be_read_in_time_is_for_the_operator(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "READING", 0.0)
    replies = await bench.send(mail(f"unsubscribe {token()}"), "unsubscribe@acme.fr", sender="")
    assert replies[-1].startswith("250 ")
    assert bench.journalled()[0]["did"] == ["not read in time"]
    assert len(bench.passed_on()) == 1

"""What an owner reads: in their language, whole, and nothing that a mailbox would answer."""

from __future__ import annotations

import email
from dataclasses import replace
from email.policy import default
from typing import Any

import pytest

from smtpguard.digest.letter import letter
from smtpguard.digest.news import BEGUN, ENDED, LASTS, concerned, news, owner_of
from smtpguard.digest.wording import WORDS, language_of, moment
from smtpguard.policy.controller import Feedback
from smtpguard.policy.policy import Policy
from smtpguard.store.outbox import Event, Job
from smtpguard.store.troubles import Cause, Count, Name, Trouble
from tests.digest.conftest import COMPANY, STREAM

SINCE = 1_795_428_000
FAULT = "unrendered-placeholder"
PAUSED = Name(Cause.PAUSED, "acme", "news", FAULT)
COUNTS = {("news", FAULT): Count(100, 4210, "550 5.6.0")}
POLICY = Policy("v1", {"acme": COMPANY}, (STREAM,))
WHOLE = """\
Since 23 November 2026, 10:00 UTC, mail of acme/news has been refused
for one and the same fault so often that the stream pauses: mail with
this fault is put off now (451). It waits in the queue of the sending
server instead of bouncing.

  unrendered-placeholder
  A template placeholder was not filled in (for example in the
  unsubscribe link). Fill it in and send again.
  refused: 100, put off: 4210
  More: https://u.acme.fr/why/unrendered-placeholder..550.en

What to do
1. Stop the mailing. Mend the template in the tool that sends it, and
   send again.
2. What waits in the queue is the old text, and mending the template
   does not mend it. Ask your postmaster to remove it; otherwise it is
   tried for days and comes back as undeliverable.
3. Nothing needs to be switched on again: the stream goes on by
   itself.

You are named as the owner of these streams in the policy of Acme SAS.
You hear of this when it begins, once a day while it lasts, and when
it is over.

--\x20
smtpguard, on guard.acme.fr
"""


def page(rule: str, detail: str, code: str, language: str) -> str:
    return f"https://u.acme.fr/why/{rule}.{detail}.{code[:3]}.{language}"


def told(trouble: Trouble, *streams: Any) -> Event:
    policy = Policy("v1", {"acme": COMPANY}, streams or (STREAM,))
    (event,) = news(trouble, policy, page, SINCE + 90).letters
    return event


def written(event: Event) -> Any:
    raw = letter(
        Job("msg_1", event, SINCE + 90),
        sender="postmaster@acme.fr",
        hostname="guard.acme.fr",
        company="Acme SAS",
    )
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 200
    return email.message_from_bytes(raw.replace(b"\r\n", b"\n"), policy=default)


def test_a_letter_is_whole() -> None:
    mail = written(told(Trouble(PAUSED, SINCE, counts=COUNTS)))
    assert mail["From"] == "smtpguard <postmaster@acme.fr>"
    assert mail["To"] == "marketing@acme.fr"
    assert mail["Subject"] == "[smtpguard] acme/news is held up: unrendered-placeholder"
    assert mail["Date"].datetime.timestamp() == SINCE + 90
    assert mail["Message-ID"] == "<msg_1@guard.acme.fr>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content() == WHOLE


def test_every_language_has_every_sentence() -> None:
    shapes = {
        language: {
            name: (len(said) if isinstance(said, list) else sorted(_fields(str(said))))
            for name, said in words.items()
        }
        for language, words in WORDS.items()
    }
    assert sorted(shapes) == ["en", "fr", "it"]
    assert shapes["fr"] == shapes["it"] == shapes["en"]


def _fields(said: str) -> list[str]:
    from string import Formatter

    return [name for _, name, _, _ in Formatter().parse(said) if name]


@pytest.mark.parametrize("language", ["en", "fr", "it"])
@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("state", [BEGUN, LASTS, ENDED, "short"])
def test_every_kind_in_every_language(language: str, cause: Cause, state: str) -> None:
    brand = replace(STREAM.brand, languages=(language,))
    silent = cause is Cause.EXIT
    name = Name(cause, "acme", brand.unsubscribe.url if silent else "news", "" if silent else FAULT)
    ended = SINCE + 80 if state in {ENDED, "short"} else 0
    trouble = Trouble(name, SINCE, ended, state in {LASTS, ENDED}, COUNTS)
    event = told(trouble, replace(STREAM, brand=brand))
    assert event["type"] == (BEGUN if state == "short" else state)
    mail = written({**event, "unclean": 12})
    text = " ".join(mail.get_content().split())
    for said in (moment(language, SINCE), "acme/news", "4210", "100", " 12 ", "Acme SAS"):
        assert said in text
    assert ("1. " in text) is (state != ENDED)
    assert "{" not in text
    assert "@client" not in text


def test_the_owners_own_streams_are_counted_apart() -> None:
    other = replace(STREAM, name="offers")
    url = STREAM.brand.unsubscribe.url
    counts = {**COUNTS, ("offers", FAULT): Count(0, 7, "451 4.6.0")}
    event = told(Trouble(Name(Cause.EXIT, "acme", url), SINCE, counts=counts), STREAM, other)
    text = written(event).get_content()
    assert "  news: refused: 100, put off: 4210" in text
    assert "  offers: refused: 0, put off: 7" in text


def test_two_owners_hear_of_their_own() -> None:
    url = STREAM.brand.unsubscribe.url
    other = replace(STREAM, name="offers", owner="offers@acme.fr")
    counts = {**COUNTS, ("offers", FAULT): Count(0, 7, "451 4.6.0")}
    trouble = Trouble(Name(Cause.EXIT, "acme", url), SINCE, counts=counts)
    policy = Policy("v1", {"acme": COMPANY}, (STREAM, other))
    one, two = news(trouble, policy, page, SINCE).letters
    assert (one["to"], one["streams"]) == ("marketing@acme.fr", ["news"])
    assert (two["to"], two["streams"]) == ("offers@acme.fr", ["offers"])
    assert [fault["deferred"] for fault in two["faults"]] == [7]


def test_a_program_hears_the_same_of_all_streams() -> None:
    (event,) = news(Trouble(PAUSED, SINCE, counts=COUNTS), POLICY, page, SINCE + 90).hooks
    assert event == {
        "type": "digest.begun",
        "controller": "acme",
        "cause": "paused",
        "streams": ["news"],
        "since": SINCE,
        "faults": [
            {
                "stream": "news",
                "rule": FAULT,
                "says": "A template placeholder was not filled in (for example in the"
                " unsubscribe link). Fill it in and send again.",
                "refused": 100,
                "deferred": 4210,
                "more": "https://u.acme.fr/why/unrendered-placeholder..550.en",
            }
        ],
        "at": SINCE + 90,
    }


def test_who_does_not_ask_for_digests_gets_none_by_webhook() -> None:
    deaf = replace(
        STREAM,
        controller=replace(
            COMPANY, webhooks=(replace(COMPANY.webhooks[0], events=("suppression.created",)),)
        ),
    )
    found = news(Trouble(PAUSED, SINCE), Policy("v1", {}, (deaf,)), page, SINCE)
    assert found.hooks == ()
    assert len(found.letters) == 1


def test_a_detail_is_explained() -> None:
    name = Name(Cause.PAUSED, "acme", "news", "hidden-unsubscribe-link.contrast")
    count = {("news", name.fault): Count(3, 1, "550 5.6.0")}
    text = written(told(Trouble(name, SINCE, counts=count))).get_content()
    assert "  hidden-unsubscribe-link.contrast\n" in text
    assert "https://u.acme.fr/why/hidden-unsubscribe-link.contrast.550.en" in text


def test_a_rule_that_this_version_does_not_know_is_left_out() -> None:
    name = Name(Cause.PAUSED, "acme", "news", "future-rule")
    assert told(Trouble(name, SINCE))["faults"] == []


def test_the_language_is_the_brands_or_the_refusals() -> None:
    german = replace(STREAM, brand=replace(STREAM.brand, languages=("de", "fr")))
    assert language_of(german) == "en"
    assert language_of(replace(german, reply_language="it")) == "it"
    french = replace(STREAM, brand=replace(STREAM.brand, languages=("fr",)))
    assert language_of(replace(french, reply_language="it")) == "fr"


def test_an_owner_is_an_address_or_the_operator_is() -> None:
    assert owner_of(STREAM) == "marketing@acme.fr"
    assert owner_of(replace(STREAM, owner="Marketing")) == "postmaster@acme.fr"
    bare = replace(COMPANY, feedback=Feedback())
    alone = replace(STREAM, owner="", controller=bare)
    assert owner_of(alone) == ""
    assert news(Trouble(PAUSED, SINCE), Policy("v1", {}, (alone,)), page, SINCE).letters == ()


def test_whose_mail_it_holds_up() -> None:
    assert concerned(Trouble(PAUSED, SINCE), POLICY) == [STREAM]
    assert concerned(Trouble(PAUSED._replace(subject="other"), SINCE), POLICY) == []
    assert concerned(Trouble(PAUSED._replace(controller="beta"), SINCE), POLICY) == []

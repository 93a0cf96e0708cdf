"""A refusal names the fault, the remedy, the stream, its owner and the id, in the first 512."""

from __future__ import annotations

from dataclasses import replace

from smtpguard.keys import Keyring, LinkKey
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Action, Kind, Stream
from smtpguard.rules import ALL
from smtpguard.rules.rule import Finding
from smtpguard.unsubscribe.why import Refusal, read
from smtpguard.verdict.refusal import Help, refuse
from smtpguard.verdict.weigh import Outcome, Weighed

STREAM = Stream(
    "newsletter",
    Controller("acme", "Acme SAS"),
    Brand("acme", ("Acme",)),
    Kind.MARKETING,
    owner="marketing@acme.example",
    reply_language="fr",
)


def weighed(rule: str, **changes: object) -> Weighed:
    finding = Finding(rule, found="a link to #")
    return replace(
        Weighed(finding, Action.REJECT, Outcome.REFUSED),
        **changes,  # type: ignore[arg-type]
    )


def test_the_whole_reply() -> None:
    reply = refuse(
        [weighed("dead-unsubscribe-link"), weighed("missing-postal-address")],
        STREAM,
        reference="7F3A9C",
        manual=Help("https://help.acme.example/"),
    )
    assert bytes(reply).decode().split("\r\n") == [
        "550-5.6.0 dead-unsubscribe-link: The unsubscribe link does not lead anywhere."
        " Fix its target and send again.",
        "550-5.6.0 found: a link to #",
        "550-5.6.0 [id=7F3A9C stream=acme/newsletter owner=marketing@acme.example]",
        "550-5.6.0 also: missing-postal-address",
        "550-5.6.0 Le lien de desinscription ne mene nulle part. Corrigez sa cible et renvoyez.",
        "550 5.6.0 more: https://help.acme.example/dead-unsubscribe-link",
        "",
    ]


def test_what_must_not_be_altered_is_5_6_2() -> None:
    reply = refuse(
        [weighed("missing-unsubscribe-link", blocked="S/MIME signed", prohibited=True)],
        STREAM,
        reference="1",
        manual=Help(),
    )
    assert (reply.code, reply.enhanced) == (550, "5.6.2")
    assert "left unmended: S/MIME signed" in bytes(reply).decode()
    assert bytes(reply).endswith(b"more: smtpguard explain missing-unsubscribe-link\r\n")


def test_a_deferral_has_a_transient_code_of_the_same_subject() -> None:
    reply = refuse(
        [weighed("missing-unsubscribe-link", outcome=Outcome.DEFERRED)],
        STREAM,
        reference="1",
        manual=Help(),
    )
    assert (reply.code, reply.enhanced) == (451, "4.6.0")


def test_every_rule_says_what_matters_in_the_first_512_octets() -> None:
    for rule in ALL:
        finding = Finding(rule.id, found="x" * 120)
        reply = refuse(
            [Weighed(finding, Action.REJECT, Outcome.REFUSED)],
            STREAM,
            reference="9SHHFH2GP6MDK",
            manual=Help("https://help.acme.example"),
        )
        head = bytes(reply)[:512].decode("ascii")
        for word in (rule.id, "id=9SHHFH2GP6MDK", "acme/newsletter", "marketing@acme.example"):
            assert word in head, rule.id


def test_our_own_page_says_what_was_found_and_names_nobody() -> None:
    ring = Keyring((), (LinkKey(1, b"l" * 64),))
    manual = Help("https://help.acme.example", "https://u.acme.example/why", ring, 1_800_000_000)
    reply = refuse([weighed("dead-unsubscribe-link")], STREAM, reference="1", manual=manual)
    url = reply.text[-1].removeprefix("more: ")
    token = url.removeprefix("https://u.acme.example/why/")
    assert read(ring, token, 1_800_000_001) == Refusal(
        "dead-unsubscribe-link", "", "550 5.6.0", "fr", 1_800_000_000
    )
    assert len(url) < 200

"""text/plain: links, their words, and quotations."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail import href, quotation
from smtpguard.mail.message import Message
from smtpguard.mail.plain import LONG, Plain
from smtpguard.mail.reading import Reading
from smtpguard.mail.spacing import one_line


def read(text: str) -> Reading:
    return Plain(text).reading(Message(b"").root)


def test_words_and_lines() -> None:
    shown = read("  a \t b\r\n\r\nc\u00a0d\n")
    assert (shown.visible, shown.prose, shown.links) == ("a b\nc d", "a b\nc d", ())
    assert shown.complete
    assert not shown.below


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("https://a.fr/u.", ["https://a.fr/u"]),
        ("(see http://a.fr/x_(y))", ["http://a.fr/x_(y)"]),
        ("<https://a.fr/u?x=1&y=2>", ["https://a.fr/u?x=1&y=2"]),
        ("HTTPS://A.FR/u, www.b.fr!", ["HTTPS://A.FR/u", "http://www.b.fr"]),
        ("mailto:out@a.fr?subject=stop", ["mailto:out@a.fr?subject=stop"]),
        ("write to out+x@a.co.uk;", ["mailto:out+x@a.co.uk"]),
        ("https://a.fr/{{token}}", ["https://a.fr/{{token}}"]),
        ("https://x@evil.test/", ["https://x@evil.test/"]),
        ("a@b, 3://4 and www.", []),
    ],
)
def test_what_mail_programs_make_clickable(text: str, targets: list[str]) -> None:
    assert [link.target for link in read(text).links] == targets


def test_a_label_stands_before_its_link() -> None:
    text = "To unsubscribe:\n\nhttps://a.fr/1\nPrivacy: https://a.fr/2\nShop <https://a.fr/3> now\n"
    assert [link.context for link in read(text).links] == [
        "To unsubscribe: https://a.fr/1",
        "Privacy: https://a.fr/2",
        "Shop <https://a.fr/3> now",
    ]


def test_a_label_may_stand_below_a_link_without_one() -> None:
    text = "https://a.fr/1\nfollow this link to unsubscribe\n\nBye"
    assert read(text).links[0].context == "https://a.fr/1 follow this link to unsubscribe"


def test_context_reaches_two_hundred_characters_each_way() -> None:
    (link,) = read(f"{'a ' * 300}https://a.fr {'b ' * 300}").links
    assert len(link.context) == 99 * 2 + 1 + 1 + len("https://a.fr") + 1 + 99 * 2 + 1


@pytest.mark.parametrize(
    "quotation",
    [
        "> unsubscribe: https://a.fr/u\n>> more",
        "On Mon, 2 Nov 2026 at 10:00, Ann <ann@a.fr> wrote:\n> https://a.fr/u",
        "On Mon, 2 Nov 2026 at 10:00, Ann Long Name\n<ann@a.fr> wrote:\n\n> https://a.fr/u",
        "Le lun. 2 nov. 2026 à 10:00, Ann <a@a.fr> a écrit :\nhttps://a.fr/u",
        "Il giorno lun 2 nov 2026 alle 10:00 Ann ha scritto:\n> https://a.fr/u",
        "Am 02.11.2026 um 10:00 schrieb Ann <a@a.fr>:\n> https://a.fr/u",
        "El lun, 2 nov 2026 a las 10:00, Ann escribió:\n> https://a.fr/u",
        "Em seg., 2 de nov. de 2026 às 10:00, Ann escreveu:\n> https://a.fr/u",
        "Op ma 2 nov. 2026 om 10:00 schreef Ann:\n> https://a.fr/u",
        "-----Original Message-----\nFrom: Ann\nhttps://a.fr/u",
        "---------- Forwarded message ---------\nhttps://a.fr/u",
        "-----Message d'origine-----\nhttps://a.fr/u",
        "-----Ursprüngliche Nachricht-----\nhttps://a.fr/u",
    ],
)
def test_quoted_messages_are_no_evidence(quotation: str) -> None:
    shown = read(f"Hello\n\n{quotation}")
    assert shown.visible == "Hello"
    assert shown.links
    assert all(link.quoted for link in shown.links)


def test_what_follows_a_marked_quotation_is_ours_again() -> None:
    text = "On Mon Ann wrote to all of us, as she wrote:\n> old\nunsubscribe: https://a.fr/u"
    shown = read(text)
    assert shown.visible == "unsubscribe: https://a.fr/u"
    assert not shown.links[0].quoted
    assert not shown.below
    assert read("-----Original Message-----\nold").below
    assert read("Ann wrote a line.\nOn Monday Ann wrote:\nold").below


def test_a_sentence_that_looks_like_an_attribution_is_not() -> None:
    text = "On Monday she wrote a letter.\nBye"
    assert read(text).visible == text


def test_what_everybody_gets_is_the_same_text() -> None:
    text = "Dear Ann,\n\nHere is the news.\n\nhttps://a.fr/{}\n\nMore of it\nbelow: https://a.fr/{}\nBye"
    one, other = (read(text.format(n, n)).stretches for n in ("1", "2"))
    assert "\n".join(one) == read(text.format("1", "1")).visible
    assert [a is b for a, b in zip(one, other, strict=True)] == [True, False, True, False, True]


def by_lines(text: str) -> tuple[str, list[tuple[str, str, bool]], bool]:
    """The visible text, the links and what is below, read line by line."""
    every = text.splitlines()
    quoted, below = quotation.quoted(every)
    links = [
        (line[start:end], target, not_own)
        for line, not_own in zip(map(one_line, every), quoted, strict=True)
        for start, end, target in href.standing(line)
    ]
    own = [one_line(line) for line, not_own in zip(every, quoted, strict=True) if not not_own]
    return "\n".join(filter(None, own)), links, below


PIECES = [
    "\n", "\r", "\r\n", " ", "  ", "\t", ">", "On ", "wrote", "wrote:", ":", "https://", "http://",
    "HTTP://", "://", "a.fr", "@", "www.", ".", ")", "(", "/", "-----", "Original Message",
    "\u00e9", "\u2028", "\x0b", "\x85", "\n\n", "a", "\xad", "\n> ", "what he wrote for\nmore:\n",
]  # fmt: skip


@settings(max_examples=500, deadline=None, database=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_whatever_comes_is_read(pieces: list[str]) -> None:
    text = "".join(pieces)
    shown = read(text)
    assert shown.complete
    assert "\n\n" not in shown.visible
    links = [(link.text, link.target, link.quoted) for link in shown.links]
    assert (shown.visible, links, shown.below) == by_lines(text)
    for link in shown.links:
        assert link.text
        assert link.text in link.context


@settings(max_examples=50, deadline=None, database=None)
@given(st.lists(st.sampled_from(["https://a.fr/x", "a" * LONG, "word\n", "\n\n"]), max_size=20))
def test_what_is_too_long_to_remember_is_read(pieces: list[str]) -> None:
    shown = read("".join(pieces))
    links = [(link.text, link.target, link.quoted) for link in shown.links]
    assert (shown.visible, links, shown.below) == by_lines("".join(pieces))

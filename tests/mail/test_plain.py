"""text/plain: links, their words, and quotations."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail.plain import gather


def test_words_and_lines() -> None:
    assert gather("  a \t b\r\n\r\nc\u00a0d\n") == ("a b\nc d", (), True, False)


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
    assert [link.target for link in gather(text)[1]] == targets


def test_a_label_stands_before_its_link() -> None:
    text = "To unsubscribe:\n\nhttps://a.fr/1\nPrivacy: https://a.fr/2\nShop <https://a.fr/3> now\n"
    assert [link.context for link in gather(text)[1]] == [
        "To unsubscribe: https://a.fr/1",
        "Privacy: https://a.fr/2",
        "Shop <https://a.fr/3> now",
    ]


def test_a_label_may_stand_below_a_link_without_one() -> None:
    text = "https://a.fr/1\nfollow this link to unsubscribe\n\nBye"
    assert gather(text)[1][0].context == "https://a.fr/1 follow this link to unsubscribe"


def test_context_reaches_two_hundred_characters_each_way() -> None:
    (link,) = gather(f"{'a ' * 300}https://a.fr {'b ' * 300}")[1]
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
    shown = gather(f"Hello\n\n{quotation}")
    assert shown.visible == "Hello"
    assert shown.links
    assert all(link.quoted for link in shown.links)


def test_what_follows_a_marked_quotation_is_ours_again() -> None:
    text = "On Mon Ann wrote to all of us, as she wrote:\n> old\nunsubscribe: https://a.fr/u"
    shown = gather(text)
    assert shown.visible == "unsubscribe: https://a.fr/u"
    assert not shown.links[0].quoted
    assert not shown.below
    assert gather("-----Original Message-----\nold").below
    assert gather("Ann wrote a line.\nOn Monday Ann wrote:\nold").below


def test_a_sentence_that_looks_like_an_attribution_is_not() -> None:
    assert gather("On Monday she wrote a letter.\nBye")[0] == "On Monday she wrote a letter.\nBye"


PIECES = [
    "\n", "\r", " ", ">", "On ", "wrote:", "https://", "a.fr", "@", "www.", ".", ")",
    "-----", "\u00e9", "\u2028",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(PIECES),
        max_size=30,
    )
)
def test_whatever_comes_is_read(pieces: list[str]) -> None:
    shown = gather("".join(pieces))
    assert shown.complete
    assert "\n\n" not in shown.visible
    for link in shown.links:
        assert link.text
        assert link.text in link.context

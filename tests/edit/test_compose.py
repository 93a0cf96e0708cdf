"""Whole messages mended: fields, structure, attachments, and what may not be changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.compose import Mended, Unmendable, compose
from smtpguard.edit.fix import (
    AddField,
    Fix,
    OfferExit,
    Paragraph,
    Place,
    RemoveField,
)
from smtpguard.edit.wording import WORDINGS, label, unsubscribe
from smtpguard.mail.message import Message
from smtpguard.unsubscribe.link import Exit
from tests.edit.letters import (
    HEAD,
    PAGE,
    WAY_OUT,
    crlf,
    footer,
    leaf,
    mail,
    mend,
    multipart,
    newsletter,
    text,
)


def test_nothing_personal_without_an_exit() -> None:
    for fixes in (footer(""), [("missing-list-unsubscribe", OfferExit())]):
        for nothing in (None, Exit()):
            raw = mail(leaf(b"Hi\r\n", "text/plain"))
            done = compose(Message(raw), fixes, exit=nothing, language="fr", eight_bit=False)
            assert done == Unmendable("there is no exit address to offer")


def test_new_fields_stand_at_the_very_top() -> None:
    raw = mail(leaf(b"Hi\r\n", "text/plain"))
    done = mend(raw, [("a", AddField("List-Id", "Été <news.acme.example>")), ("b", OfferExit())])
    assert (
        done.raw
        == (
            b"List-Id: =?utf-8?b?w4l0w6kgPG5ld3MuYWNtZS5leGFtcGxlPg==?=\r\n"
            b"List-Unsubscribe: <https://u.acme.example/u/AQcDeF-0_9>, "
            b"<mailto:u@acme.example?subject=unsubscribe%20AQ>\r\n"
            b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        )
        + raw
    )
    assert [edit.why for edit in done.edits] == ["a", "b", "b"]


def test_an_offer_replaces_what_there_is() -> None:
    old = b"List-Unsubscribe: <mailto:x@y.example>,\r\n <https://y.example>\r\n"
    post = b"LIST-UNSUBSCRIBE-POST: one\r\n"
    raw = old + HEAD + post + b"\r\nHi\r\n"
    done = mend(raw, [("missing-one-click", OfferExit(replace=True))])
    assert old not in done.raw
    assert post not in done.raw
    assert done.raw.endswith(HEAD + b"\r\nHi\r\n")


def test_a_field_is_removed_whole() -> None:
    raw = b"A: 1\r\nX-SmtpGuard-Stream: a\r\n\tb\r\nFrom: a@b\r\n\r\nHi\r\n"
    assert mend(raw, [("r", RemoveField(1)), ("s", RemoveField(1))]).raw == (
        b"A: 1\r\nFrom: a@b\r\n\r\nHi\r\n"
    )


def test_fields_that_are_not_there_and_headers_that_are_none_are_refused() -> None:
    def refused(raw: bytes, fix: Fix) -> str:
        done = compose(Message(raw), [("r", fix)], exit=None, language="en", eight_bit=False)
        assert isinstance(done, Unmendable)
        return done.why

    assert "no such" in refused(HEAD + b"\r\n", RemoveField(9))
    assert "no field" in refused(b" folded\r\nFrom: a@b\r\n\r\n", AddField("A", "b"))
    assert "no field" in refused(b"From a@b Mon\r\nFrom: a@b\r\n\r\n", AddField("A", "b"))


def test_two_fixes_of_one_place_are_refused() -> None:
    raw = mail(leaf(b"Hi\r\n", "text/plain; charset=us-ascii"))
    index = next(i for i, f in enumerate(Message(raw).fields) if f.key == "content-type")
    fixes = [*footer(""), ("x", RemoveField(index))]
    done = compose(Message(raw), fixes, exit=WAY_OUT, language="fr", eight_bit=False)
    assert done == Unmendable("two fixes would change the same place")


SIGNED = leaf(b"signature", "application/pkcs7-signature; name=smime.p7s", "base64")


@pytest.mark.parametrize(
    ("part", "number"),
    [
        (multipart("signed", leaf(b"Hi\r\n", "text/plain"), SIGNED), "1"),
        (
            multipart(
                "mixed",
                multipart("signed", leaf(b"Hi\r\n", "text/plain"), SIGNED, boundary="i"),
            ),
            "1.1",
        ),
        (
            multipart(
                "signed",
                multipart("mixed", leaf(b"Hi\r\n", "text/plain"), boundary="i"),
                SIGNED,
            ),
            "1.1",
        ),
        (multipart("encrypted", leaf(b"Hi\r\n", "text/plain")), "1"),
        (multipart("mixed", leaf(HEAD + b"\r\nHi\r\n", "message/rfc822")), "1.1"),
        (multipart("mixed", leaf(b"PDF", "application/pdf")), "1"),
        (multipart("alternative", leaf(b"<html amp4email>", "text/x-amp-html")), "1"),
        (leaf(b"Hi\r\n", "text/plain\r\nContent-Disposition: attachment"), ""),
        (leaf(b"Hi\r\n", "text/plain"), "7"),
        (leaf(b"Hi\r\n", "text/plain; charset=utf-7"), ""),
        (leaf(b"Hi\r\n", "text/plain\r\nContent-Transfer-Encoding: x-uuencode"), ""),
        (leaf(b"Hi\r\n", "text/plain\r\nContent-Type: text/html"), ""),
        (leaf(b"", "text/plain\r\nContent-Transfer-Encoding: base64") + b"SGkK!!!SG\r\n", ""),
    ],
)
def test_what_may_not_be_changed_is_not_changed(part: bytes, number: str) -> None:
    done = compose(
        Message(mail(part)), footer(number), exit=WAY_OUT, language="fr", eight_bit=False
    )
    assert isinstance(done, Unmendable)


def test_structure_and_attachments_stay_as_they_were() -> None:
    """mailcow#5892, #7399, #7480, #7398, #6588; sympa#658."""
    raw = newsletter()
    done = mend(raw, footer("1.1.1", "1.1.2"))
    before, after = Message(raw), Message(done.raw)
    assert [(p.number, p.type) for p in before.parts] == [(p.number, p.type) for p in after.parts]
    assert len(after.attachments) == len(before.attachments) == 21
    assert done.raw.count(b"Acme SAS") == 2
    assert text(done.raw, "1.1.1").count("Acme SAS") == 1
    assert text(done.raw, "1.1.2").count("Acme SAS") == 1
    assert done.raw.endswith(raw[raw.index(b"----inner-1--") :])


def test_equal_paragraphs_of_two_rules_are_one_and_stand_in_their_order() -> None:
    raw = mail(leaf(b"Hi\r\n", "text/plain; charset=utf-8", "8bit"))
    one = Paragraph(Place.SENDER, "Sender: Acme SAS.", frozenset({""}))
    last = Paragraph(Place.RIGHTS, "Rights: dpo@acme.example.", frozenset({""}))
    where = Paragraph(Place.ADDRESS, "Postal address: Lyon.", frozenset({""}))
    done = mend(raw, [("c", last), ("a", one), ("b", where), ("d", one)])
    assert text(done.raw) == (
        "Hi\r\n\r\nSender: Acme SAS.\r\n\r\nPostal address: Lyon.\r\n"
        "\r\nRights: dpo@acme.example.\r\n"
    )
    (edit,) = done.edits
    assert edit.why == "c, a, b, d"


def test_what_is_already_there_is_not_put_in_again() -> None:
    raw = mail(leaf(crlf(PAGE), "text/html; charset=utf-8", "quoted-printable"))
    once = mend(raw, footer("")[1:])
    both = mend(once.raw, footer(""))
    assert text(both.raw).count("Acme SAS") == 1
    assert "{exit}" not in text(both.raw)


def test_no_fix_is_no_edit() -> None:
    raw = newsletter()
    assert mend(raw, []) == Mended(raw, ())


@pytest.mark.parametrize("language", sorted(WORDINGS))
def test_every_language_goes_into_both_kinds_of_text(language: str) -> None:
    done = mend(newsletter(), footer("1.1.1", "1.1.2", language=language), language=language)
    assert unsubscribe(language).replace("{exit}", WAY_OUT.url) in text(done.raw, "1.1.1").replace(
        " \r\n", " "
    )
    assert f">{label(language)}</a>".encode("ascii", "xmlcharrefreplace").decode() in text(
        done.raw, "1.1.2"
    )


SCRAPS = ["é", "word " * 20, "x" * 80, "\n", "\n\n", " ", "= =3D ", "\t", ".\n", "> q\n", "-- \n"]
TAGS = [
    "<p>",
    "</p>",
    "<!--",
    "-->",
    "</body>",
    "<body>",
    "<script>",
    "</script>",
    '<a title="',
    '">',
]


@st.composite
def any_mail(draw: st.DrawFn) -> tuple[bytes, str]:
    """A message with one text part of any shape, and the number of that part."""
    kind = draw(st.sampled_from(["plain", "html"]))
    pieces = draw(st.lists(st.sampled_from(SCRAPS + (TAGS if kind == "html" else [])), max_size=12))
    charset = draw(st.sampled_from(["utf-8", "iso-8859-1", "gb18030", "utf-16", ""]))
    encoding = draw(st.sampled_from(["8bit", "quoted-printable", "base64"]))
    if charset == "utf-16":
        encoding = "base64"
    parameter = f"; charset={charset}" if charset else ""
    flowed = draw(st.sampled_from(["", "; format=flowed", "; format=flowed; delsp=yes"]))
    content = crlf("".join(pieces), charset or "utf-8")
    part = leaf(content, f"text/{kind}{parameter}{flowed if kind == 'plain' else ''}", encoding)
    if draw(st.booleans()):
        return mail(part), ""
    return mail(multipart("mixed", part, leaf(b"PDF", "application/pdf", "base64"))), "1"


@settings(max_examples=200, deadline=None)
@given(any_mail(), st.booleans())
def test_any_mail_is_mended_without_harm_or_left_alone(
    case: tuple[bytes, str], eight_bit: bool
) -> None:
    raw, number = case
    done = compose(Message(raw), footer(number), exit=WAY_OUT, language="fr", eight_bit=eight_bit)
    if isinstance(done, Unmendable):
        assert "would" in done.why
        return
    assert mend(raw, footer(number), eight_bit=eight_bit) == done
    before = next(p for p in Message(raw).parts if p.number == number).text
    after = text(done.raw, number)
    assert before is not None
    head = next((i for i, c in enumerate(before) if c != after[i]), len(before))
    assert after.endswith(before[head:]), "the text was changed, not only added to"

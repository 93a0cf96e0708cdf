"""The footer as text and as HTML, away from any mail."""

from __future__ import annotations

from smtpguard.edit import footer
from smtpguard.edit.fix import Paragraph, Place
from smtpguard.unsubscribe.link import Exit

WAY_OUT = Exit("https://u.acme.example/u/" + "A" * 80)


def paragraph(text: str, label: str = "") -> Paragraph:
    return Paragraph(Place.SENDER, text, frozenset({""}), label)


def test_paragraphs_are_parted_by_an_empty_line() -> None:
    assert footer.plain(["One.", "Two."], flowed=False, delsp=False, wrapped=False) == [
        "One.",
        "",
        "Two.",
    ]


def test_wrapped_lines_hold_76_columns_and_links_whole() -> None:
    text = "word " * 30 + WAY_OUT.url
    lines = footer.plain([text], flowed=False, delsp=False, wrapped=True)
    assert lines[-1] == WAY_OUT.url
    assert all(len(line) <= 76 for line in lines[:-1])
    assert footer.plain([text], flowed=False, delsp=False, wrapped=False) == [text]


def test_flowed_lines_are_stuffed() -> None:
    """RFC 3676 §4.4."""
    text = "x" * 75 + " > y " + "z" * 74 + " From here"
    lines = footer.plain([text], flowed=True, delsp=False, wrapped=True)
    assert lines == ["x" * 75 + " ", " > y ", "z" * 74 + " ", " From here"]


def test_the_exit_is_labelled_in_html_and_spelt_out_in_text() -> None:
    leave = paragraph("Leave here: {exit}", "Unsubscribe")
    assert footer.filled(leave, WAY_OUT) == f"Leave here: {WAY_OUT.url}"
    assert footer.labelled(leave, WAY_OUT) == "Leave here: Unsubscribe"
    page = footer.markup([leave], WAY_OUT, "en").decode()
    assert f'<a href="{WAY_OUT.url}"' in page
    assert ">Unsubscribe</a>" in page
    bare = footer.markup([paragraph("{exit}")], WAY_OUT, "en").decode()
    assert f">{WAY_OUT.url}</a>" in bare


def test_links_end_where_the_sentence_goes_on() -> None:
    page = footer.markup(
        [paragraph("See https://a.example/b(c), jo@a.example; or https://a.example/x.")],
        WAY_OUT,
        "en",
    ).decode()
    assert 'href="https://a.example/b(c"' in page
    assert 'href="mailto:jo@a.example"' in page
    assert 'href="https://a.example/x"' in page
    assert page.count("<a ") == 3


def test_html_is_ascii_whatever_the_words() -> None:
    page = footer.markup([paragraph("Éléments – 漢字 😀")], WAY_OUT, "fr")
    assert page.isascii()
    assert b"&#128512;" in page


def test_html_states_its_own_look() -> None:
    page = footer.markup([paragraph("x")], WAY_OUT, "he").decode()
    for needed in (
        'lang="he"',
        'dir="rtl"',
        "text-align:right",
        "background-color:#ffffff",
        "color:#333333",
    ):
        assert needed in page
    assert "text-align:left" in footer.markup([paragraph("x")], WAY_OUT, "de").decode()


def test_a_language_cannot_break_out_of_its_attribute() -> None:
    assert b'lang="&quot;&gt;' in footer.markup([paragraph("x")], WAY_OUT, '"><script>')

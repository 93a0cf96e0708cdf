"""White space is told from words as Python tells it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail.spacing import one_line


@given(
    st.text(st.sampled_from("ab \t\n\r\x1c\x85\xa0\u2003\u2028\u200b\xad\u3000") | st.characters())
)
def test_one_line_is_all_words_with_a_space_between(text: str) -> None:
    assert one_line(text) == " ".join(text.split())

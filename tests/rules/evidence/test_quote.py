"""What a finding may print."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.rules.evidence.quote import LONGEST, quote


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("two\r\n lines", "two lines"),
        ("https://a.fr/?e=zoe@b.fr&x=1", "https://a.fr/?e=<address>&x=1"),
        ("https://a.fr/u/zoe%40b.fr", "https://a.fr/u/<address>"),
        ("mailto:zoe@b.fr", "mailto:<address>"),
        ("*|UNSUB|*", "*|UNSUB|*"),
        ("a\x1b[31mb", "a[31mb"),
    ],
)
def test_quote(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(st.text(), st.text(alphabet="abc", min_size=1), st.text(alphabet="abc", min_size=1))
@settings(max_examples=100)
def test_nobody_is_named_and_nothing_is_long(around: str, local: str, domain: str) -> None:
    line = quote(f"{around} {local}@{domain} {around}")
    assert len(line) <= LONGEST
    assert f"{local}@{domain}" not in line
    assert "\n" not in line
